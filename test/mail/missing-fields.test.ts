// Fields that are added to what users send: which, where, and that nothing else changes however the bytes are cut.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qmailMessageId } from '../../src/mail/message-id.js';
import { MissingFields } from '../../src/mail/missing-fields.js';

const wanted = [
  { name: 'Date', value: 'D' },
  { name: 'Message-ID', value: '<M>' },
];
const both = 'Date: D\nMessage-ID: <M>\n';

const rows: [message: string, becomes: string, why: string][] = [
  ['Subject: x\n\nbody\n', `Subject: x\n${both}\nbody\n`, 'both are missing'],
  ['Date: a\nMESSAGE-id : <b>\n\nbody\n', 'Date: a\nMESSAGE-id : <b>\n\nbody\n', 'both are there, in any case'],
  ['Message-Id: <b>\nSubject: y\n\n', 'Message-Id: <b>\nSubject: y\nDate: D\n\n', 'one is there'],
  ['Subject: x\n Date: no\n\tgoes on\n\n', `Subject: x\n Date: no\n\tgoes on\n${both}\n`, 'folded text is no field'],
  ['Date: a\n\nMessage-ID: <b>\n', 'Date: a\nMessage-ID: <M>\n\nMessage-ID: <b>\n', 'the body is not looked at'],
  ['\nbody\n', `${both}\nbody\n`, 'an empty header'],
  ['', `${both}\n`, 'an empty message'],
  ['Hello there,\nhow are you?\n', `${both}\nHello there,\nhow are you?\n`, 'no header at all'],
  [
    'Subject: x\nHello: there you are\nHi\n',
    `Subject: x\nHello: there you are\n${both}\nHi\n`,
    'text without an empty line',
  ],
  [' folded first\nbody\n', `${both}\n folded first\nbody\n`, 'a blank before anything to go on with'],
  [
    'From joe Tue Nov 24 02:34:55 2026\nSubject: x\n\n',
    `From joe Tue Nov 24 02:34:55 2026\nSubject: x\n${both}\n`,
    'an mbox line',
  ],
  [
    'Subject: x\nFrom joe Tue Nov 24\n\n',
    `Subject: x\n${both}\nFrom joe Tue Nov 24\n\n`,
    'an mbox line where none can be',
  ],
  ['Subject: x\n', `Subject: x\n${both}\n`, 'the header is all there is'],
  ['Subject: x', `Subject: x\n${both}\n`, 'without its last line feed'],
  ['Date', `${both}\nDate`, 'a name without a colon'],
  [': x\n\n', `${both}\n: x\n\n`, 'a colon without a name'],
  [`${'x'.repeat(1500)}\n\n`, `${both}\n${'x'.repeat(1500)}\n\n`, 'a line that could only be a name too long'],
  [`Subject: ${'x'.repeat(5000)}\n\nb`, `Subject: ${'x'.repeat(5000)}\n${both}\nb`, 'a long field'],
  ['\r\nbody\r\n', `${both}\n\r\nbody\r\n`, 'a stray CR is text'],
  ['Subject: \xe9\xff\n\n\x00\xff', `Subject: \xe9\xff\n${both}\n\x00\xff`, 'bytes stay bytes'],
];

function completed(message: string, chunkBytes: number): string {
  const fields = new MissingFields(wanted);
  const bytes = Buffer.from(message, 'latin1');
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) out.push(fields.write(bytes.subarray(at, at + chunkBytes)));
  out.push(fields.end());
  return Buffer.concat(out).toString('latin1');
}

for (const [message, becomes, why] of rows) {
  test(why, () => {
    for (const size of [100_000, 1, 2, 3, 7]) assert.equal(completed(message, size), becomes, `in pieces of ${size}`);
  });
}

test('a Message-ID as qmail makes them', () => {
  assert.equal(qmailMessageId(1795487695, 26, 'mail.example.gr.jp'), '<20261124023455.26.qmail@mail.example.gr.jp>');
});
