import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  envelopeProblem,
  longestAddress,
  parseEnvelope,
  parseEnvelopeRecords,
  parseInfo,
  serializeEnvelope,
  serializeInfo,
  serializeTodo,
} from '../../../src/formats/queue/queue-envelope.js';
import { bytesOf, loadRecording } from '../../support/recording.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

test('a todo file, byte for byte', () => {
  // formats/qmail.md 3.5, bytes of a real file.
  const todo = serializeTodo({ uid: 0, pid: 14469, sender: '', recipients: ['joe@test.example'] });
  assert.equal(todo.toString('hex'), '753000703134343639004600546a6f6540746573742e6578616d706c6500');
});

test('every recorded todo file is read and written back', () => {
  let seen = 0;
  for (const step of loadRecording('queue', 'queue-envelopes').steps) {
    for (const { todo } of step.queued ?? []) {
      if (todo === undefined) continue;
      const recorded = bytesOf(todo);
      const of = (letter: string): string[] =>
        parseEnvelopeRecords(recorded).flatMap((record) => (record.letter === letter ? [record.text] : []));
      const envelope = {
        uid: Number(of('u')[0]),
        pid: Number(of('p')[0]),
        sender: of('F')[0] ?? '',
        recipients: of('T'),
      };
      assert.deepEqual(serializeTodo(envelope), recorded);
      seen++;
    }
  }
  assert.ok(seen >= 10);
});

const envelopes: readonly { why: string; text: string; is: ReturnType<typeof parseEnvelope> }[] = [
  { why: 'one recipient', text: 'Fa@b\0Tc@d\0\0', is: { sender: 'a@b', recipients: ['c@d'] } },
  { why: 'no recipient is legal', text: 'Fa@b\0\0', is: { sender: 'a@b', recipients: [] } },
  { why: 'the null sender', text: 'F\0Tc@d\0\0', is: { sender: '', recipients: ['c@d'] } },
  { why: 'addresses are raw bytes', text: 'F\n\xff\0T \0\0', is: { sender: '\n\xff', recipients: [' '] } },
  { why: 'what follows the end is not looked at', text: 'F\0\0Tx', is: { sender: '', recipients: [] } },
  { why: 'nothing', text: '', is: 54 },
  { why: 'no end', text: 'Fa@b\0Tc@d\0', is: 54 },
  { why: 'a recipient without end', text: 'Fa@b\0Tc@d', is: 54 },
  { why: 'no sender', text: 'Ta@b\0\0', is: 91 },
  { why: 'another letter', text: 'Fa\0X', is: 91 },
  { why: 'two senders', text: 'Fa\0Fb\0\0', is: 91 },
  { why: 'the longest address', text: `F${'x'.repeat(1002)}\0\0`, is: { sender: 'x'.repeat(1002), recipients: [] } },
  { why: 'one byte more', text: `F\0T${'x'.repeat(1003)}\0\0`, is: 11 },
  { why: 'much more, without an end', text: `F${'x'.repeat(5000)}`, is: 11 },
];
for (const { why, text, is } of envelopes) {
  test(`descriptor 1: ${why}`, () => assert.deepEqual(parseEnvelope(bytes(text)), is));
}

test('what is written to descriptor 1 is read back', () => {
  const address = fc.string({
    unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)),
    maxLength: 40,
  });
  fc.assert(
    fc.property(address, fc.array(address), (sender, recipients) => {
      assert.deepEqual(parseEnvelope(serializeEnvelope({ sender, recipients })), { sender, recipients });
    }),
  );
});

test('which envelopes cannot be queued', () => {
  const long = 'x'.repeat(longestAddress + 1);
  assert.equal(envelopeProblem({ sender: 'a', recipients: ['b'] }), undefined);
  assert.equal(envelopeProblem({ sender: long, recipients: [] }), 11);
  assert.equal(envelopeProblem({ sender: '', recipients: ['a\0b'] }), 91);
});

test('info files', () => {
  assert.equal(parseInfo(serializeInfo('a@b')), 'a@b');
  assert.equal(parseInfo(serializeInfo('')), '');
  assert.equal(parseInfo(bytes('Fa\0Fb\0')), 'a', 'only the first record counts');
  assert.equal(parseInfo(bytes('Fa')), undefined, 'unfinished');
  assert.equal(parseInfo(bytes('')), undefined);
  assert.equal(parseInfo(bytes('Ta\0')), undefined);
});
