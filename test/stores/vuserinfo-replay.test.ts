// Every look-up of one account that the recordings show (vuserinfo), done by Domain.account on the same files. A CR at the end of a line is no part of the
// last field here. Where the original's look-up fails it says
// "no such user"; here that is a failure for now, never an answer: those steps are named.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CorruptFileError, TemporaryError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { type Host, openHost } from '../../src/stores/host.js';
import {
  applyChanged,
  applyWrite,
  buildTree,
  bytesOf,
  loadRecording,
  newRoot,
  recordingNames,
  removeRoot,
  type Step,
} from '../support/recording.js';

/** Steps (counted from 1) at which the original takes trouble for "no such user", or goes on with half a record. */
const failsForNow: Readonly<Record<string, readonly number[]>> = {
  // Empty, ten bytes, zeros, FF bytes, text.
  'cdb-corrupt': [3, 6, 9, 12, 15],
  // Neither vpasswd nor vpasswd.cdb.
  'cdb-missing': [22],
  // A record of four fields: the account exists, but where its mail goes is not known.
  'vpasswd-odd-lines': [5],
};

/** The address of a step that looks one account up with all its fields. */
function addressOf({ run }: Step): string | undefined {
  const [program, address, ...more] = run ?? [];
  const isOne = program?.endsWith('/vuserinfo') && more.length === 0 && address?.includes('@');
  return isOne ? address : undefined;
}

function fieldsOf(stdout: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of stdout.split('\n')) {
    const [, name, value] = /^([a-z /]+): *(.*)$/s.exec(line) ?? [];
    if (name !== undefined && value !== undefined && !(name in fields)) fields[name] = value;
  }
  return fields;
}

function lookUp(host: Host, address: string): Record<string, string> | undefined {
  const at = address.lastIndexOf('@');
  const domain = host.domain(address.slice(at + 1));
  const account = domain?.account(address.slice(0, at));
  if (domain === undefined || account === undefined) return undefined;
  const { name, passwd, clearPasswd = '', uid, gid, gecos, hostDirectory, quota } = account;
  const numbers = { uid: String(uid), gid: String(gid), flags: String(domain.flagsOf(account)) };
  return { name, passwd, 'clear passwd': clearPasswd, gecos, dir: hostDirectory, quota, ...numbers };
}

for (const name of recordingNames('vpopmail')) {
  const recording = loadRecording('vpopmail', name);
  if (!recording.steps.some((step) => addressOf(step) !== undefined)) continue;
  describe(`vpopmail/${name}`, () => {
    it('finds the accounts that vuserinfo finds', () => {
      const root = newRoot();
      try {
        buildTree(recording.before, root);
        const host = openHost(new Layout({ root }));
        for (const [index, step] of recording.steps.entries()) {
          if (step.write !== undefined) applyWrite(step.write, root);
          const address = addressOf(step);
          if (address !== undefined) compare(host, step, address, `${name} step ${index + 1}: ${address}`, index + 1);
          applyChanged(step, root);
        }
      } finally {
        removeRoot(root);
      }
    });
  });

  function compare(host: Host, step: Step, address: string, where: string, number: number): void {
    if (failsForNow[name]?.includes(number)) {
      const isTrouble = (error: unknown): boolean =>
        error instanceof TemporaryError || error instanceof CorruptFileError;
      assert.throws(() => lookUp(host, address), isTrouble, where);
      return;
    }
    const found = lookUp(host, address);
    const shown = fieldsOf(bytesOf(step.stdout).toString('latin1'));
    if (step.exit !== 0) {
      assert.equal(found, undefined, where);
      return;
    }
    assert.ok(found, where);
    const expected = Object.fromEntries(
      Object.keys(found).map((key) => [key, shown[key]?.replace(/\r$/, '') ?? found[key]]),
    );
    assert.deepEqual(found, expected, where);
  }
}
