// SEARCH, SORT and THREAD over the corpus: the same messages in the same order as Dovecot's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { responsesOf } from '../../support/imap-answers.js';
import { imapHost } from '../../support/imap-host.js';
import { needs } from '../../support/needs.js';
import { corpusMailbox } from './both.js';
import { japaneseSubject } from './corpus.js';

const utf8 = (text: string): string => `{${Buffer.byteLength(text)}+}\r\n${Buffer.from(text).toString('latin1')}`;
/** `日本語の件名` in other charsets. */
const shiftJis = Buffer.from('k/qWe4zqgsyMj5a8', 'base64').toString('latin1');
const iso2022Jp = Buffer.from('GyRCRnxLXDhsJE43b0w+GyhC', 'base64').toString('latin1');

const searches = [
  'ALL',
  'SEEN',
  'UNSEEN LARGER 500',
  'SMALLER 300',
  '1:10,400:*',
  'UID 5:9',
  'NOT UID 5:*',
  'SINCE 5-Mar-2026 BEFORE 10-Mar-2026',
  'ON 4-Mar-2026',
  'SENTSINCE 3-Mar-2026',
  'SENTON 2-Mar-2026',
  'SENTBEFORE 1-Feb-2026',
  'FROM noel',
  'FROM "smith, j"',
  'TO example.jp',
  'CC after@e',
  'SUBJECT hello',
  'SUBJECT "two lines"',
  'SUBJECT ""',
  'HEADER X-None ""',
  'HEADER Message-ID "<7@"',
  'HEADER Received "b.example"',
  'BCC j@example.de',
  'BODY "half a type"',
  'BODY preamble',
  'BODY epilogue',
  'BODY inside',
  'BODY "end of it"',
  'BODY boundary',
  'TEXT inside',
  'TEXT "a b.txt"',
  'TEXT "content-type"',
  'TEXT image/png',
  'OR SUBJECT hello (FROM noel SEEN)',
  'NOT SUBJECT hello',
  `SUBJECT ${utf8('Grüße')}`,
  `BODY ${utf8('Grüße')}`,
  `BODY ${utf8('GRÜSSE')}`,
  `FROM ${utf8('jürgen')}`,
  `SUBJECT ${utf8(japaneseSubject)}`,
  `SUBJECT ${utf8('テスト')}`,
  `TO ${utf8('山田')}`,
  `BODY ${utf8('資料')}`,
  `CHARSET Shift_JIS SUBJECT {${shiftJis.length}+}\r\n${shiftJis}`,
  `CHARSET ISO-2022-JP SUBJECT {${iso2022Jp.length}+}\r\n${iso2022Jp}`,
];

const sorts = [
  'ARRIVAL',
  'REVERSE ARRIVAL',
  'DATE',
  'REVERSE DATE',
  'SIZE',
  'SUBJECT',
  'SUBJECT REVERSE SIZE',
  'FROM',
  'TO',
  'CC',
  'DISPLAYFROM',
  'DISPLAYTO',
];
const threads = ['ORDEREDSUBJECT', 'REFERENCES', 'REFS'];

/** Where we find more than Dovecot, all of it rightly. */
const wider: Readonly<Record<string, string>> = {
  'BODY "half a type"':
    'a part whose Content-Type cannot be read is plain text by RFC 2045 5.2; Dovecot passes it over',
  'BODY epilogue': 'the same: what follows is in the body of such a part',
  [`FROM ${utf8('jürgen')}`]:
    'bytes above ASCII that are no UTF-8 are read as Latin-1; Dovecot makes them all one sign',
};

const commands = [
  ...searches.map((keys) => `SEARCH ${keys}`),
  ...sorts.map((keys) => `SORT (${keys}) UTF-8 ALL`),
  ...threads.map((algorithm) => `THREAD ${algorithm} UTF-8 ALL`),
];

test('SEARCH, SORT and THREAD find what Dovecot finds', async (t) => {
  if (!needs(t, 'doveadm')) return;
  const { dovecot, messages } = await corpusMailbox(t);
  const host = await imapHost(t);
  for (const [index, message] of messages.entries()) {
    const mtime = 1772323200 + index * 3607;
    host.put(`cur/${mtime}.M${index}P1.host:2,${index % 3 === 0 ? 'S' : ''}`, message, { mtime });
  }
  const client = await host.loggedIn('INBOX');
  const output = await dovecot(commands.map((command, index) => Buffer.from(`s${index} ${command}`, 'latin1')));
  const theirs = responsesOf(output).filter((response) => /^\* (?:SEARCH|SORT|THREAD)/.test(response));
  assert.equal(theirs.length, commands.length);
  for (const [index, command] of commands.entries()) {
    const [ours = ''] = await client.ask(command);
    const expected = theirs[index]?.trimEnd() ?? '';
    await t.test(command.replace(/[\r\n]+/g, ' '), () => {
      if (command.startsWith('SORT (SUBJECT'))
        assert.deepEqual(withReadableSubject(ours, messages), withReadableSubject(expected, messages));
      else if (command.startsWith('THREAD REFS')) assert.deepEqual(treesOf(ours), treesOf(expected));
      else if (wider[command.replace('SEARCH ', '')] === undefined) assert.equal(ours, expected);
      else
        assert.deepEqual(
          expected.split(' ').filter((number) => !ours.split(' ').includes(number)),
          [],
        );
    });
  }
});

/** Of those whose newest messages are of one second, Dovecot tells one whose first message is not there before the others; their order is not judged. */
function treesOf(answer: string): string[] {
  const trees: string[] = [];
  let depth = 0;
  for (const part of answer.slice('* THREAD '.length).match(/[()]|[^()]+/g) ?? []) {
    if (part === '(' && depth++ === 0) trees.push('');
    trees.push(`${trees.pop() ?? ''}${part}`);
    if (part === ')') depth--;
  }
  return trees.sort();
}

const unreadable = /unknown-charset|^Subject: .*[\x80-\xff]/m;

/**
 * Dovecot sorts a subject in a charset that nobody knows by what its bytes would be in UTF-8; we by the encoded word as it stands (RFC 2047 6.2 shows it so). Raw bytes above ASCII that are no UTF-8
 * it takes for one sign, we for Latin-1.
 */
function withReadableSubject(answer: string, messages: readonly Buffer[]): string[] {
  return answer.split(' ').filter((number) => !unreadable.test(messages[Number(number) - 1]?.toString('latin1') ?? ''));
}
