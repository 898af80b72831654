// The argument of MAIL and RCPT, read as qmail-smtpd reads it (addrparse; formats/qmail.md 2.2). The words `FROM:` and `TO:` are never checked.
//
//   1. after the first `<`: the address ends at the first unquoted `>`
//   2. without a `<`: after the first `:` and spaces; the address ends at the first unquoted space. Without a `:` it is empty
//   3. a leading `@`: a source route, dropped through the next `:` (all of it when there is none)
//   4. a backslash is dropped and the next byte taken as it is; `"` is dropped and toggles quoting. Nothing needs to be closed
//   5. `[192.0.2.1]` after the last `@`, when that is an address of this host, becomes the name in control/localiphost
//   6. more than 899 bytes are refused by the caller
//
//   FROM:<@relay.example:noel@example.gr.jp> SIZE=1000        noel@example.gr.jp
//   TO: "a b"@example.jp                                       a b@example.jp
//
// What follows the end of the address are the ESMTP parameters. qmail ignores them; SIZE alone is of use here, and only when it is a plain number.

/** The longest address that is taken, in bytes. */
export const longestAddress = 899;

export interface SmtpPath {
  /** Without quotes, brackets and source route; empty for `<>` and for nothing at all. */
  readonly address: string;
  /** What follows the address in the line. */
  readonly parameters: string;
}

/** Finds the address in the argument of MAIL or RCPT. Everything is accepted. */
export function parsePath(argument: string): SmtpPath {
  const open = argument.indexOf('<');
  if (open >= 0) return copyAddress(argument, skipRoute(argument, open + 1), '>');
  let start = argument.indexOf(':') + 1;
  if (start === 0) return { address: '', parameters: argument };
  while (argument[start] === ' ') start++;
  return copyAddress(argument, skipRoute(argument, start), ' ');
}

function skipRoute(argument: string, start: number): number {
  if (argument[start] !== '@') return start;
  const colon = argument.indexOf(':', start);
  return colon < 0 ? argument.length : colon + 1;
}

function copyAddress(argument: string, start: number, terminator: string): SmtpPath {
  const end = argument.indexOf(terminator, start);
  const plain = end < 0 ? argument.slice(start) : argument.slice(start, end);
  if (!plain.includes('"') && !plain.includes('\\')) {
    return { address: plain, parameters: end < 0 ? '' : argument.slice(end + 1) };
  }
  return copyQuoted(argument, start, terminator);
}

function copyQuoted(argument: string, start: number, terminator: string): SmtpPath {
  let address = '';
  let quoted = false;
  for (let i = start; i < argument.length; i++) {
    const character = argument[i];
    if (character === terminator && !quoted) return { address, parameters: argument.slice(i + 1) };
    if (character === '"') quoted = !quoted;
    else if (character === '\\') address += argument[++i] ?? '';
    else address += character;
  }
  return { address, parameters: '' };
}

/**
 * Puts the name of this host in the place of an address literal that means this host.
 * @param name control/localiphost
 * @param isMine whether a dotted IPv4 address belongs to this host
 */
export function replaceLiteral(address: string, name: string, isMine: (ip: string) => boolean): string {
  const at = address.lastIndexOf('@');
  if (at < 0 || address[at + 1] !== '[') return address;
  const octets = /^\[(\d+)\.(\d+)\.(\d+)\.(\d+)\]$/.exec(address.slice(at + 1));
  if (octets === null) return address;
  // scan_ulong into an unsigned char: the number is taken modulo 256.
  const ip = octets.slice(1).map((digits) => BigInt(digits) & 255n);
  return isMine(ip.join('.')) ? address.slice(0, at + 1) + name : address;
}

/** The SIZE parameter of MAIL (RFC 1870) in bytes; undefined when there is none that is a number. */
export function declaredSize(parameters: string): number | undefined {
  const size = /(?:^| )SIZE=(\d{1,20})(?= |$)/i.exec(parameters)?.[1];
  return size === undefined ? undefined : Number(size);
}
