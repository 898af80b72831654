// Takes the next UIDVALIDITY of an account (form of the files: formats/mailbox/uid-validity.ts). No two mailboxes of an account ever get the same.
//
// The rename of dovecot-uidvalidity.<last> to the next number is what counts up, so two programs cannot get the same; dovecot-uidvalidity, which says what the last one was, may be behind
// after a crash. Without these files the current time is the first.

import fs from 'node:fs';
import { errnoOf, TemporaryError } from '../../errors.js';
import { giveTo } from '../../files/owner.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import {
  counterValue,
  nextUidValidity,
  parseUidValidity,
  serializeUidValidity,
  uidValidityCounter,
} from '../../formats/mailbox/uid-validity.js';

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
  const counter = (value: number): string | Buffer => bytesPath(`${root}/${uidValidityCounter(value)}`);
  let current = lastGiven(root);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const next = current === undefined ? Math.floor(Date.now() / 1000) + attempt : nextUidValidity(current);
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
  return parseUidValidity(text) ?? highestCounter(root);
}

function highestCounter(root: string): number | undefined {
  const names = fs.readdirSync(bytesPath(root), { encoding: 'latin1' });
  const values = names.map(counterValue).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : Math.max(...values);
}

function note(root: string, value: number, owner: Owner): void {
  const file = bytesPath(`${root}/dovecot-uidvalidity`);
  const { O_WRONLY, O_CREAT, O_NOFOLLOW } = fs.constants;
  const fd = fs.openSync(file, O_WRONLY | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    giveTo(fd, owner.uid, owner.gid);
    fs.writeSync(fd, serializeUidValidity(value), 0, 'latin1');
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
