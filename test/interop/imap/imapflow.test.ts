// imapflow as applications use it: IDLE with news of all kinds, and a mailbox that is opened again with what was known of it (CONDSTORE, QRESYNC).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { ImapFlow } from 'imapflow';
import { type ImapHost, testPassword, testUser } from '../../support/imap-host.js';
import { mailbox, message } from './client-mailbox.js';

async function connected(t: TestContext, { port }: ImapHost): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port,
    secure: false,
    tls: { rejectUnauthorized: false },
    auth: { user: testUser, pass: testPassword },
    qresync: true,
    logger: false,
  });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.close());
  return client;
}

/** The next event of a kind, after something was done. */
async function told(client: ImapFlow, event: string, act: () => Promise<unknown>): Promise<Record<string, unknown>> {
  const [[news]] = await Promise.all([once(client, event), act()]);
  return news as Record<string, unknown>;
}

test('imapflow idles: what comes, changes and goes is told', async (t) => {
  const host = await mailbox(t);
  const [client, other] = [await connected(t, host), await connected(t, host)];
  const opened = await client.mailboxOpen('INBOX');
  assert.equal(opened.exists, 3);
  await other.mailboxOpen('INBOX');
  const idling = client.idle();
  const came = await told(client, 'exists', async () => host.put('new/1772323300.x.h', message('four')));
  assert.deepEqual([came.count, came.prevCount], [4, 3]);
  const changed = await told(client, 'flags', () => other.messageFlagsAdd('2', ['\\Flagged', '$Label1']));
  assert.deepEqual([changed.uid, [...(changed.flags as Set<string>)].sort()], [2, ['$Label1', '\\Flagged']]);
  assert.equal(typeof changed.modseq, 'bigint');
  const gone = await told(client, 'expunge', () => other.messageDelete('2', { uid: true }));
  assert.deepEqual([gone.uid, gone.vanished], [2, true]);
  await client.noop();
  await idling;
  const status = await client.status('INBOX', { messages: true });
  assert.equal(status !== false && status.messages, 3);
  assert.deepEqual(host.log, []);
});

test('imapflow opens a mailbox again and hears what it has missed', async (t) => {
  const host = await mailbox(t);
  const first = await connected(t, host);
  const { uidValidity, highestModseq } = await first.mailboxOpen('INBOX');
  await first.logout();
  const other = await connected(t, host);
  await other.mailboxOpen('INBOX');
  await other.messageFlagsAdd('1', ['\\Answered']);
  await other.messageDelete('3', { uid: true });
  const added = await other.append(
    'INBOX',
    message('four').replaceAll('\n', '\r\n'),
    ['\\Draft'],
    new Date(1772323200000),
  );
  assert.ok(added !== false && added.uid === 4);
  const again = await connected(t, host);
  const news: string[] = [];
  again.on('flags', ({ uid, flags }) => news.push(`${uid} ${[...flags].join(' ')}`));
  again.on('expunge', ({ uid, vanished, earlier }) => news.push(`${uid} gone ${vanished} ${earlier}`));
  const since = await again.mailboxOpen('INBOX', { uidValidity, changedSince: highestModseq } as object);
  assert.ok((since.highestModseq ?? 0n) > (highestModseq ?? 0n));
  assert.deepEqual(news.sort(), ['1 \\Answered', '3 gone true true', '4 \\Draft']);
  const changed: number[] = [];
  for await (const { uid } of again.fetch('1:*', { flags: true }, { changedSince: highestModseq ?? 0n }))
    changed.push(uid);
  assert.deepEqual(changed, [1, 4]);
  assert.deepEqual(await again.search({ answered: true }, { uid: true }), [1]);
  assert.deepEqual(host.log, []);
});

test('imapflow: folders, copies, moves, structures and parts', async (t) => {
  const host = await mailbox(t);
  const client = await connected(t, host);
  await client.mailboxCreate(['仕事', 'Projekt']);
  await client.mailboxOpen('INBOX');
  const copied = await client.messageCopy('1:2', '仕事.Projekt');
  assert.deepEqual(copied !== false && [...(copied.uidMap ?? [])], [
    [1, 1],
    [2, 2],
  ]);
  await client.messageMove('3', '仕事.Projekt');
  await client.mailboxRename('仕事.Projekt', 'Neu');
  const names = (await client.list()).map(({ path }) => path);
  assert.deepEqual(names.sort(), ['INBOX', 'Neu']);
  await client.mailboxOpen('Neu');
  const one = await client.fetchOne('3', { envelope: true, bodyStructure: true, source: true, threadId: true });
  assert.ok(one !== false);
  assert.equal(one.envelope?.subject, 'three');
  assert.equal(one.bodyStructure?.type, 'text/plain');
  assert.equal(one.source?.toString(), message('three').replaceAll('\n', '\r\n'));
  const { content } = await client.download('3', '1');
  const pieces: Buffer[] = [];
  for await (const piece of content ?? []) pieces.push(piece as Buffer);
  assert.equal(Buffer.concat(pieces).toString(), 'body of three\r\n');
  await client.mailboxDelete('Neu');
  assert.deepEqual(host.log, []);
});
