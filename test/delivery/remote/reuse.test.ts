// How many sessions there are, and which are used again.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { RemoteLimits } from '../../../src/delivery/remote/context.js';
import { type RemoteHost, remoteHost } from '../../support/remote-host.js';
import { type Sink, type SinkOptions, startSink } from '../../support/smtp-sink.js';

const hosts: RemoteHost[] = [];
const sinks: Sink[] = [];
after(async () => {
  for (const sink of sinks) await sink.stop();
  for (const host of hosts) host.remove();
});

async function pair(
  options: SinkOptions = {},
  limits: Partial<RemoteLimits> = {},
): Promise<{ sink: Sink; host: RemoteHost }> {
  const sink = await startSink(options);
  const host = remoteHost({ smtproutes: `:127.0.0.1:${sink.port}\n` }, { limits });
  sinks.push(sink);
  hosts.push(host);
  return { sink, host };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const recipients = ['r@remote.example'];

test('ordinary mail: a session a message, closed at once', async () => {
  const { sink, host } = await pair();
  const channel = host.channel();
  for (let i = 0; i < 5; i++) await host.send({ recipients }, channel);
  assert.equal(sink.sessions.length, 5);
  await untilClosed(sink);
  await channel.close();
});

test('a busy destination: sessions are used again, up to a number of messages', async () => {
  const { sink, host } = await pair({}, { messagesPerSession: 15, idleMs: 60_000 });
  const channel = host.channel();
  for (let i = 0; i < 40; i++) {
    const [report] = await host.send({ recipients }, channel);
    assert.equal(report?.outcome, 'success');
  }
  // Nine by themselves, then 15, 15, 1.
  assert.equal(sink.sessions.length, 12);
  assert.equal(sink.messages().length, 40);
  await channel.close();
  await untilClosed(sink);
});

test('what is kept is closed when nothing comes', async () => {
  const { sink, host } = await pair({}, { idleMs: 500 });
  const channel = host.channel();
  await Promise.all(Array.from({ length: 15 }, () => host.send({ recipients }, channel)));
  await untilClosed(sink);
  await channel.close();
});

async function untilClosed(sink: Sink): Promise<void> {
  const isOpen = (): boolean => sink.sessions.some(({ events }) => !events.some(({ closed }) => closed));
  for (let i = 0; i < 1000 && isOpen(); i++) await pause(10);
  assert.equal(isOpen(), false);
  assert.ok(sink.sessions.every(({ events }) => events.some(({ client }) => client === 'QUIT\r\n')));
}

test('more messages than sessions wait for one', async () => {
  const { sink, host } = await pair({ delayMs: 5 }, { sessionsPerDestination: 3 });
  const channel = host.channel();
  const reports = await Promise.all(Array.from({ length: 30 }, () => host.send({ recipients }, channel)));
  assert.ok(reports.flat().every(({ outcome }) => outcome === 'success'));
  assert.equal(sink.sessions.length, 3);
  await channel.close();
  await untilClosed(sink);
});

test('one slow destination does not hold another one', async () => {
  const slow = await startSink({ delayMs: 300 });
  const { sink, host } = await pair({}, { sessionsPerDestination: 1 });
  sinks.push(slow);
  host.control({ smtproutes: `slow.example:127.0.0.1:${slow.port}\n:127.0.0.1:${sink.port}\n` });
  const channel = host.channel();
  const order: string[] = [];
  const send = async (address: string): Promise<void> => {
    await host.send({ recipients: [address] }, channel);
    order.push(address);
  };
  await Promise.all([send('a@slow.example'), send('b@slow.example'), send('c@remote.example')]);
  assert.equal(order[0], 'c@remote.example');
  await channel.close();
});

test('a kept session that the other side has given up is not told as a failure', async () => {
  const { sink, host } = await pair({
    replies: { MAIL: [...Array<string>(12).fill('250 ok\r\n'), 'DROP', '250 ok\r\n'] },
  });
  const channel = host.channel();
  for (let i = 0; i < 14; i++) {
    const [report] = await host.send({ recipients }, channel);
    assert.equal(report?.outcome, 'success', `message ${i}`);
  }
  assert.equal(sink.messages().length, 14);
  await channel.close();
});

test('a kept session that takes no more messages is not told as a failure', async () => {
  const ok = Array<string>(12).fill('250 ok\r\n');
  for (const no of ['421 too many messages in this connection\r\n', '452 enough\r\n', '550 one message a session\r\n'])
    for (const offers of ['250 8BITMIME', '250 PIPELINING']) {
      const { sink, host } = await pair({
        replies: { EHLO: `250-x\r\n${offers}\r\n`, MAIL: [...ok, no, '250 ok\r\n', no, no, '250 ok\r\n'] },
      });
      const channel = host.channel();
      const outcomes: (string | undefined)[] = [];
      for (let i = 0; i < 15; i++) outcomes.push((await host.send({ recipients }, channel))[0]?.outcome);
      const refused = no.startsWith('5') ? 'failure' : 'deferral';
      // The second time the session of its own says the same, and that is told.
      assert.deepEqual(outcomes, [...Array<string>(13).fill('success'), refused, 'success']);
      assert.equal(sink.messages().length, 14);
      await channel.close();
    }
});

test('a kept session that ends meanwhile is not used', async () => {
  const { sink, host } = await pair();
  const channel = host.channel();
  for (let i = 0; i < 12; i++) await host.send({ recipients }, channel);
  const before = sink.sessions.length;
  await sink.stop();
  await pause(30);
  const again = await startSink({ port: sink.port });
  sinks.push(again);
  assert.equal((await host.send({ recipients }, channel))[0]?.outcome, 'success');
  assert.equal(again.sessions.length, 1);
  assert.ok(before < 12);
  await channel.close();
});

test('a message that was refused ends its session', async () => {
  const { sink, host } = await pair({ replies: { '.': '550 spam\r\n' } }, { sessionsPerDestination: 1 });
  const channel = host.channel();
  const reports = await Promise.all(Array.from({ length: 4 }, () => host.send({ recipients }, channel)));
  assert.ok(reports.flat().every(({ outcome }) => outcome === 'failure'));
  assert.equal(sink.sessions.length, 4);
  await channel.close();
});

test('many recipients go in several messages, each told once', async () => {
  const { sink, host } = await pair({}, { recipientsPerMessage: 10 });
  const many = Array.from({ length: 35 }, (_, i) => `r${i}@remote.example`);
  const reports = await host.send({ recipients: [...many, 'x@Other.example', 'y@other.EXAMPLE'] });
  assert.equal(reports.filter(({ outcome }) => outcome === 'success').length, 37);
  assert.equal(sink.messages().length, 5);
  const rcpts = sink.sessions.map(({ events }) => events.filter(({ client }) => client?.startsWith('RCPT')).length);
  assert.deepEqual(
    rcpts.sort((a, b) => a - b),
    [2, 5, 10, 10, 10],
  );
});

test('a message that is gone is told for every recipient', async () => {
  const { host } = await pair();
  const channel = host.channel();
  const told: string[] = [];
  const message = { id: '1', path: `${host.root}/none`, sizeBytes: 1, birthSeconds: 0 };
  await channel.deliver(
    { message, sender: 'a@b.example', recipients: ['a@b.example', 'c@d.example'] },
    (index, { outcome, text }) => told.push(`${index} ${outcome} ${text}`),
  );
  await channel.deliver({ message: { ...message, path: host.root }, sender: '', recipients }, (index, { text }) =>
    told.push(`${index} ${text}`),
  );
  assert.deepEqual(told, [
    '0 deferral qmail-spawn unable to open message. (#4.3.0)\n',
    '1 deferral qmail-spawn unable to open message. (#4.3.0)\n',
    '0 Sorry, message has wrong type. (#4.3.5)\n',
  ]);
  await channel.close();
});

test('close waits for what is under way', async () => {
  const { sink, host } = await pair({ delayMs: 20 });
  const channel = host.channel();
  const sending = host.send({ recipients }, channel);
  await channel.close();
  assert.equal(sink.messages().length, 1);
  assert.equal((await sending)[0]?.outcome, 'success');
});
