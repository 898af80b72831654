import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { dovecotIndexHeader } from '../../../src/formats/mailbox/dovecot-index.js';
import { nextUid, parseUidList } from '../../../src/formats/mailbox/dovecot-uidlist.js';
import { recordedFiles, recordedFilesNamed } from './recorded-files.js';

test("Dovecot's recorded logs say what its UID lists say", () => {
  let compared = 0;
  for (const { where, directory, bytes } of recordedFilesNamed('dovecot.index.log')) {
    const list = recordedFiles().find(
      (file) =>
        file.name === 'dovecot-uidlist' &&
        file.directory === directory &&
        file.where.split(':')[0] === where.split(':')[0],
    );
    const header = dovecotIndexHeader(undefined, bytes);
    // A folder that was never opened has a list, and a log without anything in it.
    if (list === undefined || header === undefined) continue;
    const { uidValidity, ...rest } = parseUidList(list.bytes, where);
    assert.deepEqual(header, { uidValidity, nextUid: nextUid({ uidValidity, ...rest }) }, where);
    compared++;
  }
  assert.ok(compared >= 8, `${compared}`);
});

test('the index itself', () => {
  const index = Buffer.alloc(120);
  index[0] = 7;
  index.writeUInt32LE(1795488210, 24);
  index.writeUInt32LE(77, 28);
  assert.deepEqual(dovecotIndexHeader(index, undefined), { uidValidity: 1795488210, nextUid: 77 });
});

test('any bytes say something or nothing', () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
  const log = bytes.map((rest) => Buffer.concat([Buffer.from([1, 3, 8, 0, 0, 0, 0, 0]), rest]));
  fc.assert(fc.property(bytes, fc.oneof(bytes, log), (index, second) => void dovecotIndexHeader(index, second)));
  assert.equal(dovecotIndexHeader(undefined, undefined), undefined);
});
