import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  offsetBehind,
  parseRecipients,
  recipientAt,
  serializeRecipients,
} from '../../../src/formats/queue/queue-recipients.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

test('done and to do, with the places of their letters', () => {
  assert.deepEqual(parseRecipients(bytes('Da@b\0Tc\n\xff@d\0')), [
    { state: 'done', address: 'a@b', offset: 0 },
    { state: 'todo', address: 'c\n\xff@d', offset: 5 },
  ]);
});

test('a file is written back as it was', () => {
  for (const text of ['', 'Ta\0', 'Da\0Tb\0Dc\0', 'T\0']) {
    const records = parseRecipients(bytes(text));
    const known = records.flatMap(({ state, address }) => (state === 'unknown' ? [] : [{ state, address }]));
    assert.equal(serializeRecipients(known).toString('latin1'), text);
  }
  assert.equal(serializeRecipients(['a', 'b']).toString('latin1'), 'Ta\0Tb\0');
});

test('a record without its end is not there', () => {
  assert.deepEqual(parseRecipients(bytes('Ta\0Tb')), [{ state: 'todo', address: 'a', offset: 0 }]);
});

test('nothing is read behind an unknown letter', () => {
  const records = parseRecipients(bytes('Ta\0Xb\0Tc\0'));
  assert.deepEqual(
    records.map(({ state }) => state),
    ['todo', 'unknown'],
  );
  assert.deepEqual(
    parseRecipients(bytes('\0Tc\0')).map(({ state }) => state),
    ['unknown'],
    'an empty record',
  );
});

test('record by record', () => {
  const file = bytes('Tab\0Dc\0');
  const first = recipientAt(file, 0);
  assert.ok(first);
  assert.equal(offsetBehind(first), 4);
  assert.equal(recipientAt(file, 4)?.address, 'c');
  assert.equal(recipientAt(file, 7), undefined);
});
