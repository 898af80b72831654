// dovecot-uidlist followed from one look to the next.

import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { UidListFile } from '../../../src/stores/mailboxes/folder/uid-list-file.js';
import { newMaildir } from '../../support/maildir.js';

const header = '3 V1700000000 N9 G0123456789abcdef0123456789abcdef\n';

test('a new list that has the number of the old file is read from its beginning', async (t) => {
  const maildir = newMaildir(t, {});
  const file = path.join(maildir, 'dovecot-uidlist');
  writeFileSync(file, `${header}1 :a\n2 :b\n`);
  const before = statSync(file).ino;
  const list = new UidListFile(maildir);
  await list.refresh();
  // The number of a removed file is given to the next one, if nobody else makes one in between.
  for (let attempt = 0; attempt < 100; attempt++) {
    const aside = `${file}.tmp`;
    rmSync(file, { force: true });
    writeFileSync(aside, `${header}1 :a\n4 :c\n5 :d\n`);
    renameSync(aside, file);
    if (statSync(file).ino === before) break;
  }
  await list.refresh();
  assert.deepEqual(
    [...list.records],
    [
      ['a', 1],
      ['c', 4],
      ['d', 5],
    ],
    readFileSync(file, 'latin1'),
  );
});

test('what a new list holds is known to whoever asks later: by name, for a name that comes again, and behind it', async (t) => {
  const maildir = newMaildir(t, {});
  const file = path.join(maildir, 'dovecot-uidlist');
  const list = new UidListFile(maildir);
  const manner = () => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o600 });
  const append = (...bases: string[]): Promise<number> =>
    list.append(
      bases.map((base) => ({ base })),
      { manner, live: list.recordCount, isLive: () => true },
    );
  list.begin(1700000000, 7);
  assert.equal(await append('a', 'b'), 7);
  assert.equal(list.recordCount, 2);
  assert.deepEqual([list.uidOf('b'), list.uidOf('c'), list.nextUid], [8, undefined, 9]);
  assert.equal(await append('c'), 9);
  assert.equal(await append('a'), 10);
  assert.deepEqual(
    [...list.records],
    [
      ['b', 8],
      ['c', 9],
      ['a', 10],
    ],
  );
  assert.match(readFileSync(file, 'latin1'), /^3 V1700000000 N9 G[0-9a-f]{32}\n7 :a\n8 :b\n9 :c\n10 :a\n$/);
});
