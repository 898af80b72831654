// Who is at the other end of a session: what tcpserver would have put into qmail-smtpd's environment (formats/cdb-tcprules.md 2.6, formats/qmail.md 2.1).
//
// Addresses have ucspi-tcp's forms: IPv4 dotted, also when it came mapped into IPv6; IPv6 short. A rule's variables stand above the server's own, so a rule
// may give the client another address or name in Received lines; the look-up of the rule and the counting of sessions go by the real address. All variables are
// kept with the session, those without a meaning here too.
//
//   RELAYCLIENT   set, even to nothing: rcpthosts is not asked, and the value is appended to every recipient
//   DATABYTES     replaces control/databytes; without digits it is 0, no limit
//   TCPREMOTEIP, TCPREMOTEHOST, TCPREMOTEINFO, TCPLOCALHOST     for the Received line

export interface Client {
  /** The real address, by which rules and limits go; `unix` for one of a unix socket, `unknown` when a front end does not know it. */
  readonly address: string;
  /** The front end that named the client; undefined when it came itself. */
  readonly via?: string | undefined;
  /** Who has logged in at the front end. */
  readonly login?: string | undefined;
  /** The e-mail address of the certificate that lets it relay. */
  readonly certificate?: string | undefined;
  readonly remoteIp: string;
  /** undefined: it has no name, or none was looked up. */
  readonly remoteHost: string | undefined;
  readonly remoteInfo: string | undefined;
  /** This host's name for the client. */
  readonly local: string;
  /** What is appended to recipients; undefined when the client may not relay. */
  readonly relaySuffix: string | undefined;
  /** The size limit that a rule sets, in bytes, 0 for none; undefined when no rule does. */
  readonly databytes: number | undefined;
  readonly environment: ReadonlyMap<string, string>;
}

/** For log lines: `192.0.2.9`, `192.0.2.9 via 127.0.0.1`. */
export function shownClient({ address, via, login, certificate }: Client): string {
  const named = { via, login, certificate };
  const words = Object.entries(named).flatMap(([word, value]) => (value === undefined ? [] : ` ${word} ${value}`));
  return address + words.join('');
}

/**
 * @param address in ucspi-tcp's form
 * @param host the client's name, when one was looked up
 * @param environment the variables of the access rule
 * @param localName what `by` in the Received line says unless a rule sets TCPLOCALHOST
 */
export function describeClient(
  address: string,
  host: string | undefined,
  environment: ReadonlyMap<string, string>,
  localName: string,
): Client {
  const databytes = environment.get('DATABYTES');
  return {
    address,
    remoteIp: environment.get('TCPREMOTEIP') ?? address,
    remoteHost: environment.get('TCPREMOTEHOST') ?? host,
    remoteInfo: environment.get('TCPREMOTEINFO'),
    local: environment.get('TCPLOCALHOST') ?? localName,
    relaySuffix: environment.get('RELAYCLIENT'),
    databytes: databytes === undefined ? undefined : Number(/^\d+/.exec(databytes)?.[0] ?? 0),
    environment,
  };
}
