// FETCH over the corpus as Dovecot answers it, byte for byte.

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { FileReads } from '../../../src/files/file-reads.js';
import { Decoder } from '../../../src/protocols/imap/decoder.js';
import { parseFetchItems } from '../../../src/protocols/imap/fetch-items.js';
import { Charsets } from '../../../src/protocols/mime/charset.js';
import { AnswerBuffer } from '../../../src/servers/imap/fetch/answer-buffer.js';
import { FetchAnswer } from '../../../src/servers/imap/fetch/fetch-answer.js';
import { planFetch } from '../../../src/servers/imap/fetch/fetch-plan.js';
import { noLargeMessage, ReadingRoom } from '../../../src/servers/imap/fetch/message-text.js';
import { FlagLists } from '../../../src/servers/imap/flag-lists.js';
import type { MailboxView } from '../../../src/stores/mailboxes/mailbox-view.js';
import { fetchedOf, responsesOf } from '../../support/imap-answers.js';
import { needs } from '../../support/needs.js';
import { corpusMailbox } from './both.js';
import { corpus } from './corpus.js';
import { mutated } from './mutated.js';

async function ours(view: MailboxView, items: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const out = new AnswerBuffer({
    data: (piece) => void pieces.push(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece),
  });
  const plan = planFetch(parseFetchItems(new Decoder([{ text: items }])), { tellsUid: false, tellsModSeq: false });
  const world = {
    reads: new FileReads(),
    memory: noLargeMessage(),
    room: new ReadingRoom(),
    charsets: new Charsets(),
    flags: new FlagLists(view),
  };
  const answer = new FetchAnswer(view, plan, out, world);
  for (let sequence = 1; sequence <= view.count; sequence++) await answer.message(sequence, false);
  await out.flush();
  return Buffer.concat(pieces);
}

const asked = [
  '(FLAGS UID INTERNALDATE RFC822.SIZE)',
  'ENVELOPE',
  'BODYSTRUCTURE',
  'BODY',
  'RFC822.HEADER',
  'BODY.PEEK[]',
  'BODY.PEEK[TEXT]<3.40>',
  'BODY.PEEK[HEADER.FIELDS (From "subject" received X-None)]',
  'BODY.PEEK[HEADER.FIELDS.NOT (From Subject MIME-Version)]',
  ...['1', '2', '3', '1.1', '1.2', '2.1', '2.2', '1.1.1', '1.2.1', '2.1.1'].flatMap((part) => [
    `BODY.PEEK[${part}]`,
    `BODY.PEEK[${part}.MIME]`,
    `BODY.PEEK[${part}.HEADER]`,
    `BODY.PEEK[${part}.TEXT]`,
    `BODY.PEEK[${part}.HEADER.FIELDS (Subject)]`,
  ]),
];

/** Messages that are broken at random, the same in every run; others with VQMAIL_SEED and VQMAIL_MESSAGES. */
function broken(): Buffer[] {
  const [first, count] = [Number(process.env.VQMAIL_SEED ?? 1), Number(process.env.VQMAIL_MESSAGES ?? 300)];
  const whole = corpus();
  return Array.from({ length: count }, (_, index) => mutated(whole, first + index));
}

test('FETCH answers as Dovecot does', async (t) => {
  const messages = corpus();
  assert.ok(messages.length >= 500, `${messages.length} messages`);
  await compare(t, messages);
});

test('FETCH of broken messages answers as Dovecot does', (t) => compare(t, broken()));

/** In names of fields, in front of their colon, in values, in a line that is empty but for it, in a body. Where NULs stand in front of a colon, Dovecot leaves them out of picked fields: RFC 9051 6.4.5 has these be what the header has. */
const nuls = [
  'Sub\0ject: a\nFrom: a@b.example\n\nbody\n',
  '\0Subject: a\nFrom: a@b.example\n\nbody\n',
  'Subject: a\0b\nFr\0om: a@b.example\nFrom: c@d.example\n\nbo\0dy\n',
  'X-None: y\n\0\n\nbody\n',
  'Content-Ty\0pe: text/html\nContent-Type\0: text/x\0y; charset=a\0b\nMIME-Version\0 \0: 1.0\nTo\0: x@y.example\n\nbody\n',
];

test('FETCH of messages with NULs answers as Dovecot does', (t) =>
  compare(
    t,
    nuls.map((text) => Buffer.from(text, 'latin1')),
  ));

async function compare(t: TestContext, all: readonly Buffer[]): Promise<void> {
  if (!needs(t, 'doveadm')) return;
  const { view, dovecot, messages } = await corpusMailbox(t, all);
  const theirs = responsesOf(await dovecot(asked.map((items, index) => `f${index} FETCH 1:* ${items}`)));
  let start = 0;
  for (const [index, items] of asked.entries()) {
    const end = theirs.findIndex((response) => response.startsWith(`f${index} `));
    assert.match(theirs[end] ?? '', /^f\d+ OK /, items);
    const expected = withoutRecent(fetchedOf(theirs.slice(start, end)));
    start = end + 1;
    const got = fetchedOf(responsesOf(await ours(view, items)));
    await t.test(items, () => {
      assert.equal(got.size, messages.length);
      const different = [...expected].filter(([sequence, answer]) => {
        const own = got.get(sequence) ?? '';
        return (
          own !== answer && !(items.includes('HEADER.FIELDS') && withoutEmptyLine(own) === withoutEmptyLine(answer))
        );
      });
      for (const [sequence, answer] of different.slice(0, Number(process.env.SHOWN ?? 1)))
        assert.equal(
          got.get(sequence),
          answer,
          `message ${sequence} (${different.length} differ):\n${messages[sequence - 1]}`,
        );
    });
  }
}

/** Dovecot calls the messages recent: the session before was its first, but for reading only. */
function withoutRecent(answers: ReadonlyMap<number, string>): Map<number, string> {
  return new Map([...answers].map(([sequence, answer]) => [sequence, answer.replace(/ ?\\Recent/, '')]));
}

/**
 * Of fields that are picked from a header that does not end (a message cut off in the middle), Dovecot says now with, now without an empty line behind them; RFC 9051 6.4.5 wants it in all cases
 * "except in the case of a message that has no body and no blank line", which is this one.
 */
function withoutEmptyLine(answer: string): string {
  return answer.replace(/\{\d+\}/, '{}').replace(/[\r\n]+\)$/, ')');
}
