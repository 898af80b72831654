// maildirsize on the disk: what counts, when it is counted anew, what is appended.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  accountingRoot,
  addMessage,
  countUsage,
  knownUsage,
  quotaLineOf,
} from '../../../src/stores/maildir/maildirsize.js';
import { maildirOf, mailOwner, makeDeliveryHost } from '../../support/delivery-host.js';
import { newRoot, removeRoot } from '../../support/recording.js';

function maildir(t: TestContext): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  return maildirOf(makeDeliveryHost(root, { accounts: 1 }), 0);
}

function put(directory: string, name: string, bytes = 10): void {
  fs.mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
  fs.writeFileSync(path.join(directory, name), 'x'.repeat(bytes));
}

function sizeFile(directory: string): string {
  return fs.readFileSync(path.join(directory, 'maildirsize'), 'latin1');
}

const counted: readonly [name: string, bytes: number, why: string][] = [
  ['new/1.1.h,S=500', 500, 'the size in the name, whatever the file has'],
  ['cur/2.2.h,S=40:2,S', 40, 'with flags'],
  ['cur/3.3.h:2,RS', 10, 'no size in the name: that of the file'],
  ['cur/4.4.h,S=x:2,', 10, 'no number: that of the file'],
  ['.Work/cur/5.5.h,S=300:2,', 300, 'in a folder'],
  ['.Work.Sub/new/6.6.h,S=7', 7, 'in a folder of a folder'],
  ['.Trash/cur/7.7.h,S=5000:2,', 0, 'the trash does not count'],
  ['.Trash.Old/cur/8.8.h,S=11:2,', 11, 'a folder below it does'],
  ['cur/9.9.h,S=100:2,ST', 0, 'nor does what is marked as trashed'],
  ['new/.hidden,S=100', 0, 'nor dot files'],
  ['tmp/10.10.h,S=100', 0, 'nor tmp'],
  ['plain/new/11.11.h,S=100', 0, 'nor directories without a dot'],
];

test('what a count counts', async (t) => {
  const directory = maildir(t);
  for (const [name] of counted) put(directory, name);
  const usage = {
    bytes: counted.reduce((sum, [, bytes]) => sum + bytes, 0),
    count: counted.filter(([, bytes]) => bytes > 0).length,
  };
  const known = await countUsage(directory, '2000S,5C', mailOwner);
  assert.deepEqual(known, { usage, isFreshCount: true, isCertain: true });
  assert.equal(sizeFile(directory), `2000S,5C\n${usage.bytes} ${usage.count}\n`);
  const status = fs.statSync(path.join(directory, 'maildirsize'));
  assert.deepEqual([status.mode & 0o7777, status.uid, status.gid], [0o600, mailOwner.uid, mailOwner.gid]);
  assert.deepEqual(fs.readdirSync(path.join(directory, 'tmp')), ['10.10.h,S=100']);
});

test('a count of many messages lets others have their turn', async (t) => {
  const directory = maildir(t);
  for (let number = 0; number < 5000; number++) put(directory, `cur/${number}.1.h,S=2:2,`, 1);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const { usage } = await countUsage(directory, '9S', mailOwner);
  clearInterval(timer);
  assert.deepEqual(usage, { bytes: 10_000, count: 5000 });
  assert.ok(turns > 0);
});

test('mail that comes during the count makes it uncertain', async (t) => {
  const directory = maildir(t);
  put(directory, 'new/1.1.h,S=5');
  const { renameSync } = fs;
  // Between the reading of the directories and the end of the count.
  t.mock.method(fs, 'renameSync', (from: string, to: string) => {
    put(directory, 'new/2.2.h,S=5');
    renameSync(from, to);
  });
  assert.equal((await countUsage(directory, '9S', mailOwner)).isCertain, false);
});

test('counts of one moment are one', async (t) => {
  const directory = maildir(t);
  const [first, second] = await Promise.all([
    countUsage(directory, '9S', mailOwner),
    countUsage(directory, '9S', mailOwner),
  ]);
  assert.equal(first, second);
});

test('a count that cannot be written down is right all the same', async (t) => {
  const directory = maildir(t);
  put(directory, 'new/1.1.h,S=5');
  fs.rmdirSync(path.join(directory, 'tmp'));
  assert.deepEqual((await countUsage(directory, '9S', mailOwner)).usage, { bytes: 5, count: 1 });
  assert.equal(fs.existsSync(path.join(directory, 'maildirsize')), false);
});

const states: readonly [why: string, text: string | undefined, ageSeconds: number, want: object | undefined][] = [
  ['absent', undefined, 0, undefined],
  ['one count', '2000S\n10 1\n', 0, { usage: { bytes: 10, count: 1 }, isFreshCount: true, isCertain: true }],
  ['sums', '2000S\n10 1\n-5 -1\n20 1\n', 0, { usage: { bytes: 25, count: 1 }, isFreshCount: false, isCertain: true }],
  [
    'almost 15 minutes old',
    '2000S\n10 1\n',
    890,
    { usage: { bytes: 10, count: 1 }, isFreshCount: true, isCertain: true },
  ],
  ['more than 15 minutes old', '2000S\n10 1\n', 910, undefined],
  ['5120 bytes', `2000S\n${'1 0\n'.repeat(1279)}`.padEnd(5120, '\n'), 0, undefined],
  [
    '5119 bytes',
    `2000S\n${'1 0\n'.repeat(1278)}`.padEnd(5119, '\n').slice(0, 5119),
    0,
    { usage: { bytes: 1278, count: 0 }, isFreshCount: false, isCertain: true },
  ],
  ['empty', '', 0, { usage: { bytes: 0, count: 0 }, isFreshCount: true, isCertain: true }],
];
for (const [why, text, ageSeconds, want] of states) {
  test(`what a file that is ${why} tells`, (t) => {
    const directory = maildir(t);
    const file = path.join(directory, 'maildirsize');
    if (text !== undefined) fs.writeFileSync(file, text);
    const now = Date.now();
    if (text !== undefined) fs.utimesSync(file, now / 1000, now / 1000 - ageSeconds);
    const known = knownUsage(directory, now);
    // Lines that are no numbers add nothing; how many lines there are matters only to whether a new count may help.
    assert.deepEqual(known, want);
  });
}

const appended: readonly [why: string, before: string | undefined, after: string | undefined][] = [
  ['a line', '2000S\n0 0\n', '2000S\n0 0\n157 1\n'],
  ['nothing where there is no file', undefined, undefined],
  ['nothing to an empty file: no accounts are kept', '', ''],
  ['behind a last line that was cut off, on a line of its own', '2000S\n100 1', '2000S\n100 1\n157 1\n'],
  ['behind rubbish', 'hello\nworld\n', 'hello\nworld\n157 1\n'],
];
for (const [why, before, after] of appended) {
  test(`a delivery appends ${why}`, (t) => {
    const directory = maildir(t);
    if (before !== undefined) fs.writeFileSync(path.join(directory, 'maildirsize'), before);
    addMessage(directory, 157);
    if (after === undefined) assert.equal(fs.existsSync(path.join(directory, 'maildirsize')), false);
    else assert.equal(sizeFile(directory), after);
  });
}

test('a folder keeps its accounts in the Maildir above', (t) => {
  const directory = maildir(t);
  const folder = path.join(directory, '.Work');
  fs.mkdirSync(folder);
  assert.equal(accountingRoot(folder), folder, 'not marked as a folder');
  fs.writeFileSync(path.join(folder, 'maildirfolder'), '');
  assert.equal(accountingRoot(folder), directory);
  assert.equal(accountingRoot(directory), directory);
  assert.equal(quotaLineOf(directory), undefined);
  fs.writeFileSync(path.join(directory, 'maildirsize'), '77S,3C\n0 0\n');
  assert.equal(quotaLineOf(accountingRoot(folder)), '77S,3C');
});
