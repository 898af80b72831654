// open-smtp: the clients that may relay because they logged in a while ago (roaming users; formats/vpopmail.md 7.2). Each line is a rule for tcprules, a TAB
// and the time of the login:
//
//   192.0.2.7:allow,RELAYCLIENT="",RBLSMTPD=""	1700000000
//
// A login replaces the lines of its address and goes to the end; the rules of smtp.cdb are /etc/tcp/smtp and then these. clearopensmtp drops what is older
// than three hours, and lines without a TAB. vchkpw writes under an fcntl lock on open-smtp.lock, clearopensmtp without.
// vchkpw turns `::1` into a rule without an address, which lets the whole world relay; here an IPv6 client gets a rule of its own, as ucspi-tcp-ipv6 reads it.
// Kept: every byte of the other lines.

import { joinLines, splitLines, type TextLine } from '../text-lines.js';
import { ipv6Groups, ucspiAddress } from '../ucspi-address.js';

export type OpenSmtpLine =
  | (TextLine & {
      readonly kind: 'entry';
      /** The rule for tcprules, without TAB and time. */
      readonly rule: string;
      readonly address: string;
      /** Time of the login; 0 when the text after the TAB is no number. */
      readonly unixSeconds: number;
    })
  | (TextLine & { readonly kind: 'broken' });

export interface OpenSmtpDocument {
  readonly lines: readonly OpenSmtpLine[];
}

/** Reads open-smtp. Every input has a document. */
export function parseOpenSmtp(bytes: Buffer): OpenSmtpDocument {
  return { lines: splitLines(bytes).map(openSmtpLine) };
}

/** The bytes of the file; the mirror of `parseOpenSmtp`. */
export function serializeOpenSmtp(document: OpenSmtpDocument): Buffer {
  return joinLines(document.lines);
}

/** The line of a client that logged in, without LF. */
export function openSmtpText(address: string, unixSeconds: number): string {
  return `${address}:allow,RELAYCLIENT="",RBLSMTPD=""\t${unixSeconds}`;
}

/**
 * The address that a rule for a client names, in ucspi-tcp's form: a mapped address (`::ffff:192.0.2.7`) is IPv4. Undefined for anything that is no address:
 * such a client gets no rule.
 */
export function relayAddress(clientIp: string): string | undefined {
  const ip = ucspiAddress(clientIp);
  const isIpv4 = /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(ip);
  return isIpv4 || ipv6Groups(ip) !== undefined ? ip : undefined;
}

/** The file after a login: earlier lines of the address are gone, its new line stands last. @param address what `relayAddress` gave */
export function withLogin(document: OpenSmtpDocument, address: string, unixSeconds: number): OpenSmtpDocument {
  const others = document.lines.filter((line) => addressOf(line.text) !== address);
  const ended = others.map((line): OpenSmtpLine => ({ ...line, end: '\n' }));
  return { lines: [...ended, openSmtpLine({ text: openSmtpText(address, unixSeconds), end: '\n' })] };
}

/** Whether the address has a line already: then the rules need not be compiled again. */
export function hasClient(document: OpenSmtpDocument, address: string): boolean {
  return document.lines.some((line) => addressOf(line.text) === address);
}

/** The file without the lines that clearopensmtp drops. */
export function withoutExpired(document: OpenSmtpDocument, nowSeconds: number, minutes = 180): OpenSmtpDocument {
  return {
    lines: document.lines.filter((line) => line.kind === 'entry' && line.unixSeconds + minutes * 60 > nowSeconds),
  };
}

/** The rules, one for each line in order. A line without TAB counts as a rule, as for vchkpw. */
export function openSmtpRules(document: OpenSmtpDocument): string[] {
  return document.lines.map((line) => (line.kind === 'entry' ? line.rule : line.text));
}

/** What is appended to the administrator's rules for tcprules: each rule ended by LF. */
export function relayRules(document: OpenSmtpDocument): string {
  return openSmtpRules(document)
    .map((rule) => `${rule}\n`)
    .join('');
}

function openSmtpLine(line: TextLine): OpenSmtpLine {
  const tab = line.text.indexOf('\t');
  if (tab < 0) return { ...line, kind: 'broken' };
  const rule = line.text.slice(0, tab);
  const unixSeconds = Number(/^ *([0-9]{1,15})/.exec(line.text.slice(tab + 1))?.[1] ?? 0);
  return { ...line, kind: 'entry', rule, address: addressOf(rule), unixSeconds };
}

/** An IPv6 address may hold colons: it ends before `:allow` or `:deny`, any other text before its first colon. */
function addressOf(rule: string): string {
  const end = rule.search(/:(?=allow|deny)/);
  return end >= 0 ? rule.slice(0, end) : (rule.split(':')[0] ?? '');
}
