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
