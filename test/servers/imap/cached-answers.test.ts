// FETCH of what was worked out before: the same answers, from the cache, by this process and the next, and without it.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../../src/log.js';
import { OpenMailboxes } from '../../../src/stores/mailboxes/open-mailboxes.js';
import { type ImapHost, imapHost } from '../../support/imap-host.js';

const messages = ['Grüße', 'b "quoted"', 'c'].map(
  (subject, index) =>
    `From: Noel <noel@example.jp>\nTo: a@example.jp\nSubject: ${subject}\nMessage-ID: <${index}@x>\n\nHello ${index}.\nBye.\n`,
);
const items = '(UID PREVIEW RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT "X-None")])';

async function filled(host: ImapHost): Promise<string> {
  for (const [index, text] of messages.entries()) host.put(`cur/${index}.a:2,S`, text);
  return path.join(host.maildir(), 'vq-cache');
}

test('answers from the cache are those from the messages', async (t) => {
  const host = await imapHost(t);
  const file = await filled(host);
  const client = await host.loggedIn('INBOX');
  const first = await client.ask(`FETCH 1:* ${items}`);
  assert.equal(first.length, 4);
  assert.ok(existsSync(file));
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const size = statSync(file).size;
  assert.deepEqual(await client.ask(`FETCH 1:* ${items}`), first);
  assert.equal(statSync(file).size, size);
  // Of the texts nothing is asked any more: here they are others, under the same names.
  for (const [index, text] of messages.entries())
    writeFileSync(path.join(host.maildir(), `cur/${index}.a:2,S`), text.replace('Noel', 'Leon'));
  host.mailboxes.close();
  const other = await host.loggedIn('INBOX');
  assert.deepEqual(await other.ask(`FETCH 1:* ${items}`), first);
  const only = await other.ask('FETCH 2 (BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT "X-None")])');
  const structure = /BODYSTRUCTURE \(.*\)(?= BODY\[)/.exec(first[1] ?? '')?.[0] ?? 'none';
  assert.equal(
    only[0],
    `* 2 FETCH (${structure} BODY[HEADER.FIELDS (SUBJECT "X-NONE")] {23}\r\nSubject: b "quoted"\r\n\r\n)`,
  );
});

test('SEARCH, SORT and THREAD find the same in the cache as in the messages, in folded and repeated fields too', async (t) => {
  const host = await imapHost(t);
  const odd = [
    'Subject: two\n  lines\nSubject: second\nTo: a@x.example,\n\tb@y.example\nDate: Mon, 2 Mar 2026 00:00:00 +0000',
    'subject : blank before the colon\nX-Odd: y\nFROM: "Smith, J." <j@x.example>\nDate: nonsense',
    'Subject: =?UTF-8?B?R3LDvMOfZQ==?=\nReferences: <1@x>\n <2@x>\nIn-Reply-To: <9@x>\nMessage-ID: <3@x>',
    'No header at all',
    'Subject: no end of a line',
    '',
  ];
  for (const [index, text] of odd.entries()) host.put(`cur/${index}.a:2,S`, index === 4 ? text : `${text}\n\nbody\n`);
  const commands = [
    ...['"two  lines"', 'second', 'subject', 'gr\u00fc\u00dfe', 'end', 'blank'].map(
      (word) =>
        `SEARCH SUBJECT {${Buffer.byteLength(word.replaceAll('"', ''))}+}\r\n${Buffer.from(word.replaceAll('"', '')).toString('latin1')}`,
    ),
    'SEARCH TO b@y',
    'SEARCH FROM "smith, j. <"',
    'SEARCH HEADER X-Odd y',
    'SEARCH HEADER References ""',
    'SEARCH HEADER In-Reply-To 9@',
    'SEARCH SENTSINCE 1-Mar-2026',
    ...['SUBJECT', 'FROM', 'TO', 'DATE', 'DISPLAYFROM', 'REVERSE SUBJECT DATE'].map(
      (keys) => `SORT (${keys}) UTF-8 ALL`,
    ),
    ...['REFERENCES', 'ORDEREDSUBJECT', 'REFS'].map((algorithm) => `UID THREAD ${algorithm} UTF-8 ALL`),
  ];
  const all = async (): Promise<string[]> => {
    const client = await host.loggedIn('INBOX');
    const answers: string[] = [];
    for (const command of commands) answers.push((await client.ask(command)).join('\n'));
    return answers;
  };
  const without = new OpenMailboxes({ log: silentLog, hasCache: false });
  const first = await all();
  assert.ok(existsSync(path.join(host.maildir(), 'vq-cache')));
  assert.deepEqual(await all(), first);
  host.mailboxes.close();
  assert.deepEqual(await all(), first, 'the next process');
  const other = await imapHost(t, { mailboxes: without });
  for (const [index, text] of odd.entries()) other.put(`cur/${index}.a:2,S`, index === 4 ? text : `${text}\n\nbody\n`);
  const client = await other.loggedIn('INBOX');
  for (const [index, command] of commands.entries())
    assert.equal((await client.ask(command)).join('\n'), first[index], command);
  for (let index = 0; index < odd.length; index++)
    writeFileSync(path.join(host.maildir(), `cur/${index}.a:2,S`), 'Subject: x\n\n');
  const again = await all();
  assert.deepEqual(again[0], first[0], 'no message is read any more');
});

test('without the file, and with a broken one, the answers are the same', async (t) => {
  const host = await imapHost(t);
  const file = await filled(host);
  const client = await host.loggedIn('INBOX');
  const first = await client.ask(`FETCH 1:* ${items}`);
  rmSync(file);
  assert.deepEqual(await client.ask(`FETCH 1:* ${items}`), first);
  assert.ok(existsSync(file));
  const bytes = readFileSync(file);
  writeFileSync(file, Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(64, 0xff), bytes.subarray(100)]));
  assert.deepEqual(await client.ask(`FETCH 1:* ${items}`), first);
  host.mailboxes.close();
  const other = await host.loggedIn('INBOX');
  assert.deepEqual(await other.ask(`FETCH 1:* ${items}`), first);
});

test('a message that is marked as seen by its header fields says so beside them, from the cache too', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,', messages[2] ?? '');
  const client = await host.loggedIn('INBOX');
  const peek = await client.ask('FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]');
  assert.equal(peek[0], '* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: c\r\n\r\n)');
  const [seen] = await client.ask('FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]');
  assert.match(
    seen ?? '',
    /^\* 1 FETCH \(FLAGS \(\\Seen( \\Recent)?\) BODY\[HEADER\.FIELDS \(SUBJECT\)\] \{14\}\r\nSubject: c\r\n\r\n\)$/,
  );
});

test('nothing is kept where that is not wanted', async (t) => {
  const host = await imapHost(t, { mailboxes: new OpenMailboxes({ log: silentLog, hasCache: false }) });
  const file = await filled(host);
  const client = await host.loggedIn('INBOX');
  const first = await client.ask(`FETCH 1:* ${items}`);
  assert.deepEqual(await client.ask(`FETCH 1:* ${items}`), first);
  assert.ok(!existsSync(file));
});
