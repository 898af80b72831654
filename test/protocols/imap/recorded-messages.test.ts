// The sample messages as Dovecot described them (fixtures/recordings/maildir/mime-dovecot): ENVELOPE, BODYSTRUCTURE and sizes, byte for byte.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBodyStructure, formatEnvelope } from '../../../src/protocols/imap/envelope.js';
import { parseStructure, StructureParser } from '../../../src/protocols/mime/structure.js';
import { contentOf, type Entry, loadRecording } from '../../support/recording.js';

type Talk = { readonly client: string } | { readonly server: string | { readonly base64: string } };
interface Answers {
  readonly folders: Readonly<Record<string, readonly Talk[]>>;
}

const recording = loadRecording('maildir', 'mime-dovecot') as unknown as {
  readonly tree: Readonly<Record<string, Entry>>;
  readonly answers: readonly Answers[];
};

/** In the order of delivery, which is that of the UIDs. */
const messages = Object.keys(recording.tree)
  .filter((path) => /\/(new|cur)\/./.test(path))
  .sort()
  .map((path) => contentOf(recording.tree[path] as Entry));

/** What the server said of each message behind its internal date. */
function described(): string[] {
  const talk = recording.answers[0]?.folders.INBOX ?? [];
  const said = talk.flatMap((line) => ('server' in line ? [line.server] : []));
  const text = said.map((part) =>
    typeof part === 'string' ? part : Buffer.from(part.base64, 'base64').toString('latin1'),
  );
  const answer = text.find((part) => part.includes('BODYSTRUCTURE')) ?? '';
  return answer
    .split(/\r\n(?=\* \d+ FETCH |a\d+ OK )/)
    .filter((line) => line.includes('BODYSTRUCTURE'))
    .map((line) => line.slice(line.indexOf('RFC822.SIZE'), -1));
}

const answers = described();

test('the recording holds as many answers as messages', () => {
  assert.equal(answers.length, messages.length);
  assert.ok(messages.length >= 13);
});

for (const [index, message] of messages.entries()) {
  test(`message ${index + 1} is described as Dovecot did`, () => {
    const root = parseStructure(message);
    const size = root.header.crlfBytes + root.body.crlfBytes;
    const ours = `RFC822.SIZE ${size} ENVELOPE ${formatEnvelope(root.fields)} BODYSTRUCTURE ${formatBodyStructure(root, true)}`;
    assert.equal(ours, answers[index]);
  });

  test(`message ${index + 1} has the same structure in pieces of any size`, () => {
    const whole = parseStructure(message);
    for (const size of [1, 2, 3, 7, 64]) {
      const parser = new StructureParser();
      for (let at = 0; at < message.length; at += size) parser.write(message.subarray(at, at + size));
      assert.deepEqual(parser.end(), whole, `pieces of ${size}`);
    }
  });
}
