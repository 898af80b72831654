// The queue beside everything else of the host, with the real processes as root: qmail's tools and what pulls the trigger, the signals that people send to qmail-send, an end in order and one
// that is not, and hosts on which somebody else works on the queue or nobody can.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, openSync, readdirSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { enqueue } from '../../src/queue/enqueue/native.js';
import { QueueFiles } from '../../src/queue/files.js';
import { QueueTree } from '../../src/queue/tree.js';
import { needs, needsRoot } from '../support/needs.js';
import { queueIds } from '../support/queue-host.js';
import { countQueue, todoIn } from '../support/queue-reader.js';
import { SmtpClient } from '../support/smtp-client.js';
import { until } from './sample-server.js';
import { hoster, ServedQueue } from './served-queue.js';

const domain = '/home/vpopmail/domains/mailtest.example.jp';
const remote = 'user@nowhere.example';

test("sendmail, qmail-inject and whoever pulls the trigger: from the caller's uid, and at once", async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  await host.start();
  const message = 'From: hoster@local.example\nTo: test@mailtest.example.jp\nSubject: tool\n\nx\n';
  const injected = await host.tool(['qmail-inject', '-A'], message, hoster);
  assert.deepEqual([injected.exit, injected.stderr], [0, '']);
  const sent = await host.tool(['sendmail', '-t', '-i', '-fbounces@local.example'], message, hoster);
  assert.deepEqual([sent.exit, sent.stderr], [0, '']);
  const byRoot = await host.tool(
    ['qmail-inject', '-froot@mail.example.gr.jp', 'test@mailtest.example.jp'],
    'Subject: root\n\nx\n',
  );
  assert.deepEqual([byRoot.exit, byRoot.stderr], [0, '']);
  // What a set-user-id qmail-queue does: files, and a byte into the fifo.
  const tree = await QueueTree.open(host.layout, new QueueFiles());
  assert.ok(tree);
  const owner = { uid: queueIds.qmailq, gid: hoster.gid };
  const invoker = {
    invokedBy: { uid: hoster.uid },
    uid: hoster.uid,
    pid: 4711,
    nowSeconds: Math.floor(Date.now() / 1000),
  };
  const envelope = { sender: 'cron@local.example', recipients: ['test@mailtest.example.jp'] };
  await enqueue(
    { tree, files: new QueueFiles(), owner },
    { ...envelope, ...invoker, message: Buffer.from('Subject: cron\n\nx\n') },
  );
  await host.emptied();
  const mail = host.accountMail('test');
  assert.equal(mail.length, 4);
  const senders = mail.map((text) => /^Return-Path: <(.*)>\n/.exec(text)?.[1]).sort();
  assert.deepEqual(senders, [
    'anonymous@mail.example.gr.jp',
    'bounces@local.example',
    'cron@local.example',
    'root@mail.example.gr.jp',
  ]);
  const uids = [...host.server.log().matchAll(/^info msg \d+: .* qp \d+ uid (\d+)$/gm)]
    .map(([, uid]) => Number(uid))
    .sort();
  assert.deepEqual(uids, [0, hoster.uid, hoster.uid, hoster.uid]);
  assert.equal(mail.filter((text) => /^Received: \(qmail \d+ invoked by uid 7001\);/m.test(text)).length, 3);
});

test('as qmail-send it hears HUP, ALRM and TERM, under that name and no other process of ours', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '2'] });
  host.control('smtproutes', ':127.0.0.1:1\n');
  await host.start();
  const queueProcess = host.queueProcess();
  const listed = await output('ps', ['-e', '-o', 'pid=,ppid=,args=']);
  const ours = listed.split('\n').filter((line) => Number(line.trim().split(/\s+/)[1]) === host.server.process.pid);
  assert.deepEqual(
    ours.filter((line) => line.includes('qmail-send')).map((line) => Number.parseInt(line, 10)),
    [queueProcess],
  );
  if (needs(t, 'pgrep')) {
    const found = await output('pgrep', ['-x', '-P', String(host.server.process.pid), 'qmail-send']);
    assert.equal(found, `${queueProcess}\n`);
  }
  await host.send('', [remote], 'Subject: x\n\nx\n');
  await host.logged('delivery 1: deferral: ');
  process.kill(queueProcess, 'SIGALRM');
  await host.logged('delivery 2: deferral: ');
  host.dotQmail('alias', '-nowhere-default', './box\n');
  host.control('virtualdomains', 'nowhere.example:alias-nowhere\n');
  // Sessions go by what stands there now, qmail-send by what it has read.
  await host.send('', ['other@nowhere.example'], 'Subject: x\n\nx\n');
  await host.logged('delivery 3: deferral: ');
  process.kill(queueProcess, 'SIGHUP');
  // The signal is heard before the next message, which comes over a connection.
  await host.send('', ['third@nowhere.example'], 'Subject: x\n\nx\n');
  await host.logged('to local alias-nowhere-third@nowhere.example\n');
  await host.logged('delivery 4: success: did_1+0+0/');
  process.kill(queueProcess, 'SIGTERM');
  await host.logged('status: exiting\n');
  await host.logged(/status: exiting\n.*queue: instead of qmail-send/s);
  assert.notEqual(host.queueProcess(), queueProcess);
  assert.equal(await host.server.stop(), 0);
});

test('SIGTERM: running deliveries end, a session in the making is still queued, and the next start goes on', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.dotQmail('domain', '-slow', '|echo begun >> slow; while ! test -e go; do sleep 0.05; done; echo done >> slow\n');
  await host.start();
  assert.match(await host.send('', ['slow@mailtest.example.jp'], 'Subject: x\n\nx\n'), /^250 /);
  await host.logged('to local mailtest.example.jp-slow@');
  await until(() => host.exists(`${domain}/slow`));
  const client = await SmtpClient.connect(host.server.ports.smtp ?? 0);
  await client.reply();
  for (const line of ['HELO me', 'MAIL FROM:<>', 'RCPT TO:<slow@mailtest.example.jp>', 'DATA'])
    await client.command(line);
  const ended = host.server.stop('SIGTERM');
  await host.logged('SIGTERM: no new sessions');
  assert.match((await client.command('Subject: late\r\n\r\nin time\r\n.')) ?? 'closed', /^250 ok /);
  host.put(`${domain}/go`, { type: 'file', text: '', uid: 6020, gid: 6020 });
  assert.equal(await ended, 0);
  assert.match(
    host.server.log(),
    /delivery 1: success: did_0\+0\+1\/\nstatus: local 0\/10 remote 0\/20 exitasap\nend msg \d+\nstatus: exiting\n/,
  );
  await host.start();
  await host.emptied();
  assert.equal(host.read(`${domain}/slow`), 'begun\ndone\nbegun\ndone\n');
});

test('SIGTERM with a delivery that does not end: it is ended with its program, and tried again by the next start', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1', '--drain-seconds', '1'] });
  host.dotQmail('domain', '-slow', '|echo $$ >> pids; exec sleep 600\n');
  await host.start();
  await host.send('', ['slow@mailtest.example.jp'], 'Subject: x\n\nx\n');
  await until(() => host.exists(`${domain}/pids`));
  const pid = Number(host.read(`${domain}/pids`));
  assert.ok(isRunning(pid));
  assert.equal(await host.server.stop(), 0);
  assert.match(host.server.log(), /^status: exiting$/m);
  await until(() => !isRunning(pid));
  host.dotQmail('domain', '-slow', '|echo again >> pids\n');
  await host.start();
  process.kill(host.queueProcess(), 'SIGALRM');
  await host.emptied();
  assert.equal(host.read(`${domain}/pids`), `${pid}\nagain\n`);
});

test('a supervisor that is killed: what starts at once after it takes the queue, and stays not beside', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.dotQmail('domain', '-slow', '|sleep 3\n');
  await host.start();
  await host.send('', ['slow@mailtest.example.jp'], 'Subject: x\n\nx\n');
  await host.logged('to local mailtest.example.jp-slow@');
  const killed = once(host.server.process, 'exit');
  host.server.process.kill('SIGKILL');
  await killed;
  await host.start('--queue', 'auto');
  assert.match(
    host.server.log(),
    /^queue: waiting until a former vqmail, which has been killed, gives the queue back$/m,
  );
  assert.match(host.server.log(), /^queue: instead of qmail-send, whose lock is free/m);
  await host.emptied();
});

test('no queue on the host: told once, and what needs one is put off', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'], hasQueue: false });
  host.dotQmail('domain', '-fwd', '&hanako@mailtest.example.jp\n');
  await host.start();
  assert.equal(
    host.server.log().match(/^queue: none, there is no \/var\/qmail\/queue; mail that needs it is put off$/gm)?.length,
    1,
  );
  assert.match(await host.send('', ['fwd@mailtest.example.jp'], 'Subject: x\n\nx\n'), /^451 /);
  assert.match(await host.send('', ['test@mailtest.example.jp'], 'Subject: x\n\nx\n'), /^250 /);
  assert.equal(await host.server.stop(), 0);
  await assert.rejects(
    host.start('--queue', 'instead'),
    /vqmail: \/var\/qmail\/queue: cannot start: there is no queue\n$/,
  );
});

/** Holds lock/sendmutex from another process, as qmail-send does. */
async function holdLock(t: TestContext, host: ServedQueue): Promise<void> {
  const mutex = path.join(host.layout.queue, 'lock/sendmutex');
  const holder = spawn('flock', ['--no-fork', '-x', mutex, 'sh', '-c', 'echo held; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => holder.kill('SIGKILL'));
  await new Promise((resolve) => holder.stdout.once('data', resolve));
}

test('with the lock held: instead refuses; auto goes beside, natively with the trigger pulled', async (t) => {
  if (!needsRoot(t) || !needs(t, 'flock')) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  await holdLock(t, host);
  await assert.rejects(
    host.start('--queue', 'instead'),
    /ended with 111 .*: vqmail: \/var\/qmail\/queue\/lock\/sendmutex: cannot start: qmail-send is already running and holds this lock; stop it first, or serve with --queue beside\n$/s,
  );
  const trigger = openSync(path.join(host.layout.queue, 'lock/trigger'), constants.O_RDONLY | constants.O_NONBLOCK);
  await host.start();
  assert.match(host.server.log(), /^queue: beside qmail-send, which works on \/var\/qmail\/queue$/m);
  assert.match(
    host.server.log(),
    /^queue: messages go into it as qmail-queue puts them there; \/var\/qmail\/bin\/qmail-queue does not run$/m,
  );
  assert.throws(() => host.queueProcess(), /no process is called qmail-send/);
  assert.match(await host.send('a@b.example', [remote], 'Subject: x\n\nx\n'), /^250 ok \d+ qp \d+$/);
  assert.equal(readSync(trigger, Buffer.alloc(8), 0, 8, null), 1, 'one byte');
  const [id = ''] = todoIn(host.layout.queue);
  const envelope = path.join(host.layout.queue, 'todo', id);
  assert.match(host.read(`/var/qmail/queue/todo/${id}`), /^u6002\0p\d+\0Fa@b\.example\0Tuser@nowhere\.example\0$/);
  const { uid, gid, mode } = statSync(envelope);
  assert.deepEqual([uid, gid, mode & 0o777], [queueIds.qmailq, queueIds.nofiles, 0o644]);
  assert.equal(await host.server.stop(), 0);
  assert.deepEqual(countQueue(host.layout.queue), { all: 1, todo: 1 });
  assert.deepEqual(readdirSync(path.join(host.layout.queue, 'pid')), []);
});

test("with the lock held: auto goes beside, through the host's own qmail-queue where that runs", async (t) => {
  if (!needsRoot(t) || !needs(t, 'flock')) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  // A program of the host's that notes its callers before it does qmail-queue's work: here as root of its group, since ours has no set-user-id bit.
  const note = `cat > ${host.root}/message; cat <&1 > ${host.root}/envelope; id -u >> ${host.root}/callers; test -s ${host.root}/message || exit 54`;
  host.put('/var/qmail/bin/qmail-queue', { type: 'file', mode: '0755', uid: 0, gid: 0, text: `#!/bin/sh\n${note}\n` });
  for (const name of ['message', 'envelope', 'callers']) host.put(`/${name}`, { type: 'file', mode: '0666', text: '' });
  await holdLock(t, host);
  await host.start();
  assert.match(host.server.log(), /^queue: messages go into it through \/var\/qmail\/bin\/qmail-queue$/m);
  assert.match(await host.send('a@b.example', [remote], 'Subject: x\n\nx\n'), /^250 ok \d+ qp \d+$/);
  assert.equal(host.read('/envelope'), `Fa@b.example\0T${remote}\0\0`);
  assert.match(host.read('/message'), /^Received: from .*\n {2}by .* with SMTP; .*\nSubject: x\n\nx\n$/);
  assert.deepEqual(new Set(host.read('/callers').trim().split('\n')), new Set([String(queueIds.qmaild)]));
  assert.deepEqual(countQueue(host.layout.queue), { all: 0, todo: 0 });
});

test('--queue beside with a free lock says that nobody works on the queue', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1', '--queue', 'beside'] });
  await host.start();
  assert.match(
    host.server.log(),
    /^warning: queue: beside, as it was asked for, but nobody holds \/var\/qmail\/queue\/lock\/sendmutex: what is queued waits in \/var\/qmail\/queue until a qmail-send runs$/m,
  );
  assert.match(await host.send('a@b.example', [remote], 'Subject: x\n\nx\n'), /^250 /);
  assert.deepEqual(countQueue(host.layout.queue), { all: 1, todo: 1 });
});

function isRunning(pid: number): boolean {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined;
}

async function output(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
  });
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}
