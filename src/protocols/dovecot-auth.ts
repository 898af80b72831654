// Dovecot's authentication protocol, version 1, between a server of ours and its clients: Postfix, Exim, Dovecot's own programs (formats/dovecot.md 6.1 to 6.4).
//
//   client                                                     server
//   VERSION <1> <minor>                                        VERSION <1> <2>
//   CPID <process id>                                          MECH <name> [plaintext|dictionary|active|...]...      one for each
//                                                              SPID <pid>  CUID <n>  COOKIE <32 hex>  DONE
//   AUTH <id> <mechanism> service=smtp [nologin] [lip=] [rip=] [secured] ... [resp=<base64>]
//   CONT <id> <base64>                                         CONT <id> <base64>
//   CANCEL <id>                                                OK <id> user=<name> [...]      FAIL <id> [user=<name>] [reason=<text>] [code=...]
//   USER <id> <name> service=lmtp ...                          USER <id> <name> uid=<n> gid=<n> home=<path> [...]      NOTFOUND <id>      FAIL <id> ...
//
// USER is of the protocol of Dovecot's auth-userdb socket (6.5); here both are spoken at one socket.
//
// A command is one line that ends in LF, its fields separated by TAB, 16384 bytes at most. In values NUL, TAB, LF, CR and 0x01 are written as 0x01 and one of `0 t n r 1`.
// Text is Latin-1. What Dovecot's server takes for an error (an unknown command, a version it does not know, something behind resp=) is one here too, and ends the connection.

/** The longest line, without its LF. */
export const longestLine = 16_384;

/** What a mechanism is good for, so that a client can choose (Postfix's smtpd_sasl_security_options). `private`: not to be advertised. */
export type MechanismTrait =
  | 'plaintext'
  | 'dictionary'
  | 'active'
  | 'forward-secrecy'
  | 'mutual-auth'
  | 'anonymous'
  | 'private';

export interface AdvertisedMechanism {
  readonly name: string;
  readonly traits: readonly MechanismTrait[];
}

/** One AUTH command. */
export interface AuthStart {
  readonly kind: 'auth';
  readonly id: number;
  /** In capitals. */
  readonly mechanism: string;
  /** `smtp`, `imap`, `pop3`, ...; empty when none is named. */
  readonly service: string;
  /** `rip`, `lip`, `secured`, ...: those without a value have an empty one. Without `service` and `resp`. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Base64 as it came; undefined: none was sent. Empty: one of no bytes. */
  readonly initialResponse: string | undefined;
}

export type ClientCommand =
  | { readonly kind: 'version'; readonly minor: number }
  | { readonly kind: 'pid' }
  | AuthStart
  | { readonly kind: 'continue'; readonly id: number; readonly response: string }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'user'; readonly id: number; readonly name: string };

/** The client does not keep to the protocol: the connection ends. The message is for the log. */
export class AuthProtocolError extends Error {}

/**
 * Reads one line of a client, without its LF.
 * @param minor the minor version that the client has sent; undefined before that
 * @throws AuthProtocolError
 */
export function parseClientCommand(line: string, minor: number | undefined): ClientCommand {
  const [name, ...fields] = line.split('\t');
  if (name === 'VERSION') return version(fields);
  if (minor === undefined) throw new AuthProtocolError(`${shown(name)} before VERSION`);
  switch (name) {
    case 'CPID':
      if (!/^\d{1,10}$/.test(fields[0] ?? '') || Number(fields[0]) === 0) throw new AuthProtocolError('a bad CPID');
      return { kind: 'pid' };
    case 'AUTH':
      return start(fields, minor);
    case 'CONT':
      if (fields.length < 2) throw new AuthProtocolError('CONT without data');
      return { kind: 'continue', id: requestId(fields[0]), response: fields[1] ?? '' };
    case 'CANCEL':
      return { kind: 'cancel', id: requestId(fields[0]) };
    case 'USER':
      if (fields.length < 2) throw new AuthProtocolError('USER without a name');
      return { kind: 'user', id: requestId(fields[0]), name: unescapeValue(fields[1] ?? '') };
    default:
      throw new AuthProtocolError(`unknown command ${shown(name)}`);
  }
}

function version([major, minor]: readonly string[]): ClientCommand {
  if (major !== '1' || !/^\d{1,9}$/.test(minor ?? ''))
    throw new AuthProtocolError(`version ${shown(major)}.${shown(minor)} is not 1.x`);
  return { kind: 'version', minor: Number(minor) };
}

function start([id, mechanism, ...fields]: readonly string[], minor: number): AuthStart {
  const number = requestId(id);
  if (mechanism === undefined || !/^[A-Za-z0-9_-]{1,20}$/.test(mechanism))
    throw new AuthProtocolError(`AUTH with the mechanism ${shown(mechanism)}`);
  const parameters = new Map<string, string>();
  let response: string | undefined;
  for (const field of fields) {
    if (response !== undefined) throw new AuthProtocolError('AUTH has something behind resp=');
    const equals = field.indexOf('=');
    const [key, value] = equals < 0 ? [field, ''] : [field.slice(0, equals), field.slice(equals + 1)];
    if (key === 'resp') response = value;
    else parameters.set(key, unescapeValue(value));
  }
  const service = parameters.get('service') ?? '';
  parameters.delete('service');
  const initialResponse = sentResponse(response, minor);
  return { kind: 'auth', id: number, mechanism: mechanism.toUpperCase(), service, parameters, initialResponse };
}

/** `resp=` alone is no response before minor version 2 and an empty one since; `resp==` is an empty one always. */
function sentResponse(response: string | undefined, minor: number): string | undefined {
  if (response === '') return minor < 2 ? undefined : '';
  return response === '=' ? '' : response;
}

function requestId(text: string | undefined): number {
  const id = /^\d{1,10}$/.test(text ?? '') ? Number(text) : 0;
  if (id < 1 || id > 0xffff_ffff) throw new AuthProtocolError(`a request with the id ${shown(text)}`);
  return id;
}

function shown(text: string | undefined): string {
  return JSON.stringify((text ?? '').slice(0, 50));
}

/** What a server says first. */
export interface Greeting {
  readonly mechanisms: readonly AdvertisedMechanism[];
  readonly pid: number;
  /** A number that no other connection to this process has. */
  readonly connection: number;
  /** 32 hexadecimal digits that nobody can guess. */
  readonly cookie: string;
}

/** The server's half of the handshake. */
export function serializeGreeting({ mechanisms, pid, connection, cookie }: Greeting): string {
  const offers = mechanisms.map(({ name, traits }) => ['MECH', name, ...traits]);
  const ends = [['SPID', `${pid}`], ['CUID', `${connection}`], ['COOKIE', cookie], ['DONE']];
  return [['VERSION', '1', '2'], ...offers, ...ends].map((fields) => `${fields.join('\t')}\n`).join('');
}

/** Why a login is refused, in the words of Dovecot 2.3; none of them for a wrong password or an unknown user. */
export type FailureCode = 'temp_fail' | 'authz_fail' | 'user_disabled' | 'pass_expired' | 'invalid_base64';

/** The word that servers before 2.3 sent, and clients like Exim look for. */
const olderWords: Partial<Readonly<Record<FailureCode, string>>> = {
  temp_fail: 'temp',
  authz_fail: 'authz',
  user_disabled: 'user_disabled',
  pass_expired: 'pass_expired',
};

export type ServerAnswer =
  | { readonly kind: 'continue'; readonly id: number; readonly challenge: Buffer }
  /** `response`: the mechanism's last words, for a client that takes them with the success. */
  | { readonly kind: 'ok'; readonly id: number; readonly user: string; readonly response?: Buffer | undefined }
  | {
      readonly kind: 'fail';
      readonly id: number;
      readonly user?: string | undefined;
      readonly reason?: string | undefined;
      readonly code?: FailureCode | undefined;
    }
  /** Where the mail of a user is; `fields` in order, as Dovecot's userdb has them. */
  | {
      readonly kind: 'user';
      readonly id: number;
      readonly name: string;
      readonly fields: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'not-found'; readonly id: number };

/** One line of a server, with its LF. */
export function serializeAnswer(answer: ServerAnswer): string {
  return `${answerFields(answer).join('\t')}\n`;
}

function answerFields(answer: ServerAnswer): readonly string[] {
  const id = String(answer.id);
  switch (answer.kind) {
    case 'continue':
      // Without data the TAB is still there.
      return ['CONT', id, answer.challenge.toString('base64')];
    case 'ok':
      return ['OK', id, ...field('user', answer.user), ...field('resp', answer.response?.toString('base64'))];
    case 'fail': {
      const { user, reason, code } = answer;
      const older = code === undefined ? undefined : olderWords[code];
      const word = older === undefined ? [] : [older];
      return ['FAIL', id, ...field('user', user), ...field('reason', reason), ...word, ...field('code', code)];
    }
    case 'user': {
      const fields = Object.entries(answer.fields).flatMap(([name, value]) => field(name, value));
      return ['USER', id, escapeValue(answer.name), ...fields];
    }
    case 'not-found':
      return ['NOTFOUND', id];
  }
}

function field(name: string, value: string | undefined): string[] {
  return value === undefined ? [] : [`${name}=${escapeValue(value)}`];
}

const letters: Readonly<Record<string, string>> = { '\0': '0', '\x01': '1', '\t': 't', '\n': 'n', '\r': 'r' };
const bytes: Readonly<Record<string, string>> = { '0': '\0', '1': '\x01', t: '\t', n: '\n', r: '\r' };

/** A value as it stands between TABs. */
export function escapeValue(value: string): string {
  return value.replace(/[\0\x01\t\n\r]/g, (byte) => `\x01${letters[byte]}`);
}

/** The value that was escaped; a 0x01 with another letter behind it loses only itself, as in Dovecot. */
export function unescapeValue(text: string): string {
  return text.replace(/\x01(.?)/gs, (_, letter: string) => bytes[letter] ?? letter);
}
