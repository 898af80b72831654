// What becomes of a message whose .qmail file runs programs, with the real processes as root: exit codes in chains, what is retried, what the sender is told, and that accounts of vpopmail
// with a .qmail file of their own get each copy once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { socketEnqueuer } from '../../src/queue/enqueue/over-socket.js';
import { needsRoot } from '../support/needs.js';
import { giveToHoster, hosterDirectory } from './foreign-domain.js';
import { until } from './sample-server.js';
import { ServedQueue } from './served-queue.js';

const domain = '/home/vpopmail/domains/mailtest.example.jp';

test('exit codes in chains: 99 ends, 100 and its like bounce with what was said, 111 and crashes come back', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  const told = (name: string, exit: string): string => `|echo ${name} >> log; ${exit}\n`;
  host.dotQmail(
    'domain',
    '-stop',
    `&postmaster@mailtest.example.jp\n${told('a', 'exit 99')}&test@mailtest.example.jp\n|echo never >> log\n`,
  );
  host.dotQmail(
    'domain',
    '-gone',
    `${told('b', 'exit 0')}${told('c', 'echo moved away; echo for good; exit 100')}|echo never >> log\n`,
  );
  host.dotQmail('domain', '-usage', told('d', 'echo usage >&2; exit 64'));
  host.dotQmail('domain', '-later', told('e', 'echo not now; exit 111'));
  host.dotQmail('domain', '-odd', told('f', 'exit 3'));
  host.dotQmail('domain', '-crash', told('g', 'kill -9 $$'));
  host.dotQmail('domain', '-stderr', told('h', 'echo through its name > /dev/stderr; exit 100'));
  await host.start();
  const recipients = ['stop', 'gone', 'usage', 'later', 'odd', 'crash', 'stderr'].map(
    (name) => `${name}@mailtest.example.jp`,
  );
  assert.match(await host.send('hanako@mailtest.example.jp', recipients, 'Subject: chain\n\nx\n'), /^250 /);
  // Nothing of the message runs any more: only then it waits for its next try.
  await host.logged(/(?:^delivery .*\n(?:(?!delivery).*\n)*){8}/m);
  await until(() => /status: local 0\/10 .*\n(?:end msg.*\n)?$/.test(host.server.log()));
  assert.match(host.server.log(), /deferral: not_now\/\n/);
  assert.match(host.server.log(), /deferral: \n/);
  assert.match(host.server.log(), /deferral: Aack,_child_crashed._\(#4\.3\.0\)\/\n/);
  const ran = (): string[] => host.read(`${domain}/log`).trim().split('\n').sort();
  assert.deepEqual(ran(), ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);

  // The reasons go away, and what waits is tried again: by the signal that people send to qmail-send.
  for (const name of ['later', 'odd', 'crash']) host.dotQmail('domain', `-${name}`, told(`${name} done`, 'exit 0'));
  process.kill(host.queueProcess(), 'SIGALRM');
  await host.emptied();
  assert.deepEqual(ran(), ['a', 'b', 'c', 'crash done', 'd', 'e', 'f', 'g', 'h', 'later done', 'odd done']);
  assert.equal(host.accountMail('postmaster').length, 1, 'a forward in front of 99');
  assert.equal(host.accountMail('test').length, 0, 'a forward behind it');

  const bounces = host.accountMail('hanako');
  assert.equal(bounces.length, 1, 'one notice for all');
  const [bounce = ''] = bounces;
  assert.match(
    bounce,
    /^Return-Path: <>\nDelivered-To: hanako@mailtest\.example\.jp\nReceived: \(qmail \d+ invoked for bounce\);/,
  );
  for (const paragraph of [
    '<gone@mailtest.example.jp>:\nmoved away\nfor good\n\n',
    '<usage@mailtest.example.jp>:\nusage\n\n',
    '<stderr@mailtest.example.jp>:\nthrough its name\n\n',
  ])
    assert.ok(bounce.includes(paragraph), `${paragraph} in ${bounce}`);
  assert.equal(bounce.match(/^<.*>:$/gm)?.length, 3);
  assert.match(
    bounce,
    /\n--- Below this line is a copy of the message\.\n\nReturn-Path: <hanako@mailtest\.example\.jp>\nReceived: .*\n\nx\n$/s,
  );
});

test('a .qmail of an account: forward, Maildir and program, each once, without a qmail-inject of the host', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  const text = `&hanako@mailtest.example.jp\n./Maildir/\n|cat > seen; id -u > uid\n`;
  host.put(`${domain}/test/.qmail`, { type: 'file', mode: '0600', uid: 6020, gid: 6020, text });
  await host.start();
  assert.match(
    await host.send(
      'joe@client.example',
      ['test@mailtest.example.jp'],
      'From: joe@client.example\nSubject: three\n\nx\n',
    ),
    /^250 /,
  );
  await host.emptied();
  assert.equal(host.accountMail('test').length, 1);
  const [copy = '', ...more] = host.accountMail('hanako');
  assert.deepEqual(more, []);
  // The host's qmail-inject would complete the header: ours does.
  assert.match(copy, /^Message-ID: <\d+\.\d+\.qmail@mail\.example\.gr\.jp>$/m);
  assert.match(copy, /^Return-Path: <joe@client\.example>\nDelivered-To: hanako@/);
  assert.match(copy, /^Delivered-To: test@mailtest\.example\.jp$/m);
  assert.match(copy, /\nSubject: three\n\nx\n$/);
  assert.equal(host.read(`${domain}/test/uid`), '6020\n');
  assert.match(host.read(`${domain}/test/seen`), /\nSubject: three\n\nx\n$/);
  assert.match(host.server.log(), /^delivery \d+: success: did_0\+0\+1\/$/m);
});

test("a host's own qmail-inject is used where it runs, and not where it cannot", async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.put(`${domain}/test/.qmail`, {
    type: 'file',
    mode: '0600',
    uid: 6020,
    gid: 6020,
    text: '&hanako@mailtest.example.jp\n',
  });
  const inject = (text: string): void =>
    host.put('/var/qmail/bin/qmail-inject', { type: 'file', mode: '0755', uid: 0, gid: 0, text });
  inject(`#!/bin/sh\necho "$(id -u) $*" > ${host.root}${domain}/inject\nexec cat > ${host.root}${domain}/injected\n`);
  await host.start();
  await host.send('joe@client.example', ['test@mailtest.example.jp'], 'Subject: one\n\nx\n');
  await host.emptied();
  assert.equal(host.read(`${domain}/inject`), '6020 -- hanako@mailtest.example.jp\n');
  assert.match(host.read(`${domain}/injected`), /^Return-Path: <joe@client\.example>\nDelivered-To: test@/);
  inject('\x7fELF of another machine');
  await host.send('joe@client.example', ['test@mailtest.example.jp'], 'Subject: two\n\nx\n');
  await host.emptied();
  assert.equal(host.accountMail('hanako').length, 1);
});

test("a domain of another uid: its programs and forwards are that uid's", async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'], change: giveToHoster });
  host.put(`${hosterDirectory}/.qmail-prog`, {
    type: 'file',
    mode: '0600',
    uid: 7001,
    gid: 7001,
    text: '|id -u > uid\n',
  });
  host.put(`${hosterDirectory}/.qmail-fwd`, {
    type: 'file',
    mode: '0600',
    uid: 7001,
    gid: 7001,
    text: '&mina@shop.example.gr.jp\n',
  });
  await host.start();
  const recipients = ['prog@shop.example.gr.jp', 'fwd@shop.example.gr.jp'];
  assert.match(await host.send('joe@client.example', recipients, 'Subject: x\n\nx\n'), /^250 /);
  await host.emptied();
  assert.equal(host.read(`${hosterDirectory}/uid`), '7001\n');
  const [copy = ''] = host.mail(`${hosterDirectory}/mina/Maildir`);
  assert.match(copy, /^Received: \(qmail \d+ invoked by uid 7001\);/m);
  assert.match(host.server.log(), /^info msg \d+: bytes \d+ from <joe@client\.example> qp \d+ uid 7001$/m);
});

test('programs get the very bytes of an address that is no UTF-8', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.dotQmail('domain', '-default', '|printf "%s %s\\n" "$SENDER" "$EXT" >> seen; printf %s "$RPLINE" >> seen\n');
  await host.start();
  const message = socketEnqueuer(host.layout.queueSocket).begin({ invokedBy: 'network' });
  await message.write(Buffer.from('Subject: x\n\nx\n'));
  await message.commit({ sender: "ren\xe9.o'neil@client.example", recipients: ['J\xfcrgen@mailtest.example.jp'] });
  await host.emptied();
  assert.equal(
    host.read(`${domain}/seen`),
    `ren\xe9.o'neil@client.example J\xfcrgen\nReturn-Path: <"ren\xe9.o'neil"@client.example>\n`,
  );
  // A form of Latin-1 that the log shows as qmail-send's does.
  assert.match(host.server.log(), /^info msg \d+: bytes \d+ from <ren_\.o'neil@client\.example>/m);
});
