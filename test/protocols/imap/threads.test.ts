// Base subjects and threads: RFC 5256's rules, its own examples among them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { baseSubject } from '../../../src/protocols/imap/base-subject.js';
import {
  formatThreads,
  type ThreadMessage,
  threadByOrderedSubject,
  threadByReferences,
  threadByRefs,
} from '../../../src/protocols/imap/threads.js';

const subjects: readonly (readonly [string, string, boolean])[] = [
  ['hello', 'hello', false],
  ['Re: hello', 'hello', true],
  ['RE : Fwd: [list] Re[2]: hello', 'hello', true],
  ['hello (fwd) (FWD) ', 'hello', true],
  ['[Fwd: hello]', 'hello', true],
  ['[fwd: Re: [x] hello]', 'hello', true],
  ['[list] hello', 'hello', false],
  ['[list]', '[list]', false],
  ['Re: [list]', '[list]', true],
  ['Re:', '', true],
  ['', '', false],
  ['  two \t words ', 'two words', false],
  ['Reply: hello', 'Reply: hello', false],
];

for (const [subject, text, isReply] of subjects)
  test(`the base subject of ${JSON.stringify(subject)}`, () =>
    assert.deepEqual(baseSubject(subject), { text, isReply }));

const message = (number: number, subject: string, id?: string, ...references: string[]): ThreadMessage => ({
  number,
  sentAt: number,
  subject,
  messageId: id,
  references,
});

test('by subject: the oldest is the parent of all others', () => {
  const messages = [message(3, 'Re: a'), message(1, 'a'), message(2, 'b'), message(4, 'A')];
  assert.equal(formatThreads(threadByOrderedSubject(messages)), '(1 (3)(4))(2)');
});

const rows: readonly (readonly [string, readonly ThreadMessage[], string])[] = [
  ['nothing', [], ''],
  [
    'a chain',
    [message(1, 'x', '<1>'), message(2, 'Re: x', '<2>', '<1>'), message(3, 'Re: x', '<3>', '<1>', '<2>')],
    '(1 2 3)',
  ],
  [
    'RFC 5256’s example: 3’s child 6 has two children',
    [
      message(2, 'q', '<2>'),
      message(3, 'p', '<3>'),
      message(6, 'Re: p', '<6>', '<3>'),
      message(4, 'Re: p', '<4>', '<3>', '<6>'),
      message(23, 'Re: p', '<23>', '<4>'),
      message(44, 'Re: p', '<44>', '<6>'),
      message(7, 'Re: p', '<7>', '<44>'),
      message(96, 'Re: p', '<96>', '<7>'),
    ],
    '(2)(3 6 (4 23)(44 7 96))',
  ],
  [
    'two answers to a message that is not there',
    [message(1, 'Re: x', '<1>', '<0>'), message(2, 'Re: x', '<2>', '<0>')],
    '((1)(2))',
  ],
  ['one answer to a message that is not there', [message(1, 'Re: x', '<1>', '<0>')], '(1)'],
  ['a loop of references', [message(1, 'x', '<1>', '<2>'), message(2, 'y', '<2>', '<1>')], '(2 1)'],
  ['two messages of one Message-ID', [message(1, 'x', '<1>'), message(2, 'y', '<1>')], '(1)(2)'],
  ['a message that refers to itself', [message(1, 'x', '<1>', '<1>')], '(1)'],
];

for (const [why, messages, threads] of rows)
  test(`by references: ${why}`, () => assert.equal(formatThreads(threadByRefs(messages)), threads));

test('subjects join what references do not, unless it is REFS', () => {
  const messages = [message(1, 'x', '<1>'), message(2, 'Re: x', '<2>'), message(3, 'x', '<3>')];
  assert.equal(formatThreads(threadByRefs(messages)), '(1)(2)(3)');
  assert.equal(formatThreads(threadByReferences(messages)), '((1 2)(3))');
});

test('REFS: the tree with the newest message comes last', () => {
  const messages = [message(1, 'x', '<1>'), message(2, 'y', '<2>'), message(3, 'Re: x', '<3>', '<1>')];
  assert.equal(formatThreads(threadByRefs(messages)), '(2)(1 3)');
  assert.equal(formatThreads(threadByReferences(messages)), '(1 3)(2)');
});

test('every message is in the answer exactly once, whatever refers to what', () => {
  const id = fc.integer({ min: 0, max: 8 }).map((number) => `<${number}>`);
  const any = fc.array(
    fc.record({ messageId: fc.option(id, { nil: undefined }), references: fc.array(id, { maxLength: 4 }) }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(any, fc.boolean(), (drafts, joins) => {
      const messages = drafts.map((draft, index) => ({
        ...draft,
        number: index + 1,
        sentAt: index % 3,
        subject: index % 2 ? 'Re: s' : 's',
      }));
      const text = formatThreads(joins ? threadByReferences(messages) : threadByRefs(messages));
      const numbers = (text.match(/\d+/g) ?? []).map(Number).sort((a, b) => a - b);
      assert.deepEqual(
        numbers,
        messages.map(({ number }) => number),
      );
    }),
    { numRuns: 1000 },
  );
});

test('a chain as long as a mailbox', () => {
  const messages = Array.from({ length: 20_000 }, (_, at) =>
    message(at + 1, 'Re: x', `<${at}>`, ...(at > 0 ? [`<${at - 1}>`] : [])),
  );
  assert.match(formatThreads(threadByReferences(messages)), /^\(1 2 3 .* 20000\)$/);
});
