// What vpopmail 5.4 takes for an account (formats/vpopmail.md 0.4, 2.3), and what is refused beyond it because its files or its mail would be harmed:
//
//   name     32 bytes; ! # $ & ' * + - . / digits = ? letters ^ _ ` { | } ~ ; more than one character; not: a slash, a dot at its begin
//   domain   96 bytes; letters, digits, dot, hyphen          gecos    48 bytes, no colon, no control characters (a line feed would begin another line)
//   hash     128 bytes, no colon, no control characters      password 128 bytes, no line feed
//   dir      160 bytes, absolute, no colon                   quota    20 bytes as given and as stored
//   line     254 bytes, on which the tools of 5.4 crash; 510, those of 5.6, where the domain has such lines already
//
// Lengths are bytes. All throw VpopmailError with the code of the originals.

import { normaliseQuota } from '../../formats/vpopmail/quota.js';
import type { VpasswdRecord } from '../../formats/vpopmail/vpasswd.js';
import { vpasswdText } from '../../formats/vpopmail/vpasswd.js';
import type { VpasswdText } from '../../formats/vpopmail/vpasswd-lines.js';
import { VpopmailError } from '../vpopmail-error.js';

const most = { name: 32, domain: 96, password: 128, gecos: 48, dir: 160, quota: 20, line: 254, longLine: 510 } as const;

const controlCharacter = /[\x00-\x1f\x7f]/;

/** vpopmail's own check of the characters of a user name; '' passes. */
export function isUserName(name: string): boolean {
  return /^[!#$&'*+\-./0-9=?A-Z^_`a-z{|}~]*$/.test(name);
}

/** vpopmail's own check of the characters of a domain; '' passes. */
export function isDomainName(name: string): boolean {
  return /^[-.0-9A-Za-z]*$/.test(name);
}

/** @throws VpopmailError user name too long, domain name too long */
export function checkLengths(name: string, domain: string): void {
  if (name.length > most.name) throw new VpopmailError('userNameTooLong');
  if (domain.length > most.domain) throw new VpopmailError('domainTooLong');
}

/** Whether an account of this name would have its directory outside of its domain's, or look like one of the domain's own files. */
export function isForbiddenName(name: string): boolean {
  return name === '' || name.includes('/') || name.startsWith('.');
}

/** @throws VpopmailError password too long, bad character */
export function checkPassword(password: string): void {
  if (password.length > most.password) throw new VpopmailError('passwordTooLong');
  if (/[\n\0]/.test(password)) throw new VpopmailError('badCharacter');
}

/** @throws VpopmailError password too long, bad character */
export function checkHash(hash: string): void {
  if (hash.length > most.password) throw new VpopmailError('passwordTooLong');
  if (hash.includes(':') || controlCharacter.test(hash)) throw new VpopmailError('badCharacter');
}

/** @throws VpopmailError bad character, gecos too long */
export function checkGecos(gecos: string): void {
  if (gecos.includes(':') || controlCharacter.test(gecos)) throw new VpopmailError('badCharacter');
  if (gecos.length > most.gecos) throw new VpopmailError('gecosTooLong');
}

/** @throws VpopmailError dir too long, bad character */
export function checkDirectory(directory: string): void {
  if (directory.length > most.dir) throw new VpopmailError('directoryTooLong');
  if (directory.includes(':') || controlCharacter.test(directory)) throw new VpopmailError('badCharacter');
}

/** The form in which a quota is stored, '' for one that says nothing. @throws VpopmailError quota too long, also for a negative number */
export function storedQuota(argument: string): string {
  const stored = argument.length > most.quota ? undefined : normaliseQuota(argument);
  if (stored === undefined || stored.length > most.quota) throw new VpopmailError('quotaTooLong');
  return stored;
}

/** The longest line that the tools on this host survive, as far as the domain's own lines tell. */
export function longestLine({ lines }: VpasswdText): number {
  return lines.some(({ text }) => text.length > most.line) ? most.longLine : most.line;
}

/** @throws VpopmailError naming the longest field of a line that would be too long */
export function checkLine(record: VpasswdRecord, longest: number): void {
  const { length } = vpasswdText(record);
  if (length <= longest) return;
  const { clearPasswd = '', gecos, passwd, dir } = record;
  const detail = `the line in vpasswd would have ${length} bytes, and vpopmail's tools crash on more than ${longest}`;
  const fields = [
    ['clearPasswordTooLong', clearPasswd],
    ['gecosTooLong', gecos],
    ['passwordTooLong', passwd],
    ['directoryTooLong', dir],
  ] as const;
  const [[kind]] = [...fields].sort(([, a], [, b]) => b.length - a.length) as [(typeof fields)[number]];
  throw new VpopmailError(kind, detail);
}

/**
 * A comment as vpopmail stores one that was given with a colon: it leaves the colon out without shortening the text (`x:y` becomes `xyy`). Where that
 * would leave another colon, all are left out.
 */
export function withoutColons(gecos: string): string {
  if (!gecos.includes(':')) return gecos;
  const characters = [...gecos];
  let to = 0;
  for (let from = 0; from < gecos.length; from++, to++) {
    if (gecos[from] === ':') from++;
    if (from >= gecos.length) return gecos.replaceAll(':', '');
    characters[to] = gecos.charAt(from);
  }
  const stored = characters.join('');
  return stored.includes(':') ? gecos.replaceAll(':', '') : stored;
}
