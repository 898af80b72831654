import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import { TemporaryError } from '../../src/errors.js';
import { FileReads } from '../../src/files/file-reads.js';
import { newMaildir } from '../support/maildir.js';

function opened(t: TestContext, content: Buffer): number {
  const maildir = newMaildir(t, { 'new/1.a': content });
  const fd = fs.openSync(`${maildir}/new/1.a`, 'r');
  t.after(() => fs.closeSync(fd));
  return fd;
}

for (const pieceLength of [1, 7, 1000, 100_000]) {
  test(`pieces of ${pieceLength} are the file`, async (t) => {
    const content = Buffer.from(Array.from({ length: 250 }, (_, index) => index));
    const fd = opened(t, pieceLength > 1000 ? Buffer.concat(Array<Buffer>(2000).fill(content)) : content);
    const reads = new FileReads();
    const piece = Buffer.alloc(pieceLength);
    let whole = Buffer.alloc(0);
    for (;;) {
      const count = await reads.read(fd, piece);
      whole = Buffer.concat([whole, piece.subarray(0, count)]);
      if (count < piece.length) break;
    }
    assert.equal(whole.length, fs.fstatSync(fd).size);
    assert.ok(whole.subarray(0, 250).equals(content));
  });
}

test('after some reads in a row others have their turn', async (t) => {
  const fd = opened(t, Buffer.alloc(1000));
  const reads = new FileReads();
  let hadTurn = false;
  setImmediate(() => {
    hadTurn = true;
  });
  for (let count = 0; count < 100; count++) await reads.read(fd, Buffer.alloc(1));
  assert.ok(hadTurn);
});

test('what cannot be read is trouble, small or large', async (t) => {
  const maildir = newMaildir(t);
  const fd = fs.openSync(maildir, 'r');
  t.after(() => fs.closeSync(fd));
  const reads = new FileReads();
  for (const length of [10, 100_000])
    await assert.rejects(async () => reads.read(fd, Buffer.alloc(length)), TemporaryError);
});
