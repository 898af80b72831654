// The limits of a vpopmail domain: .qmailadmin-limits in its directory; domains without that file go by vlimits.default (formats/vpopmail.md 6.6).
//
//   # comment, only in the first column
//   maxpopaccounts: 50             key, then any of blank, TAB and colon, then a number (-1: unlimited)
//   disable_pop                    a flag: its presence sets it, whatever follows
//
// LF or CR ends a line; leading blanks are not skipped; unknown keys are ignored; only the first 2048 bytes are read; a later line of a key overrides an
// earlier one. The tools rewrite the file in place, all keys in the order below, and lose comments and unknown keys. vmoddomlimits puts the bits for list
// users and moderators into perm_quota, where nothing reads them: the numbers here are those of the file, of which perm_maillist has nine bits and the
// others three. Nothing locks the file.
// Kept by the document form: every byte.

import type { LineFinding } from '../line-finding.js';
import { type AccountFlag, flagBits, hasFlag } from './vpasswd-flags.js';

/** How many of each a domain may have. */
export const maximums = [
  'maxpopaccounts',
  'maxaliases',
  'maxforwards',
  'maxautoresponders',
  'maxmailinglists',
] as const;
const sizes = ['quota', 'maxmsgcount', 'default_quota', 'default_maxmsgcount'] as const;
const switches = [
  'disable_pop',
  'disable_imap',
  'disable_dialup',
  'disable_password_changing',
  'disable_webmail',
  'disable_external_relay',
  'disable_smtp',
  'disable_spamassassin',
  'delete_spam',
  'disable_maildrop',
] as const;
const permissions = [
  'perm_account',
  'perm_alias',
  'perm_forward',
  'perm_autoresponder',
  'perm_maillist',
  'perm_quota',
  'perm_defaultquota',
] as const;

type NumberKey = (typeof maximums | typeof sizes | typeof permissions)[number];
type SwitchKey = (typeof switches)[number];

/**
 * The limits under the file's own names. `max...` count things of the domain, -1 is no limit; `quota` is in MB, `default_quota` in bytes, 0 is no limit;
 * `perm_...` hold the bits 1 create, 2 modify, 4 delete of what is denied.
 */
export type DomainLimits = { readonly [key in NumberKey]: number } & { readonly [key in SwitchKey]: boolean };

/** A line of the file, its own end with it: text, and the key and value read from it. */
export interface LimitsLine {
  readonly text: string;
  readonly end: '\n' | '\r' | '';
  /** Undefined for comments, blank lines and what lies beyond the 2048 bytes that are read. */
  readonly key: string | undefined;
  /** Undefined where not even a blank follows the key; a number that is given so is not given. */
  readonly value: string | undefined;
}

export interface LimitsDocument {
  readonly lines: readonly LimitsLine[];
}

const bytesRead = 2048;

/** Which account flag a limit sets. */
const flagOfSwitch: Readonly<Record<SwitchKey, AccountFlag>> = {
  disable_pop: 'NO_POP',
  disable_imap: 'NO_IMAP',
  disable_dialup: 'NO_DIALUP',
  disable_password_changing: 'NO_PASSWD_CHNG',
  disable_webmail: 'NO_WEBMAIL',
  disable_external_relay: 'NO_RELAY',
  disable_smtp: 'NO_SMTP',
  disable_spamassassin: 'NO_SPAMASSASSIN',
  delete_spam: 'DELETE_SPAM',
  disable_maildrop: 'NO_MAILDROP',
};

/** The limits of a domain for which no file says anything: none. */
export const noLimits: DomainLimits = limitsFrom(new Map());

/** Reads a limits file so that it can be written back unchanged. Every input has a document. */
export function parseLimitsDocument(bytes: Buffer): LimitsDocument {
  const lines: LimitsLine[] = [];
  let offset = 0;
  for (const piece of bytes.toString('latin1').split(/(?<=[\n\r])/)) {
    if (piece === '') continue;
    const last = piece.at(-1);
    const end = last === '\n' || last === '\r' ? last : '';
    const text = end === '' ? piece : piece.slice(0, -1);
    // The line that the limit of 2048 bytes cuts is read up to there.
    lines.push({ text, end, ...keyAndValue(text.slice(0, Math.max(0, bytesRead - offset))) });
    offset += piece.length;
  }
  return { lines };
}

/** The bytes of a document; the mirror of `parseLimitsDocument`. */
export function serializeLimitsDocument(document: LimitsDocument): Buffer {
  return Buffer.from(document.lines.map((line) => line.text + line.end).join(''), 'latin1');
}

/** What a document says. */
export function limitsOf(document: LimitsDocument): DomainLimits {
  const values = new Map<string, string>();
  for (const { key, value } of document.lines) {
    if (key !== undefined && (value !== undefined || isSwitch(key))) values.set(key, value ?? '');
  }
  return limitsFrom(values);
}

/** Reads the limits of a file. */
export function parseDomainLimits(bytes: Buffer): DomainLimits {
  return limitsOf(parseLimitsDocument(bytes));
}

/** The file that vmoddomlimits writes for these limits. */
export function serializeDomainLimits(limits: DomainLimits): Buffer {
  const numbered = (key: NumberKey): string => `${key}: ${limits[key]}\n`;
  const set = switches.filter((key) => limits[key]).map((key) => `${key}\n`);
  return Buffer.from(
    [...[...maximums, ...sizes].map(numbered), ...set, ...permissions.map(numbered)].join(''),
    'latin1',
  );
}

/** The account flags that these limits set for every account of the domain. */
export function limitsFlagMask(limits: DomainLimits): number {
  return flagBits(...switches.filter((key) => limits[key]).map((key) => flagOfSwitch[key]));
}

/** The flags in force for an account: its own and those of the limits, unless it has V_OVERRIDE. @param limits undefined when they cannot be read */
export function effectiveFlags(ownFlags: number, limits: DomainLimits | undefined): number {
  if (limits === undefined || hasFlag(ownFlags, 'V_OVERRIDE')) return ownFlags;
  return (ownFlags | limitsFlagMask(limits)) >>> 0;
}

/** Everything odd in the file, in line order. */
export function limitsFindings(document: LimitsDocument): LineFinding[] {
  const known: ReadonlySet<string> = new Set([...maximums, ...sizes, ...switches, ...permissions]);
  const findings: LineFinding[] = [];
  let offset = 0;
  for (const [index, { text, end, key, value }] of document.lines.entries()) {
    const report = (problem: string): void => {
      findings.push({ line: index + 1, severity: 'warning', text: problem });
    };
    if (offset + text.length > bytesRead)
      report(`only the first ${bytesRead} bytes of the file are read; this line lies beyond`);
    else if (/^[ \t]+\S/.test(text)) report('the line begins with a blank and is ignored');
    else if (key !== undefined && !known.has(key)) report(`${JSON.stringify(key)} is no limit that vpopmail knows`);
    else if (key?.startsWith('disable_') && value === '0')
      report(`${key} is set by its presence, whatever follows; remove the line`);
    offset += text.length + end.length;
  }
  return findings;
}

function limitsFrom(values: ReadonlyMap<string, string>): DomainLimits {
  const numbers = (
    keys: readonly NumberKey[],
    fallback: number,
    number: (value: string) => number,
  ): [string, number][] => keys.map((key) => [key, values.has(key) ? number(values.get(key) ?? '') : fallback]);
  const flags = switches.map((key): [string, boolean] => [key, values.has(key)]);
  return Object.fromEntries([
    ...numbers(maximums, -1, atoi),
    ...numbers(sizes, 0, leadingInteger),
    ...flags,
    ...numbers(permissions, 0, atoi),
  ]) as DomainLimits;
}

function isSwitch(key: string): boolean {
  return switches.some((name) => name === key);
}

function keyAndValue(text: string): Pick<LimitsLine, 'key' | 'value'> {
  const [key = '', value] = /^[ \t:#]/.test(text) ? [] : text.split(/[ \t:]+/);
  return { key: key === '' ? undefined : key, value };
}

function leadingInteger(text: string): number {
  return Number(/^[+-]?[0-9]+/.exec(text)?.[0] ?? 0);
}

/** C's atoi: of a number that is too large the lower 32 bits. */
function atoi(text: string): number {
  const number = BigInt(/^[+-]?[0-9]+/.exec(text)?.[0].replace('+', '') ?? 0);
  const most = 2n ** 63n - 1n;
  return Number(BigInt.asIntN(32, number > most ? most : number < -most ? -most - 1n : number));
}
