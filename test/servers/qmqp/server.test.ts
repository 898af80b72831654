// The QMQP server: whom it takes mail from, what the queue gets, what it answers; and our client and server with each other.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { PermanentError, TemporaryError } from '../../../src/errors.js';
import { makeCdb } from '../../../src/formats/databases/cdb.js';
import { compileRules } from '../../../src/formats/databases/tcprules.js';
import { Layout } from '../../../src/layout.js';
import { lineLog } from '../../../src/log.js';
import { peerOf } from '../../../src/processes/peer.js';
import { encodeNetstring } from '../../../src/protocols/netstring.js';
import { enqueueWhole } from '../../../src/queue/enqueue/enqueuer.js';
import { parseQmqpServer, qmqpEnqueuer } from '../../../src/queue/enqueue/over-qmqp.js';
import { createQmqpServer } from '../../../src/servers/qmqp/server.js';
import { openHost } from '../../../src/stores/host.js';
import { type CollectingQueue, collectingQueue } from '../../support/collecting-queue.js';
import { newRoot, removeRoot } from '../../support/recording.js';

interface Served {
  readonly port: number;
  readonly queue: CollectingQueue;
  rules(text: string): void;
  log(): string;
}

async function serve(t: TestContext, listenAt: net.ListenOptions = { host: '0.0.0.0', port: 0 }): Promise<Served> {
  const root = newRoot();
  let log = '';
  const layout = new Layout({ root });
  for (const directory of [layout.controlDirectory, layout.tcp]) mkdirSync(directory, { recursive: true });
  writeFileSync(layout.control('me'), 'queue.example\n');
  const queue = collectingQueue();
  const keep = lineLog((line) => {
    log += line;
  });
  const server = createQmqpServer({
    host: openHost(layout),
    log: keep,
    queue: () => queue,
    program: () => queue,
    peerOf,
  });
  const listener = net.createServer({ pauseOnConnect: true }, (socket) => server.handle(socket)).listen(listenAt);
  await once(listener, 'listening');
  t.after(async () => {
    listener.close();
    await server.drain();
    removeRoot(root);
  });
  const address = listener.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    queue,
    log: () => log,
    rules: (text) => writeFileSync(layout.qmqpRulesCdb, makeCdb(compileRules(Buffer.from(text), 'qmqp'))),
  };
}

function requestTo(...recipients: string[]): Buffer {
  const parts = ['Subject: q\n\nx\n', 'a@b.example', ...recipients];
  return encodeNetstring(Buffer.concat(parts.map((text) => encodeNetstring(text))));
}

const request = requestTo('c@d.example', 'e@f.example');

/** Sends bytes and gives back all that is answered until the other side closes. */
async function ask(at: net.NetConnectOpts, bytes: Buffer): Promise<string> {
  const socket = net.connect(at);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.end(bytes);
  await once(socket, 'close');
  return answer;
}

const at = (port: number, localAddress = '127.0.0.1'): net.NetConnectOpts => ({
  port,
  host: '127.0.0.1',
  localAddress,
});

test('a message is queued as it came, with the Received line of qmail-qmqpd', async (t) => {
  const { port, queue } = await serve(t);
  assert.match(await ask(at(port), request), /^\d+:Kok \d{10} qp 4711,$/);
  const [message] = queue.queued;
  assert.deepEqual(message?.submitter, { invokedBy: 'network' });
  assert.match(
    message?.message ?? '',
    /^Received: from unknown \(127\.0\.0\.1\)\n {2}by queue\.example with QMQP; \d+ \w+ \d+ [\d:]+ -0000\nSubject: q\n\nx\n$/,
  );
  assert.deepEqual([message?.sender, message?.recipients], ['a@b.example', ['c@d.example', 'e@f.example']]);
});

test('what the queue says is what the client hears', async (t) => {
  const { port, queue } = await serve(t);
  queue.failure = new TemporaryError('4.3.0', 'qq write error or disk full (#4.3.0)');
  assert.equal(await ask(at(port), request), '37:Zqq write error or disk full (#4.3.0),');
  queue.failure = new PermanentError('5.3.0', 'qq permanent problem (#5.3.0)');
  assert.equal(await ask(at(port), request), '30:Dqq permanent problem (#5.3.0),');
});

test('bad addresses are refused; broken requests, and those of clients that leave, are forgotten', async (t) => {
  const { port, queue, log } = await serve(t);
  const refused = "51:Dsorry, I can't accept addresses like that (#5.1.3),";
  assert.equal(await ask(at(port), requestTo('r'.repeat(1000))), refused);
  assert.equal(await ask(at(port), request.subarray(0, -1)), '');
  assert.equal(await ask(at(port), Buffer.from('20:1:xx')), '');
  assert.match(log(), /warning: qmqp: a broken request of 127\.0\.0\.1: a comma is missing/);
  assert.deepEqual([queue.queued.length, queue.aborted], [0, 3]);
});

test('who may hand mail in over the network', async (t) => {
  const { port, queue, rules } = await serve(t);
  const isTaken = async (address: string): Promise<boolean> => (await ask(at(port, address), request)) !== '';
  assert.equal(await isTaken('127.0.0.5'), true, 'without rules: this machine');
  rules('127.0.0.5:deny\n127.0.0.6:allow,TCPREMOTEHOST="front.example"\n:deny\n');
  assert.equal(await isTaken('127.0.0.5'), false);
  assert.equal(await isTaken('127.0.0.6'), true);
  assert.match(queue.queued.at(-1)?.message ?? '', /^Received: from front\.example \(127\.0\.0\.6\)\n/);
});

test('at a path: the uid of the client is told', async (t) => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'qmqp-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const place = path.join(directory, 's');
  const { queue } = await serve(t, { path: place });
  assert.match(await ask({ path: place }, request), /^\d+:Kok /);
  assert.deepEqual(queue.queued[0]?.submitter, { invokedBy: { uid: process.getuid?.() } });
});

test('our client and our server; hosts that are not there are passed over', async (t) => {
  const { port, queue } = await serve(t);
  const client = qmqpEnqueuer({ servers: () => ['no address', '127.0.0.1:1', `127.0.0.1:${port}`] });
  const send = (...message: Buffer[]): Promise<number> =>
    enqueueWhole(client, { invokedBy: 'network' }, { sender: 's@a', recipients: ['r@b'] }, message);
  const large = Buffer.alloc(3 * 1024 * 1024, 'x\n');
  assert.equal(await send(large), 4711);
  assert.ok(queue.queued[0]?.message.endsWith(large.toString('latin1')));
  queue.failure = new PermanentError('5.3.0', 'no');
  await assert.rejects(send(), { message: 'mail server permanently rejected message (#5.3.0)', exitCode: 31 });
  queue.failure = new TemporaryError('4.3.0', 'no');
  await assert.rejects(send(), { exitCode: 71 });
});

test('trouble with queue hosts is told in the codes of qmail-qmqpc', async (t) => {
  const dropping = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  const silent = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  const strange = net.createServer((socket) => socket.on('error', () => {}).end('5:Xwhat,')).listen(0, '127.0.0.1');
  await Promise.all([dropping, silent, strange].map((server) => once(server, 'listening')));
  t.after(() => {
    strange.close();
    dropping.close();
    silent.close();
  });
  const entryOf = (server: net.Server): string => `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
  for (const [why, servers, exitCode] of [
    ['none is named', [], 55],
    ['nobody listens', ['127.0.0.1:1'], 73],
    [
      'it is dropped: another host is not tried, since this one may have taken it',
      [entryOf(dropping), '127.0.0.1:1'],
      74,
    ],
    ['nothing is answered', [entryOf(silent)], 74],
    ['the answer has another letter', [entryOf(strange)], 74],
  ] as const) {
    const client = qmqpEnqueuer({ servers: () => servers, ioTimeoutMs: 200 });
    const sent = enqueueWhole(client, { invokedBy: 'network' }, { sender: '', recipients: ['r@b'] }, []);
    await assert.rejects(sent, { exitCode }, why);
  }
});

test('entries of control/qmqpservers', () => {
  assert.deepEqual(parseQmqpServer('192.0.2.1'), { ip: '192.0.2.1', port: 628 });
  assert.deepEqual(parseQmqpServer('[2001:db8::1]:6280'), { ip: '2001:db8::1', port: 6280 });
  assert.deepEqual(parseQmqpServer('192.0.2.1\r'), { ip: '192.0.2.1', port: 628 }, 'a file with CRLF');
  assert.deepEqual(parseQmqpServer('192.0.2.1:6280\r'), { ip: '192.0.2.1', port: 6280 });
  for (const entry of ['queue.example', '', '192.0.2.1:x', '192.0.2.300'])
    assert.equal(parseQmqpServer(entry), undefined);
});
