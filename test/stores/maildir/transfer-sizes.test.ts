import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { FileReads } from '../../../src/files/file-reads.js';
import type { MessageFile } from '../../../src/stores/maildir/message-list.js';
import { countTransferOctets, TransferSizes } from '../../../src/stores/maildir/transfer-sizes.js';
import { newMaildir } from '../../support/maildir.js';

const file: MessageFile = {
  part: 'new',
  name: 'a',
  base: 'a',
  sizeBytes: 100,
  mtimeMs: 1772323300123.25,
  birthtimeMs: 1772323300123.25,
  dev: 64768,
  ino: 5_000_000_123,
};

test('a size is known by the file, not by its name or place', () => {
  const sizes = new TransferSizes();
  assert.equal(sizes.get(file), undefined);
  sizes.set(file, 107);
  const moved: MessageFile = { ...file, part: 'cur', name: 'a:2,S' };
  assert.equal(sizes.get(moved), 107);
  for (const other of [
    { ino: 5_000_000_124 },
    { dev: 1 },
    { sizeBytes: 101 },
    { mtimeMs: 1772323300123.5 },
    { birthtimeMs: 1 },
  ])
    assert.equal(sizes.get({ ...file, ...other }), undefined, JSON.stringify(other));
});

test('the table is full at some point: the newest are kept', () => {
  const sizes = new TransferSizes(16);
  const numbers = Array.from({ length: 1000 }, (_, index) => index + 1);
  for (const ino of numbers) sizes.set({ ...file, ino }, ino);
  const kept = numbers.filter((ino) => sizes.get({ ...file, ino }) === ino);
  assert.ok(kept.length > 32 && kept.length <= 64, `${kept.length} kept`);
  assert.ok(kept.includes(1000));
});

const contents: readonly [content: Buffer, octets: number, why: string][] = [
  [Buffer.from(''), 2, 'nothing but the empty line at the end'],
  [Buffer.from('a\nb\n'), 8, 'two lines'],
  [Buffer.from('a\r\nb'), 8, 'CR LF, and a last line that is completed'],
  [Buffer.from('.\n'), 5, 'a doubled dot does not count'],
  [Buffer.alloc(300_000, 'x\n'), 450_002, 'more than a piece'],
  [Buffer.alloc(131_072, '\n'), 262_146, 'a piece exactly'],
];

for (const [content, octets, why] of contents) {
  test(`${octets} octets: ${why}`, async (t) => {
    const maildir = newMaildir(t, { 'new/1.a': content });
    const fd = fs.openSync(`${maildir}/new/1.a`, 'r');
    t.after(() => fs.closeSync(fd));
    assert.equal(await countTransferOctets(fd, content.length, new FileReads()), octets);
  });
}
