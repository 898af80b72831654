// `vqmail serve` as root: who its processes are, what happens when one of them dies, that counts hold across workers, and how it ends.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { childrenOf, titleOf } from '../support/child-processes.js';
import { needsRoot } from '../support/needs.js';
import { startSampleHost, TextClient, until } from './sample-server.js';

/** A line of /proc/PID/status for every thread of a process, such as `Uid`, as its numbers. */
function statusOfThreads(pid: number, name: string): number[][] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1');
    const line = new RegExp(`^${name}:(.*)$`, 'm').exec(status)?.[1] ?? '';
    return line.trim().split(/\s+/).filter(Boolean).map(Number);
  });
}

function assertNothingBut(pid: number, uid: number, gid: number): void {
  assert.ok(statusOfThreads(pid, 'Uid').length > 1, 'node has several threads');
  for (const uids of statusOfThreads(pid, 'Uid')) assert.deepEqual(uids, [uid, uid, uid, uid]);
  for (const gids of statusOfThreads(pid, 'Gid')) assert.deepEqual(gids, [gid, gid, gid, gid]);
  for (const groups of statusOfThreads(pid, 'Groups')) assert.deepEqual(groups, [gid]);
  for (const capabilities of statusOfThreads(pid, 'CapEff')) assert.deepEqual(capabilities, [0]);
}

async function start(t: TestContext, ...options: string[]) {
  const started = await startSampleHost(t, ['--workers', '2', ...options]);
  const pid = started.server.process.pid ?? 0;
  return { ...started, pid, workers: () => childrenOf(pid).filter((child) => titleOf(child) === 'vqmail: session') };
}

test('session workers are vpopmail:vchkpw in every thread, the supervisor alone is root', async (t) => {
  if (!needsRoot(t)) return;
  const { pid, workers, server } = await start(t);
  assert.equal(titleOf(pid), 'vqmail: supervisor');
  assert.equal(workers().length, 2);
  // Sessions first, so that threads which start with the work are there too.
  const clients = [];
  for (let n = 0; n < 4; n++) clients.push(await TextClient.open(server.ports.smtp));
  for (const worker of workers()) assertNothingBut(worker, 6020, 6020);
  for (const child of childrenOf(pid)) assert.doesNotMatch(titleOf(child), /qmail-send/);
  for (const client of clients) client.destroy();
});

test('a worker that crashes is replaced; a session of the other one goes on', async (t) => {
  if (!needsRoot(t)) return;
  const { workers, server } = await start(t);
  const [doomed, other] = workers();
  assert.ok(doomed && other);
  // Sessions of both; who has one stands in POP3's greeting.
  const clients: TextClient[] = [];
  const sessionsOf = (pid: number): TextClient[] =>
    clients.filter(({ greeting }) => greeting.startsWith(`+OK <${pid}`));
  while (sessionsOf(doomed).length === 0 || sessionsOf(other).length === 0)
    clients.push(await TextClient.open(server.ports.pop3));
  process.kill(doomed, 'SIGSEGV');
  await Promise.all(sessionsOf(doomed).map((client) => client.ended));
  for (const client of sessionsOf(other)) assert.match(await client.ask('QUIT'), /^\+OK/);
  await until(() => workers().length === 2);
  // Those that had begun a moment ago may not have been told of.
  assert.match(server.log(), new RegExp(`session worker ${doomed} ended with SIGSEGV, \\d+ sessions lost`));
  const next = await TextClient.open(server.ports.smtp);
  assert.match(next.greeting, /^220 /);
  for (const client of [...clients, next]) client.destroy();
});

test('when all workers are gone, a connection waits for the next one', async (t) => {
  if (!needsRoot(t)) return;
  const { workers, server } = await start(t);
  const before = workers();
  for (const worker of before) process.kill(worker, 'SIGKILL');
  // Not in the moment of their death: a connection that one of them has accepted is lost with it.
  await until(() => before.every(isGone));
  const client = await TextClient.open(server.ports.smtp);
  assert.match(client.greeting, /^220 /);
  client.destroy();
});

test('connections of one address are counted over all workers', async (t) => {
  if (!needsRoot(t)) return;
  const { server, pid } = await start(t, '--max-connections-per-address', '3', '--unlimited', '127.0.0.9');
  const clients = [];
  for (let n = 0; n < 3; n++) clients.push(await TextClient.open(server.ports.smtp, '127.0.0.5'));
  for (const client of clients) assert.match(client.greeting, /^220 /);
  const refused = await TextClient.open(server.ports.smtp, '127.0.0.5');
  assert.equal(refused.greeting, '421 too many connections from your address, try again later (#4.3.2)');
  await refused.ended;
  const rows: [string, number | undefined, string, RegExp][] = [
    ['another address', server.ports.smtp, '127.0.0.6', /^220 /],
    ['another protocol', server.ports.pop3, '127.0.0.5', /^\+OK /],
  ];
  for (const [reason, port, from, greeting] of rows) {
    const other = await TextClient.open(port, from);
    assert.match(other.greeting, greeting, reason);
    other.destroy();
  }
  for (let n = 0; n < 8; n++) clients.push(await TextClient.open(server.ports.smtp, '127.0.0.9'));
  for (const client of clients) assert.match(client.greeting, /^220 /, 'no limit for this address');
  assert.equal(await clients[0]?.ask('QUIT'), '221 mail.example.gr.jp');
  const next = await TextClient.open(server.ports.smtp, '127.0.0.5');
  assert.match(next.greeting, /^220 /, 'a place was given back');
  assert.match(server.log(), /refused 127\.0\.0\.5: too many connections from this address/);
  for (const client of [...clients, next]) client.destroy();
  assert.ok(pid > 0);
});

test('SIGTERM: a message in the making is ended and answered, no new sessions, exit 0', async (t) => {
  if (!needsRoot(t)) return;
  const { server } = await start(t);
  const client = await TextClient.open(server.ports.smtp);
  await client.ask('HELO me');
  await client.ask('MAIL FROM:<a@b.example>');
  await client.ask('RCPT TO:<test@mailtest.example.jp>');
  assert.match(await client.ask('DATA'), /^354 /);
  const ended = server.stop('SIGTERM');
  await until(() => server.log().includes('SIGTERM'));
  await until(async () => !(await isListening(server.ports.smtp)));
  assert.match(await client.ask('Subject: late\r\n\r\nin time\r\n.'), /^250 ok /);
  assert.equal(await ended, 0);
});

test('a second SIGTERM ends everything at once', async (t) => {
  if (!needsRoot(t)) return;
  const { server, workers } = await start(t, '--drain-seconds', '600');
  const client = await TextClient.open(server.ports.smtp);
  for (const line of ['HELO me', 'MAIL FROM:<a@b.example>', 'RCPT TO:<test@mailtest.example.jp>', 'DATA'])
    await client.ask(line);
  const pids = workers();
  server.process.kill('SIGTERM');
  await until(() => server.log().includes('SIGTERM'));
  assert.equal(await server.stop('SIGTERM'), 1);
  await until(() => pids.every(isGone));
});

test('workers end when their supervisor is killed', async (t) => {
  if (!needsRoot(t)) return;
  const { server, workers } = await start(t);
  const pids = workers();
  assert.equal(await server.stop('SIGKILL'), 'SIGKILL');
  await until(() => pids.every(isGone));
});

test('SIGHUP tells whether the controls can be read', async (t) => {
  if (!needsRoot(t)) return;
  const { server } = await start(t);
  server.process.kill('SIGHUP');
  await until(() => server.log().includes('SIGHUP: controls'));
});

test('two workers share the sessions and hold 2,000', async (t) => {
  if (!needsRoot(t)) return;
  const { server, workers } = await start(t);
  const sockets: net.Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  let greeted = 0;
  for (let n = 0; n < 2000; n++) {
    const socket = net.connect(server.ports.smtp ?? 0, '127.0.0.1');
    socket.once('data', () => greeted++).on('error', () => {});
    sockets.push(socket);
    if (n % 100 === 99) await until(() => greeted > n - 100);
  }
  await until(() => greeted === 2000);
  const open = workers().map((pid) => readdirSync(path.join('/proc', String(pid), 'fd')).length);
  for (const count of open) assert.ok(count > 200, `descriptors ${open.join(', ')}`);
});

function isListening(port = 0): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function isGone(pid: number): boolean {
  try {
    // A zombie whose parent has not looked yet is gone too.
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return true;
  }
}
