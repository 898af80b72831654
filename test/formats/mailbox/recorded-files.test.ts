// The compatibility promise for mailboxes: for every file of every recorded Maildir, parse then serialize gives the same bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDovecotKeywords, serializeDovecotKeywords } from '../../../src/formats/mailbox/dovecot-keywords.js';
import { parseUidList, serializeUidList } from '../../../src/formats/mailbox/dovecot-uidlist.js';
import { directoriesOfFolder, folderOfDirectory } from '../../../src/formats/mailbox/folder-names.js';
import { bitsOfLetters, changedLetters } from '../../../src/formats/mailbox/message-flags.js';
import { parseSubscriptions, serializeSubscriptions } from '../../../src/formats/mailbox/subscriptions.js';
import {
  counterValue,
  parseUidValidity,
  serializeUidValidity,
  uidValidityCounter,
} from '../../../src/formats/mailbox/uid-validity.js';
import { flagsOf, withFlags } from '../../../src/formats/maildir/maildir-name.js';
import { recordedFiles, recordedFilesNamed } from './recorded-files.js';

const rows: readonly [name: string | RegExp, least: number, again: (bytes: Buffer, name: string) => Buffer | string][] =
  [
    ['dovecot-uidlist', 12, (bytes) => serializeUidList(parseUidList(bytes, 'dovecot-uidlist'))],
    ['dovecot-keywords', 4, (bytes) => serializeDovecotKeywords(parseDovecotKeywords(bytes))],
    ['subscriptions', 2, (bytes) => serializeSubscriptions(parseSubscriptions(bytes))],
    ['dovecot-uidvalidity', 5, (bytes) => serializeUidValidity(parseUidValidity(bytes.toString()) ?? 0)],
  ];

for (const [name, least, again] of rows) {
  test(`${name} of every recording is kept byte for byte`, () => {
    const files = recordedFilesNamed(name);
    assert.ok(files.length >= least, `there are ${files.length}`);
    for (const file of files)
      assert.equal(again(file.bytes, file.name).toString('latin1'), file.bytes.toString('latin1'), file.where);
  });
}

test('the counter of UIDVALIDITY is the number in the file beside it', () => {
  const counters = recordedFiles().filter(({ name }) => counterValue(name) !== undefined);
  assert.ok(counters.length >= 5);
  for (const { name, directory, where } of counters) {
    const beside = recordedFiles().find(
      (file) =>
        file.name === 'dovecot-uidvalidity' &&
        file.where.startsWith(where.split(':')[0] ?? '') &&
        file.directory === directory,
    );
    assert.equal(uidValidityCounter(parseUidValidity(beside?.bytes.toString() ?? '') ?? 0), name, where);
  }
});

test("courierimapuiddb is the list of Dovecot's version 1, with all its records", () => {
  const files = recordedFilesNamed('courierimapuiddb');
  assert.ok(files.length >= 10);
  for (const { bytes, where } of files) {
    const list = parseUidList(bytes, where);
    assert.ok(list.isSound, where);
    const lines = list.records.map(({ uid, base }) => `${uid} ${base}\n`).join('');
    assert.equal(`1 ${list.uidValidity} ${list.headerNextUid}\n${lines}`, bytes.toString('latin1'), where);
  }
});

test('the flags in the names of every recording are kept when they are not changed', () => {
  const names = recordedFiles()
    .filter(({ directory }) => directory.endsWith('/cur'))
    .map(({ name }) => name);
  assert.ok(names.length >= 50);
  for (const name of names) {
    const letters = flagsOf(name);
    const sorted = [...new Set(letters)].sort().join('');
    assert.equal(changedLetters(letters, bitsOfLetters(letters)), sorted, name);
    if (sorted === letters && /:2,[A-Za-z]*$/.test(name)) assert.equal(withFlags(name, letters), name);
  }
});

test('the folder of every recorded directory is found in that directory again', () => {
  const directories = new Set(
    recordedFiles().flatMap(({ directory }) => /^Maildir\/(\.[^/]+)/.exec(directory)?.[1] ?? []),
  );
  assert.ok(directories.size >= 8);
  for (const directory of directories) {
    const name = folderOfDirectory(directory);
    assert.ok(name !== undefined && directoriesOfFolder(name).includes(directory), directory);
  }
});
