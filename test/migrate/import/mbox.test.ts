import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { declaredEnd, fromLineTime, MboxScanner, parseMboxMessage } from '../../../migrate/import/mbox.js';
import { flagBits } from '../../../src/formats/mailbox/message-flags.js';

describe('mbox', () => {
  const time = Date.UTC(2026, 10, 24, 2, 3, 31) / 1000;
  const rows: readonly [name: string, line: string, time: number | undefined][] = [
    ['of qmail-local', 'From a-b@c.d Tue Nov 24 02:03:31 2026', time],
    ['of ctime, with a blank before the day', 'From joe Tue Nov  3 02:03:31 2026', time - 21 * 86400],
    ['with a zone behind', 'From joe@a.jp Tue Nov 24 11:03:31 2026 +0900', time],
    ['with a zone before the year', 'From joe@a.jp Tue Nov 24 02:03:31 GMT 2026', time],
    ['of Thunderbird', 'From - Tue Nov 24 02:03:31 2026', time],
    ['without seconds', 'From joe Tue Nov 24 02:03 2026', time - 31],
    ['without a sender', 'From  Tue Nov 24 02:03:31 2026', time],
    ['a line of a letter', 'From me to you on Tuesday', undefined],
    ['a field', 'From: joe@a.jp', undefined],
  ];
  for (const [name, line, expected] of rows)
    it(`knows a line that begins a message: ${name}`, () => assert.equal(fromLineTime(line), expected));

  const file = [
    'From a@b Tue Nov 24 02:03:31 2026\nSubject: 1\n\nFrom here on\n>From there\n>>From far\n\n',
    'From a@b Tue Nov 24 02:03:32 2026\nSubject: 2\n\nnot behind an empty line:\nFrom a@b Tue Nov 24 02:03:32 2026\n\n',
    'From a@b Tue Nov 24 02:03:33 2026\r\nSubject: 3\r\n\r\nDOS\r\n\r\n',
    'From a@b Tue Nov 24 02:03:34 2026\nSubject: 4\n\nno end',
  ];
  it('finds the messages, however the file is cut', () => {
    const bytes = Buffer.from(file.join(''));
    const expected = file.map((_, index) => file.slice(0, index).join('').length);
    for (const size of [1, 2, 3, 7, 40, 1000]) {
      const scanner = new MboxScanner();
      for (let at = 0; at < bytes.length; at += size) scanner.add(bytes.subarray(at, at + size));
      assert.deepEqual(scanner.starts, expected, `pieces of ${size}`);
    }
  });

  it('takes off what belongs to the file: the quotes, the empty line behind', () => {
    const texts = file.map((text) => parseMboxMessage(Buffer.from(text)).text.toString());
    assert.deepEqual(texts, [
      'Subject: 1\n\nFrom here on\nFrom there\n>From far\n',
      'Subject: 2\n\nnot behind an empty line:\nFrom a@b Tue Nov 24 02:03:32 2026\n',
      'Subject: 3\r\n\r\nDOS\r\n',
      'Subject: 4\n\nno end',
    ]);
  });

  it('reads where a message says that it ends', () => {
    const rows: readonly [text: string, end: number | undefined][] = [
      [
        'From a\nSubject: x\nContent-Length: 7\nX: y\n\nbody\n',
        'From a\nSubject: x\nContent-Length: 7\nX: y\n\n'.length + 7,
      ],
      ['From a\r\ncontent-length:3\r\n\r\nabc', 'From a\r\ncontent-length:3\r\n\r\n'.length + 3],
      ['From a\nSubject: x\n\nContent-Length: 7\n\n', undefined],
      ['From a\nContent-Length: many\n\n', undefined],
      ['From a\nContent-Length: 7\n', undefined],
    ];
    for (const [text, end] of rows) assert.equal(declaredEnd(Buffer.from(text)), end, text);
  });

  const head = 'From a@b Tue Nov 24 02:03:31 2026\n';
  it('reads the marks of UW IMAP and Dovecot, and leaves them out', () => {
    const message = parseMboxMessage(
      Buffer.from(
        `${head}Subject: x\nX-UID: 7\nStatus: RO\nX-Status: AF\nX-Keywords: $Label1 Junk   \n\nStatus: text\n`,
      ),
    );
    assert.equal(message.text.toString(), 'Subject: x\n\nStatus: text\n');
    assert.equal(message.flags, flagBits.seen | flagBits.answered | flagBits.flagged);
    assert.deepEqual(message.keywords, ['$Label1', 'Junk']);
    assert.equal(message.unixSeconds, time);
  });
  it("reads Thunderbird's marks", () => {
    const message = parseMboxMessage(
      Buffer.from(
        `${head}X-Mozilla-Status: 0007\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1  \nSubject: x\n\ny\n`,
      ),
    );
    assert.equal(message.text.toString(), 'Subject: x\n\ny\n');
    assert.equal(message.flags, flagBits.seen | flagBits.answered | flagBits.flagged);
    assert.deepEqual(message.keywords, ['$label1']);
  });
  it("knows UW IMAP's message to itself", () => {
    const text = `${head}Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\nStatus: RO\n\nx\n`;
    assert.equal(parseMboxMessage(Buffer.from(text)).isInternal, true);
  });
});
