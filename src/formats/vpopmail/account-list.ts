// A list of accounts to be added, as `vadduser --batch` reads it. Two forms, which may stand in one file:
//
//   joe@example.jp,secret99,"Joe, the first",10M        CSV (RFC 4180, a record a line): address, password, comment, quota
//   address,hash,quota                                  a first line of column names says otherwise: address (or email, user), password, hash, gecos (or comment), quota
//   joe:$1$ab$cd:1:0:Joe:/old/joe:NOQUOTA:clear         vpasswd: hash, flags, comment, quota and clear password are taken over; the directory is not
//
// An address without a domain gets the one that is given beside the list. A missing or empty quota is the domain's default, a missing comment the name. Blank lines, and those
// that begin with `#`, are skipped; line ends may be DOS's. Texts are Latin-1, one character a byte.

import { splitLines } from '../text-lines.js';
import { accountNumber } from './vpasswd.js';
import { wholeRecord } from './vpasswd-lines.js';

/** An account of the list. `domain` is '' where the line has none. */
export interface AccountListEntry {
  readonly name: string;
  readonly domain: string;
  readonly secret: { readonly password: string } | { readonly hash: string; readonly clear?: string };
  readonly gecos?: string;
  readonly quota?: string;
  readonly gid?: number;
}

/** A line of the list by its number from 1: an account, or what is wrong. */
export type AccountListLine = { readonly line: number } & (
  | { readonly entry: AccountListEntry }
  | { readonly problem: string }
);

type Column = 'address' | 'password' | 'hash' | 'gecos' | 'quota';

const columnOfName: Readonly<Record<string, Column>> = {
  address: 'address',
  email: 'address',
  user: 'address',
  password: 'password',
  passwd: 'password',
  hash: 'hash',
  gecos: 'gecos',
  comment: 'gecos',
  quota: 'quota',
};
const usualColumns: readonly Column[] = ['address', 'password', 'gecos', 'quota'];
const vpasswdFields = 'NAME:HASH:1:FLAGS:COMMENT:DIRECTORY:QUOTA';
/** What is meant to be one. */
const vpasswdLike = /^[^:,@]*:[^:,]*:[^,]*$/;
const vpasswdForm = /^[^:,@]*:[^:]*:-?[0-9]+:-?[0-9]+:[^:]*:[^:]*:/;

/** Reads a list. */
export function* parseAccountList(bytes: Buffer): Generator<AccountListLine> {
  let columns = usualColumns;
  let isFirst = true;
  for (const [index, { text: whole }] of splitLines(bytes).entries()) {
    const text = whole.replace(index === 0 ? /^\xef\xbb\xbf|\r$/g : /\r$/, '');
    if (text === '' || text.startsWith('#')) continue;
    const line = index + 1;
    const named = isFirst ? columnsOf(text) : undefined;
    isFirst = false;
    if (named !== undefined) columns = named;
    else if (vpasswdForm.test(text)) yield { line, entry: vpasswdEntry(text) };
    else if (vpasswdLike.test(text)) yield { line, problem: `is no whole line of vpasswd, ${vpasswdFields}; mend it` };
    else yield { line, ...csvEntry(text, columns) };
  }
}

/** The columns that a line names; undefined when it is no line of names. */
function columnsOf(text: string): readonly Column[] | undefined {
  const fields = csvFields(text)?.map((field) => field.trim().toLowerCase()) ?? [];
  const columns = fields.flatMap((field) => columnOfName[field] ?? []);
  return columns.length === fields.length && columns.includes('address') ? columns : undefined;
}

function csvEntry(text: string, columns: readonly Column[]): { entry: AccountListEntry } | { problem: string } {
  const fields = csvFields(text);
  if (fields === undefined) return { problem: 'a quote is not closed, or followed by something else than a comma' };
  if (fields.length > columns.length)
    return { problem: `there are ${fields.length} fields, ${columns.length} are known` };
  const field = (column: Column): string | undefined => fields[columns.indexOf(column)];
  const [address = '', password, hash] = [field('address'), field('password'), field('hash')];
  if (address === '') return { problem: 'there is no address' };
  if (!password && !hash) return { problem: 'there is no password' };
  const secret = hash ? { hash, ...(password && { clear: password }) } : { password: password ?? '' };
  return {
    entry: { ...splitAddress(address), secret, ...given('gecos', field('gecos')), ...given('quota', field('quota')) },
  };
}

function vpasswdEntry(text: string): AccountListEntry {
  const colon = text.indexOf(':');
  const { name, passwd, gid, gecos, quota, clearPasswd } = wholeRecord(text.slice(0, colon), text.slice(colon + 1));
  const secret = { hash: passwd, clear: clearPasswd };
  return { name, domain: '', secret, gid: accountNumber(gid), ...given('gecos', gecos), ...given('quota', quota) };
}

/** An address without a domain has the domain ''. */
export function splitAddress(address: string): { name: string; domain: string } {
  const at = address.indexOf('@');
  return at < 0 ? { name: address, domain: '' } : { name: address.slice(0, at), domain: address.slice(at + 1) };
}

function given<Name extends string>(name: Name, value: string | undefined): { readonly [key in Name]?: string } {
  return (value ? { [name]: value } : {}) as { readonly [key in Name]?: string };
}

/** The fields of a CSV record (RFC 4180); undefined when its quotes are wrong. */
export function csvFields(text: string): string[] | undefined {
  if (!text.includes('"')) return text.split(',');
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let more = true; more; ) {
    const found = field.exec(text);
    if (found === null) return undefined;
    fields.push(found[1]?.replaceAll('""', '"') ?? found[2] ?? '');
    more = found[3] === ',';
  }
  return fields;
}
