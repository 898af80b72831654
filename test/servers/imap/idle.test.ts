// IDLE and COMPRESS.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import zlib from 'node:zlib';
import type { ImapClient } from '../../support/imap-client.js';
import { type ImapHost, imapHost, testPassword, testUser } from '../../support/imap-host.js';
import { oneCertificate } from '../../support/server-tls.js';

/** A client that idles with one message, and has been told of another. */
async function toldOfSecond(host: ImapHost): Promise<ImapClient> {
  host.put('cur/1.a:2,', 'a\n');
  const client = await host.loggedIn('INBOX');
  client.send('a IDLE\r\n');
  assert.equal(await client.response(), '+ idling');
  host.put('new/2.b', 'b\n');
  assert.equal(await client.response(), '* 2 EXISTS');
  assert.equal(await client.response(), '* 2 RECENT');
  return client;
}

test('IDLE: what happens is told until DONE', async (t) => {
  const host = await imapHost(t);
  const client = await toldOfSecond(host);
  const other = await host.loggedIn('INBOX');
  await other.ask('APPEND INBOX (\\Seen) {3+}\r\nc\r\n');
  assert.equal(await client.response(), '* 3 EXISTS');
  client.send('done\r\nb NOOP\r\n');
  const rest = await client.responses('b');
  assert.deepEqual(
    rest.filter((line) => !line.endsWith('RECENT')),
    ['a OK Idle completed.', 'b OK NOOP completed.'],
  );
});

test('IDLE: anything but DONE ends it as no command; without a mailbox nothing is told', async (t) => {
  const host = await imapHost(t, { limits: { stillHereMs: 20 } });
  const client = await host.loggedIn();
  client.send('a IDLE\r\n');
  assert.equal(await client.response(), '+ idling');
  assert.equal(await client.response(), '* OK Still here');
  client.send('b LOGOUT\r\n');
  let last = await client.response();
  while (last === '* OK Still here') last = await client.response();
  assert.equal(last, 'a BAD Expected DONE.');
  assert.deepEqual(await client.ask('NOOP'), ['OK NOOP completed.']);
});

test('IDLE where the kernel has no watch to give: the mailbox is looked at', async (t) => {
  t.mock.method(fs, 'watch', () => {
    throw Object.assign(new Error('System limit for number of file watchers reached'), { code: 'ENOSPC' });
  });
  const host = await imapHost(t);
  const client = await toldOfSecond(host);
  fs.unlinkSync(path.join(host.maildir(), 'cur/1.a:2,'));
  assert.equal(await client.response(), '* 1 EXPUNGE');
  client.send('DONE\r\n');
  assert.equal((await client.responses('a')).at(-1), 'a OK Idle completed.');
  assert.deepEqual(host.log, []);
});

test('COMPRESS=DEFLATE: both sides compress from the answer on', async (t) => {
  const host = await imapHost(t);
  await compressed(await host.loggedIn());
});

test('COMPRESS=DEFLATE inside of TLS', async (t) => {
  const host = await imapHost(t, { tls: await oneCertificate() });
  const client = await host.connect();
  assert.equal(await client.tagged('STARTTLS'), 'OK Begin TLS negotiation now.');
  await client.secure();
  assert.match(await client.tagged(`LOGIN ${testUser} ${testPassword}`), /^OK /);
  await compressed(client);
});

async function compressed(client: ImapClient): Promise<void> {
  assert.match(await client.tagged('COMPRESS LZW'), /^BAD /);
  assert.equal(await client.tagged('COMPRESS DEFLATE'), 'OK DEFLATE active.');
  client.socket.removeAllListeners('data');
  const inflate = zlib.createInflateRaw();
  const deflate = zlib.createDeflateRaw();
  client.socket.pipe(inflate);
  deflate.pipe(client.socket);
  const stream = Duplex.from({ readable: inflate, writable: deflate });
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  stream.on('error', () => {});
  const until = async (end: string): Promise<string> => {
    while (!text.endsWith(end)) await new Promise((resolve) => setTimeout(resolve, 2));
    const all = text;
    text = '';
    return all;
  };
  const send = (line: string): void => {
    deflate.write(line);
    deflate.flush();
  };
  send('b COMPRESS DEFLATE\r\nc NOOP\r\n');
  assert.equal(
    await until('c OK NOOP completed.\r\n'),
    'b NO [COMPRESSIONACTIVE] The connection is compressed already.\r\nc OK NOOP completed.\r\n',
  );
  const big = 'x'.repeat(500_000);
  send(`d APPEND INBOX {${big.length}+}\r\n${big}\r\n`);
  assert.match(await until('completed.\r\n'), /^d OK \[APPENDUID \d+ 1\] Append completed\.\r\n$/);
  send('e LOGOUT\r\n');
  await until('e OK Logout completed.\r\n');
}
