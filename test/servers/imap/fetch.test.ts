// FETCH in a session: items, \Seen, partials, what is gone, what is large.

import assert from 'node:assert/strict';
import { unlinkSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { ImapClient } from '../../support/imap-client.js';
import { type ImapHost, imapHost } from '../../support/imap-host.js';

const plain = 'From: Noel <noel@example.jp>\nSubject: hello\n\nHello.\nBye.\n';
const seconds = 1772323200;

/** A session for which no message is recent. */
async function secondSession(host: ImapHost): Promise<ImapClient> {
  const first = await host.loggedIn('INBOX');
  await first.ask('LOGOUT');
  return host.loggedIn('INBOX');
}

test('items, in the order of Dovecot, each once', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1772323200.1.h:2,S', plain, { mtime: seconds });
  const client = await secondSession(host);
  const [answer] = await client.ask('FETCH 1 (BODY.PEEK[TEXT] UID RFC822.SIZE FLAGS FLAGS)');
  assert.equal(answer, '* 1 FETCH (UID 1 RFC822.SIZE 62 FLAGS (\\Seen) BODY[TEXT] {14}\r\nHello.\r\nBye.\r\n)');
  assert.deepEqual(await client.ask('UID FETCH 1:* (FLAGS)'), [
    '* 1 FETCH (UID 1 FLAGS (\\Seen))',
    'OK Fetch completed.',
  ]);
  assert.deepEqual(await client.ask('UID FETCH 7 FLAGS'), ['OK Fetch completed.']);
  assert.equal(await client.tagged('FETCH 2 FLAGS'), 'BAD Error in IMAP command FETCH: Invalid messageset.');
  assert.equal(await client.tagged('FETCH 1 ()'), 'BAD Error in IMAP command FETCH: FETCH list is empty.');
  assert.equal(
    await client.tagged('FETCH 1 (UID) (FOO 1)'),
    'BAD Error in IMAP command FETCH: Unknown FETCH modifier.',
  );
  const [preview] = await client.ask('FETCH 1 (PREVIEW THREADID)');
  assert.equal(preview, '* 1 FETCH (PREVIEW "Hello. Bye." THREADID NIL)');
  assert.match((await client.ask('FETCH 1 EMAILID'))[0] ?? '', /^\* 1 FETCH \(EMAILID \(M[0-9a-f]{32}\)\)$/);
  assert.match((await client.ask('FETCH 1 SAVEDATE'))[0] ?? '', /SAVEDATE "\d\d-[A-Z][a-z]{2}-\d{4} /);
});

test('BODY[...] sets \\Seen and says so once; PEEK and a mailbox for reading do not', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,', plain);
  host.put('cur/2.b:2,', plain);
  const client = await secondSession(host);
  assert.deepEqual(await client.ask('FETCH 1 BODY.PEEK[]<0.4>'), [
    '* 1 FETCH (BODY[]<0> {4}\r\nFrom)',
    'OK Fetch completed.',
  ]);
  const [first, ...rest] = await client.ask('FETCH 1 BODY[]<5.3>');
  assert.equal(first, '* 1 FETCH (FLAGS (\\Seen) BODY[]<5> {3}\r\n No)');
  assert.deepEqual(rest, ['OK Fetch completed.']);
  assert.deepEqual(host.names(), ['cur/1.a:2,S', 'cur/2.b:2,']);
  await client.ask('EXAMINE INBOX');
  assert.deepEqual(await client.ask('FETCH 2 BODY[TEXT]<99.5>'), [
    '* 2 FETCH (BODY[TEXT]<99> {0}\r\n)',
    'OK Fetch completed.',
  ]);
  assert.deepEqual(host.names(), ['cur/1.a:2,S', 'cur/2.b:2,']);
});

test('BINARY undoes the encoding, literal8 where there is a NUL, UNKNOWN-CTE where nobody knows it', async (t) => {
  const host = await imapHost(t);
  const header = (encoding: string): string => `MIME-Version: 1.0\nContent-Transfer-Encoding: ${encoding}\n\n`;
  host.put('cur/1.a:2,S', `${header('base64')}AAEC\n`);
  host.put('cur/2.b:2,S', `${header('quoted-printable')}a=3Db=\nc\nd\n`);
  host.put('cur/3.c:2,S', `${header('x-what')}abc\n`);
  host.put('cur/4.d:2,S', 'Subject: nul\n\na\0b\n');
  const client = await secondSession(host);
  const ask = async (command: string): Promise<string> => (await client.ask(command)).join('|');
  const done = '|OK Fetch completed.';
  assert.equal(
    await ask('FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])'),
    `* 1 FETCH (BINARY[1] ~{3}\r\n\0\x01\x02 BINARY.SIZE[1] 3)${done}`,
  );
  assert.equal(await ask('FETCH 2 BINARY.PEEK[1]'), `* 2 FETCH (BINARY[1] {9}\r\na=bc\r\nd\r\n)${done}`);
  assert.equal(await ask('FETCH 2 BINARY.PEEK[1]<2.3>'), `* 2 FETCH (BINARY[1]<2> {3}\r\nbc\r)${done}`);
  assert.equal(await ask('FETCH 3 BINARY.PEEK[1]'), 'NO [UNKNOWN-CTE] Unknown Content-Transfer-Encoding.');
  assert.equal(await ask('FETCH 3 BODY.PEEK[1]'), `* 3 FETCH (BODY[1] {5}\r\nabc\r\n)${done}`);
  assert.equal(await ask('FETCH 4 BODY.PEEK[1]'), `* 4 FETCH (BODY[1] {5}\r\na\x80b\r\n)${done}`);
});

test('a message that is gone is left out, and the client is told', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,S', plain);
  host.put('cur/2.b:2,S', plain);
  const client = await secondSession(host);
  unlinkSync(path.join(host.maildir(), 'cur/1.a:2,S'));
  const answers = await client.ask('FETCH 1:2 BODY.PEEK[TEXT]<0.5>');
  assert.deepEqual(answers, [
    '* 2 FETCH (BODY[TEXT]<0> {5}\r\nHello)',
    'NO [EXPUNGEISSUED] Some of the requested messages no longer exist.',
  ]);
  assert.deepEqual(await client.ask('UID FETCH 1:2 FLAGS'), [
    '* 2 FETCH (UID 2 FLAGS (\\Seen))',
    '* 1 EXPUNGE',
    'OK [EXPUNGEISSUED] Some messages were already expunged.',
  ]);
  assert.deepEqual(await client.ask('UID FETCH 1:2 FLAGS'), [
    '* 1 FETCH (UID 2 FLAGS (\\Seen))',
    'OK Fetch completed.',
  ]);
});

test('a large message in pieces is the same as in one', async (t) => {
  const host = await imapHost(t);
  const lines = Array.from(
    { length: 20_000 },
    (_, index) => `line ${index} of a message that is not small${index % 7 === 0 ? '\r' : ''}\n`,
  );
  const text = `Subject: large\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n${lines.join('')}\n--b\nContent-Type: text/html\n\n<p>\n--b--\n`;
  host.put('cur/1.a:2,S', text);
  const client = await secondSession(host);
  const literal = async (item: string): Promise<string> => {
    const [answer = ''] = await client.ask(`FETCH 1 ${item}`);
    const found = /\{(\d+)\}\r\n/.exec(answer);
    const start = (found?.index ?? 0) + (found?.[0].length ?? 0);
    return answer.slice(start, start + Number(found?.[1]));
  };
  const sent = text.replace(/\r?\n/g, '\r\n');
  assert.equal(await literal('BODY.PEEK[]'), sent);
  assert.equal((await client.ask('FETCH 1 RFC822.SIZE'))[0], `* 1 FETCH (RFC822.SIZE ${sent.length})`);
  const part = lines.join('').replace(/\r?\n/g, '\r\n');
  assert.equal(await literal('BODY.PEEK[1]'), part);
  let joined = '';
  for (let start = 0; start < part.length; start += 100_001) joined += await literal(`BODY.PEEK[1]<${start}.100001>`);
  assert.equal(joined, part);
  assert.equal(await literal('BODY.PEEK[1]<7.50>'), part.slice(7, 57), 'back again');
  assert.equal(await literal('BINARY.PEEK[1]'), part);
  assert.equal(await literal('BODY.PEEK[HEADER.FIELDS (Subject)]'), 'Subject: large\r\n\r\n');
});

test('CHANGEDSINCE and VANISHED', async (t) => {
  const host = await imapHost(t);
  for (const name of ['1.a', '2.b', '3.c']) host.put(`cur/${name}:2,S`, plain);
  const client = await secondSession(host);
  const [highest = ''] = await client.ask('FETCH 1 (MODSEQ)');
  const since = Number(/HIGHESTMODSEQ (\d+)/.exec(highest)?.[1]);
  assert.deepEqual(await client.ask(`FETCH 1:* (FLAGS) (CHANGEDSINCE ${since})`), ['OK Fetch completed.']);
  await client.ask('STORE 3 +FLAGS.SILENT (\\Flagged)');
  const [changed] = await client.ask(`FETCH 1:* (FLAGS) (CHANGEDSINCE ${since})`);
  assert.match(changed ?? '', /^\* 3 FETCH \(FLAGS \(\\Flagged \\Seen\) MODSEQ \(\d+\)\)$/);
  assert.match(
    await client.tagged(`UID FETCH 1:* FLAGS (CHANGEDSINCE ${since} VANISHED)`),
    /^BAD .*Unknown FETCH modifier/,
  );
  await client.ask('ENABLE QRESYNC');
  await client.ask('STORE 1 +FLAGS.SILENT (\\Deleted)');
  await client.ask('EXPUNGE');
  const answers = await client.ask(`UID FETCH 1:* FLAGS (CHANGEDSINCE ${since} VANISHED)`);
  assert.equal(answers[0], '* VANISHED (EARLIER) 1');
  assert.match(answers[1] ?? '', /^\* 2 FETCH \(UID 3 FLAGS \(\\Flagged \\Seen\) MODSEQ \(\d+\)\)$/);
  assert.equal(answers.length, 3);
  assert.match(await client.tagged('UID FETCH 2 FLAGS (VANISHED)'), /^BAD .*VANISHED used without CHANGEDSINCE/);
});

test('a keyword of another session is told before it is used', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,', plain);
  const client = await secondSession(host);
  const other = await host.loggedIn('INBOX');
  await other.ask('STORE 1 +FLAGS ($New)');
  assert.deepEqual(await client.ask('FETCH 1 (FLAGS BODY.PEEK[]<0.4>)'), [
    '* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New)',
    '* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New \\*)] Flags permitted.',
    '* 1 FETCH (FLAGS ($New) BODY[]<0> {4}\r\nFrom)',
    '* 1 FETCH (FLAGS ($New))',
    'OK Fetch completed.',
  ]);
});

test('PARTIAL: the first messages of a set, or the last', async (t) => {
  const host = await imapHost(t);
  for (const name of ['1.a', '2.b', '3.c', '4.d']) host.put(`cur/${name}:2,`, plain);
  const client = await secondSession(host);
  const uids = async (partial: string): Promise<string> =>
    (await client.ask(`UID FETCH 1:3 (UID) (PARTIAL ${partial})`))
      .slice(0, -1)
      .join(' ')
      .replace(/[^0-9 ]/g, '')
      .trim();
  assert.equal(await uids('1:2'), '1   1  2   2');
  assert.equal(await uids('-1:-2'), '2   2  3   3');
  assert.equal(await uids('9:10'), '');
  assert.match(await client.tagged('UID FETCH 1:3 (UID) (PARTIAL 0:2)'), /^BAD .*PARTIAL range broken/);
});
