// `vqmail serve --workers 0`, which is also what an ordinary user gets: one process that keeps its uid.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startSampleHost, TextClient, until } from './sample-server.js';

test('one process serves, with the uid it has', async (t) => {
  const { server } = await startSampleHost(t, ['--workers', '0']);
  const client = await TextClient.open(server.ports.smtp);
  assert.match(client.greeting, /^220 /);
  const pid = server.process.pid ?? 0;
  assert.equal(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1'), '');
  const uid = process.getuid?.();
  assert.match(readFileSync(`/proc/${pid}/status`, 'latin1'), new RegExp(`^Uid:\\t${uid}\\t${uid}\\t`, 'm'));
  client.destroy();
  assert.equal(await server.stop(), 0);
});

test('too many connections in all are refused in each protocol', async (t) => {
  const { server } = await startSampleHost(t, ['--workers', '0', '--max-connections', '1']);
  const first = await TextClient.open(server.ports.smtp);
  const smtp = await TextClient.open(server.ports.smtp);
  assert.equal(smtp.greeting, '421 too many connections, try again later (#4.3.2)');
  const pop3 = await TextClient.open(server.ports.pop3);
  assert.equal(pop3.greeting, '-ERR too many connections, try again later');
  first.destroy();
  const next = await TextClient.open(server.ports.pop3);
  assert.match(next.greeting, /^\+OK /);
  next.destroy();
});

test('SIGTERM ends idle sessions and lets a message end; SIGHUP changes nothing', async (t) => {
  const { server, root } = await startSampleHost(t, ['--workers', '0']);
  const idle = await TextClient.open(server.ports.pop3);
  const busy = await TextClient.open(server.ports.smtp);
  for (const line of ['HELO me', 'MAIL FROM:<>', 'RCPT TO:<test@mailtest.example.jp>', 'DATA']) await busy.ask(line);
  server.process.kill('SIGHUP');
  await until(() => server.log().includes('SIGHUP: controls'));
  const ended = server.stop('SIGTERM');
  await idle.ended;
  assert.match(await busy.ask('\r\nlate\r\n.'), /^250 ok /);
  assert.equal(await ended, 0);
  assert.equal(readdirSync(`${root}/home/vpopmail/domains/mailtest.example.jp/test/Maildir/new`).length, 1);
});

const optionRows = [
  { options: [], why: 'vpopmail refuses for good', recipient: 'quo@shop.example.gr.jp', reply: /^552 5\.2\.2 / },
  { options: ['--over-quota', 'defer'], why: 'soft', recipient: 'quo@shop.example.gr.jp', reply: /^452 4\.2\.2 / },
  {
    options: [],
    why: 'an empty .qmail without a known default waits',
    recipient: 'plain@shop.example.gr.jp',
    reply: /^451 /,
  },
  {
    options: ['--default-delivery', './mina/Maildir/'],
    why: 'the default delivery is known',
    recipient: 'plain@shop.example.gr.jp',
    reply: /^250 ok/,
  },
];

for (const { options, why, recipient, reply } of optionRows) {
  test(`${why}: ${options.join(' ') || 'no option'}`, async (t) => {
    const { server } = await startSampleHost(t, ['--workers', '0', ...options], (tree) => {
      const owner = { type: 'file', mode: '0600', uid: 6020, gid: 6020 } as const;
      const shop = '/home/vpopmail/domains/shop.example.gr.jp';
      tree[`${shop}/quo/Maildir/maildirsize`] = { ...owner, text: '2000S,5C\n1990 5\n' };
      tree[`${shop}/quo/Maildir/cur/1290000000.1.host,S=1990:2,S`] = { ...owner, text: `x\n`.repeat(995) };
      for (const name of '1234')
        tree[`${shop}/quo/Maildir/cur/129000000${name}.2.host,S=0:2,S`] = { ...owner, text: '' };
      tree[`${shop}/.qmail-plain`] = { ...owner, text: '' };
    });
    const client = await TextClient.open(server.ports.smtp);
    for (const line of ['HELO me', 'MAIL FROM:<>']) await client.ask(line);
    assert.match(await client.ask(`RCPT TO:<${recipient}>`), reply);
    client.destroy();
  });
}
