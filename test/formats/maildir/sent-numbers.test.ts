import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSentNumbers, serializeSentNumbers } from '../../../src/formats/maildir/sent-numbers.js';

test('a line for each user and minute', () => {
  const sent = [
    { user: 'joe@example.jp', minute: 29_533_301, messages: 3, recipients: 12 },
    { user: "o'neill + co", minute: 29_533_302, messages: 1, recipients: 1 },
  ];
  const text = "joe%40example.jp 29533301 3 12\no'neill%20%2B%20co 29533302 1 1\n";
  assert.equal(serializeSentNumbers(sent).toString(), text);
  assert.deepEqual(parseSentNumbers(Buffer.from(text)), sent);
});

test('a line that is none is passed over', () => {
  for (const bad of ['', 'joe', 'joe 1 2', 'joe 1 2 3 4', 'joe -1 2 3', '% 1 2 3', 'joe 99999999999 1 1'])
    assert.deepEqual(
      parseSentNumbers(Buffer.from(`${bad}\nann 5 6 7\n`)).map(({ user }) => user),
      ['ann'],
      bad,
    );
});

test('what is written is read again', () => {
  const number = fc.nat({ max: 999_999_999 });
  // Names are bytes of a protocol: one character each.
  const user = fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  const record = fc.record({ user, minute: number, messages: number, recipients: number }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(record), (sent) => {
      assert.deepEqual(parseSentNumbers(serializeSentNumbers(sent)), sent);
    }),
  );
});
