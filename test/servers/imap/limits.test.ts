// What a client may do before its session is ended.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultImapLimits } from '../../../src/servers/imap/server.js';
import type { ImapClient } from '../../support/imap-client.js';
import { imapHost } from '../../support/imap-host.js';

const minuteMs = 60_000;

test('literals: 4 KiB before login, 1 MiB after it', async (t) => {
  const host = await imapHost(t);
  const client = await host.connect();
  assert.deepEqual(await client.ask('LOGIN {4097}'), ['BAD Too long argument.']);
  client.send('a LOGIN {4096}\r\n');
  assert.equal(await client.response(), '+ OK');
  client.send(`${'x'.repeat(4096)} x\r\n`);
  assert.match(await client.response(), /^a NO \[AUTHENTICATIONFAILED\] /);
  const inside = await host.loggedIn();
  assert.deepEqual(await inside.ask(`CREATE {${1024 * 1024 + 1}}`), ['BAD Too long argument.']);
  inside.send(`a CREATE {${1024 * 1024}}\r\n`);
  assert.equal(await inside.response(), '+ OK');
});

test('a line of 64 KiB is a command, a longer one ends the session', async (t) => {
  const host = await imapHost(t);
  const client = await host.loggedIn('INBOX');
  const set = '1:*,'.repeat(16_370).slice(0, -1);
  assert.deepEqual(await client.ask(`UID SEARCH UID ${set}`), ['* SEARCH', 'OK Search completed.']);
  client.send(`a SEARCH ${'x'.repeat(64 * 1024)}`);
  assert.equal(await client.closed(), '* BYE Input line is too long.\r\n');
});

test('commands that are none: 3 in a row before login, 20 after it, and one that is good begins anew', async (t) => {
  const host = await imapHost(t);
  const known = async (client: ImapClient, command: string, count: number): Promise<void> => {
    for (let at = 0; at < count; at++) assert.match(await client.tagged(command), /^BAD /);
  };
  const over = '* BYE Too many invalid IMAP commands.\r\n';
  const before = await host.connect();
  await known(before, 'NOSUCH', 2);
  await before.ask('NOOP');
  await known(before, 'NOSUCH', 3);
  assert.equal(await before.closed(), over);
  const client = await host.loggedIn();
  await known(client, 'STORE', 19);
  assert.equal(await client.tagged('SELECT nosuch'), "NO [NONEXISTENT] Mailbox doesn't exist: nosuch.");
  await known(client, 'NOSUCH', 20);
  assert.equal(await client.closed(), over);
});

test('silence: 3 minutes before login, 30 after it; a client that idles is told every 2 minutes that we are still here', () => {
  const { loginMs, idleMs, stillHereMs } = defaultImapLimits;
  assert.deepEqual([loginMs, idleMs, stillHereMs], [3 * minuteMs, 30 * minuteMs, 2 * minuteMs]);
});

test('a client that idles stays, however long; one that does not is cut off', async (t) => {
  const host = await imapHost(t, { limits: { idleMs: 2000, stillHereMs: 40 } });
  const client = await host.loggedIn('INBOX');
  client.send('a IDLE\r\n');
  assert.equal(await client.response(), '+ idling');
  for (let times = 0; times < 75; times++) assert.equal(await client.response(), '* OK Still here');
  client.send('DONE\r\n');
  assert.equal((await client.responses('a')).at(-1), 'a OK Idle completed.');
  assert.equal(await client.closed(), '* BYE Disconnected for inactivity.\r\n');
});
