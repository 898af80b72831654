// dovecot-uidvalidity: which UIDVALIDITY a new mailbox of an account gets (formats/dovecot.md 2.3). No two mailboxes of an account ever get the same.
//
//   dovecot-uidvalidity             8 hexadecimal digits, no LF: the last one given out
//   dovecot-uidvalidity.6b04ef63    empty, 0444; its rename to the next number is what counts up, so two programs cannot get the same
//
// Without these files the current time is the first.

import fs from 'node:fs';
import { errnoOf, TemporaryError } from '../../errors.js';
import { giveTo } from '../../files/owner.js';
import { bytesPath, readIfPresent } from '../../files/read.js';

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const attempts = 10;

/**
 * Takes the next UIDVALIDITY of an account.
 * @param root disk path of its Maildir
 * @throws TemporaryError or the system error
 */
export function takeUidValidity(root: string, owner: Owner): number {
  const counter = (value: number): string | Buffer => bytesPath(`${root}/dovecot-uidvalidity.${hexadecimal(value)}`);
  let current = lastGiven(root);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const next = current === undefined ? Math.floor(Date.now() / 1000) + attempt : successor(current);
    try {
      if (current === undefined) create(counter(next), '', 0o444, owner);
      else fs.renameSync(counter(current), counter(next));
      note(root, next, owner);
      return next;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'EEXIST') throw error;
      // Another program was faster.
      if (current !== undefined) current = attempt === 0 ? (highestCounter(root) ?? next) : next;
    }
  }
  throw new TemporaryError(
    '4.3.0',
    'temporary trouble with this mailbox',
    new Error(`no UIDVALIDITY to be had in ${root}`),
  );
}

function lastGiven(root: string): number | undefined {
  const text = readIfPresent(`${root}/dovecot-uidvalidity`)?.toString('latin1') ?? '';
  return /^[0-9a-f]{8}$/.test(text) ? Number.parseInt(text, 16) : highestCounter(root);
}

function highestCounter(root: string): number | undefined {
  const values = fs.readdirSync(bytesPath(root), { encoding: 'latin1' }).flatMap((name) => {
    const digits = /^dovecot-uidvalidity\.([0-9a-f]{8})$/.exec(name)?.[1];
    return digits === undefined ? [] : [Number.parseInt(digits, 16)];
  });
  return values.length === 0 ? undefined : Math.max(...values);
}

function successor(value: number): number {
  return value >= 0xffff_ffff ? 1 : value + 1;
}

function note(root: string, value: number, owner: Owner): void {
  const file = bytesPath(`${root}/dovecot-uidvalidity`);
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = fs.constants;
  const fd = fs.openSync(file, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    giveTo(fd, owner.uid, owner.gid);
    fs.writeSync(fd, hexadecimal(value), 0, 'latin1');
  } finally {
    fs.closeSync(fd);
  }
}

function create(file: string | Buffer, text: string, mode: number, owner: Owner): void {
  const fd = fs.openSync(file, 'wx', mode);
  try {
    giveTo(fd, owner.uid, owner.gid);
    fs.writeSync(fd, text);
  } finally {
    fs.closeSync(fd);
  }
}

function hexadecimal(value: number): string {
  return value.toString(16).padStart(8, '0');
}
