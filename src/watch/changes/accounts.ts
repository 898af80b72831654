// The accounts of a domain before and now: who was added or removed, whose password, quota or flags are other ones.
//
// A row of the table stands for one record of vpasswd.cdb (formats/vpopmail/vpasswd.ts):
//
//   column 0, 1   fingerprint of the crypt(3) hash
//   column 2      hash of the clear password; 0 for none
//   column 3      flag word
//   column 4      number of the quota's text
//   column 5      hash of uid, gecos, dir; of the whole record when it has too few fields
//
// A clear password that went away while the hash stayed is no changed password: a vpopmail built without clear passwords drops them from each record that it touches.

import { accountNumber } from '../../formats/vpopmail/vpasswd.js';
import { accountFlags } from '../../formats/vpopmail/vpasswd-flags.js';
import type { AccountEvent } from '../events.js';
import { hashBytes, multipliers, type SharedTexts } from './fingerprint.js';
import { type RowDifference, type Table, TableBuilder } from './table.js';

export const accountColumns = 6;

const colon = 0x3a;
const carriageReturn = 0x0d;

/** Collects the accounts of one domain. */
export class AccountTableBuilder {
  readonly #rows: TableBuilder;
  readonly #texts: SharedTexts;
  readonly #cells = [0, 0, 0, 0, 0, 0];
  readonly #colons = [0, 0, 0, 0, 0, 0];
  #lastQuota: number | undefined;

  /** @param texts where quotas are kept, shared by all domains */
  constructor(texts: SharedTexts, expected?: number) {
    this.#rows = new TableBuilder(accountColumns, expected);
    this.#texts = texts;
  }

  /** Adds the account whose name and whose other fields stand in these parts of `bytes`. */
  add(bytes: Buffer, nameStart: number, nameEnd: number, dataStart: number, dataEnd: number): void {
    const end = dataEnd > dataStart && bytes[dataEnd - 1] === carriageReturn ? dataEnd - 1 : dataEnd;
    const found = this.#findColons(bytes, dataStart, end);
    if (found < 5) this.#addBroken(bytes, dataStart, dataEnd);
    else this.#fill(bytes, dataStart, end, found);
    this.#rows.add(bytes, nameStart, nameEnd, this.#cells);
  }

  /** Whether each account is in the row of its place in the file. */
  get isInOrder(): boolean {
    return this.#rows.isInOrder;
  }

  finish(): Table {
    return this.#rows.finish();
  }

  #findColons(bytes: Buffer, start: number, end: number): number {
    let found = 0;
    for (let at = start; at < end && found < 6; at++) if (bytes[at] === colon) this.#colons[found++] = at;
    return found;
  }

  #fill(bytes: Buffer, start: number, end: number, found: number): void {
    const [passwdEnd = 0, uidEnd = 0, gidEnd = 0, , dirEnd = 0, sixth = 0] = this.#colons;
    const quotaEnd = found > 5 ? sixth : end;
    const cells = this.#cells;
    cells[0] = hashBytes(bytes, start, passwdEnd, multipliers[0]);
    cells[1] = hashBytes(bytes, start, passwdEnd, multipliers[1]);
    cells[2] = quotaEnd + 1 < end ? hashBytes(bytes, quotaEnd + 1, end, multipliers[0]) || 1 : 0;
    cells[3] = flagsIn(bytes, uidEnd + 1, gidEnd);
    cells[4] = this.#quotaIn(bytes, dirEnd + 1, quotaEnd);
    cells[5] = hashBytes(bytes, passwdEnd, uidEnd, multipliers[0]) ^ hashBytes(bytes, gidEnd, dirEnd, multipliers[1]);
  }

  /** Most accounts have the quota of the one before. */
  #quotaIn(bytes: Buffer, start: number, end: number): number {
    const last = this.#lastQuota;
    if (last !== undefined && isText(bytes, start, end, this.#texts.textOf(last))) return last;
    const quota = this.#texts.idOf(bytes.toString('latin1', start, end));
    this.#lastQuota = quota;
    return quota;
  }

  #addBroken(bytes: Buffer, start: number, end: number): void {
    this.#cells.fill(0);
    this.#cells[5] = hashBytes(bytes, start, end, multipliers[0]);
  }
}

/** The events of one row that differs. */
export function* accountEvents(
  domain: string,
  before: Table,
  after: Table,
  difference: RowDifference,
  texts: SharedTexts,
): Generator<AccountEvent> {
  const [b, a] = [difference.before, difference.after];
  if (a === undefined) {
    if (b !== undefined) yield { event: 'user removed', domain, user: before.nameOf(b) };
    return;
  }
  const user = after.nameOf(a);
  if (b === undefined) return yield { event: 'user added', domain, user };
  const differs = (column: number): boolean => before.cell(b, column) !== after.cell(a, column);
  const hasNewClear = differs(2) && after.cell(a, 2) !== 0;
  if (differs(0) || differs(1) || hasNewClear) yield { event: 'password changed', domain, user };
  if (differs(3)) yield { event: 'flags changed', domain, user, ...flagChanges(before.cell(b, 3), after.cell(a, 3)) };
  if (differs(4)) {
    const [was, is] = [texts.textOf(before.cell(b, 4)), texts.textOf(after.cell(a, 4))];
    yield { event: 'quota changed', domain, user, before: was, after: is };
  }
  if (differs(5)) yield { event: 'user changed', domain, user };
}

function flagChanges(before: number, after: number): { added: string[]; removed: string[] } {
  return { added: flagNames(after & ~before), removed: flagNames(before & ~after) };
}

function flagNames(word: number): string[] {
  let unnamed = word;
  const names: string[] = [];
  for (const [name, bit] of accountFlags) {
    if ((word & bit) === 0) continue;
    names.push(name);
    unnamed &= ~bit;
  }
  return unnamed === 0 ? names : [...names, `0x${(unnamed >>> 0).toString(16)}`];
}

/** A flag word: digits nearly always, else what vpopmail makes of it. */
function flagsIn(bytes: Buffer, start: number, end: number): number {
  let word = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 0x30;
    if (digit < 0 || digit > 9 || end - start > 9) return accountNumber(bytes.toString('latin1', start, end));
    word = word * 10 + digit;
  }
  return word;
}

function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text.charCodeAt(at)) return false;
  return true;
}
