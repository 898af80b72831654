// `vqmail serve` under a flood of wrong logins: 100,000 from 100 addresses through a front end at the auth socket, and 1,500 more from ten other addresses at the POP3 port, where each is a connection.
// Who was let in before is served as ever, at either place, so is who comes for the first time, memory does not grow, the log stays readable, and `vqmail auth` tells what happens.
//
// How long a login takes is the machine's affair; compared is what takes part in no login and waits for the same processes.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import type { GuessingStatus } from '../../src/auth/guessing/status.js';
import { AuthClient } from '../support/auth-client.js';
import { childrenOf } from '../support/child-processes.js';
import { needsRoot } from '../support/needs.js';
import { startServer, vqmailProgram } from '../support/started-server.js';
import { startSampleHost, TextClient, until } from './sample-server.js';

const user = 'test@mailtest.example.jp';
const atOnce = 800;
const connections = 8;
const pop3AtOnce = 80;
const pop3Attempts = 1500;

const plain = (name: string, password: string): string => Buffer.from(`\0${name}\0${password}`).toString('base64');
const authLine = (id: number, ip: string, name: string, password: string): string =>
  `AUTH\t${id}\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.1\trip=${ip}\tsecured\tresp=${plain(name, password)}`;

/** Wrong logins, many at a time, each of another address than the one before. @returns how many were answered */
async function flood(socketPath: string, first: number, count: number): Promise<number> {
  const { client } = await AuthClient.greeted(socketPath, 2);
  let [sent, answered] = [0, 0];
  const send = (): void => {
    const number = first + sent++;
    const name = number % 50 === 0 ? user : `user${number % 7919}@mailtest.example.jp`;
    client.send(authLine(sent, `198.51.100.${1 + (number % 100)}`, name, `guess${number}`));
  };
  while (sent < Math.min(count, atOnce / connections)) send();
  while (answered < count) {
    const line = await client.line();
    if (line === undefined) break;
    assert.match(line, /^FAIL\t/);
    answered++;
    if (sent < count) send();
  }
  client.destroy();
  return answered;
}

/** Wrong logins by POP3, a connection each. More at once than are held up. @returns how many were put off */
async function floodPop3(port: number | undefined): Promise<number> {
  let [count, putOff] = [0, 0];
  const guess = async (): Promise<void> => {
    while (count < pop3Attempts) {
      const number = count++;
      const answer = await wrongPop3Login(port ?? 0, number);
      assert.match(answer, /^-ERR /);
      if (answer.includes('too many failed logins')) putOff++;
    }
  };
  await Promise.all(Array.from({ length: pop3AtOnce }, guess));
  return putOff;
}

/** Sends all at once. @returns the last line of the answer */
function wrongPop3Login(port: number, number: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const localAddress = `127.0.5.${1 + (number % 10)}`;
    const socket = net.connect({ host: '127.0.0.1', port, localAddress });
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(text.trimEnd().split('\r\n').at(-1) ?? ''));
    socket.write(`USER user${number % 997}@mailtest.example.jp\r\nPASS guess${number}\r\n`);
  });
}

/** How long something takes, in milliseconds. */
async function timed(act: () => Promise<void>): Promise<number> {
  const before = performance.now();
  await act();
  return performance.now() - before;
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

/** Two commands and their answers, as a login has. */
async function pop3WithoutLogin(port: number | undefined): Promise<void> {
  const client = await TextClient.open(port, '127.0.0.200');
  await client.ask('NOOP');
  await client.ask('QUIT');
  client.destroy();
}

async function pop3Login(port: number | undefined): Promise<void> {
  const client = await TextClient.open(port, '127.0.0.200');
  await client.ask(`USER ${user}`);
  assert.match(await client.ask('PASS password'), /^\+OK/);
  client.destroy();
}

/** Resident memory of a process and its children, in MiB. */
function memoryOf(pid: number): number {
  const resident = (one: number): number =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/status`, 'latin1'))?.[1] ?? 0);
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + resident(one), 0) / 1024;
}

async function vqmailAuth(root: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [vqmailProgram, 'auth', ...args, '--root', root]);
  return stdout;
}

async function check(t: TestContext, workers: string, attempts: number): Promise<void> {
  const place = path.join(process.env.TMPDIR ?? '/tmp', `vqmail-guessing-${process.pid}-${workers}`);
  const { server, root } = await startSampleHost(t, [
    ...['--workers', workers, '--pop-before-smtp', 'off', '--watch', 'off', '--queue', 'off'],
    ...['--listen', `auth=unix:${place}`],
  ]);
  const pid = server.process.pid ?? 0;
  const { client: frontEnd } = await AuthClient.greeted(place, 2);
  t.after(() => frontEnd.destroy());
  let id = 0;
  const smtpLogin = async (ip: string, name: string): Promise<void> => {
    assert.match((await frontEnd.ask(authLine(++id, ip, name, 'password'))) ?? '', /^OK\t/);
  };
  await pop3Login(server.ports.pop3);
  await smtpLogin('203.0.113.1', user);
  let isOver = false;
  const started = performance.now();
  let atHalf = 0;
  const floodFrom = async (first: number): Promise<number> => {
    const each = attempts / 2 / connections;
    const answered = await Promise.all(
      Array.from({ length: connections }, (_, n) => flood(place, first + n * each, each)),
    );
    return answered.reduce((sum, one) => sum + one, 0);
  };
  const flooded = (async () => {
    const first = await floodFrom(0);
    atHalf = memoryOf(pid);
    const second = await floodFrom(attempts / 2);
    isOver = true;
    return first + second;
  })();
  const floodedPop3 = floodPop3(server.ports.pop3);
  const times = { known: [] as number[], pop3: [] as number[], fresh: [] as number[], none: [] as number[] };
  for (let n = 0; !isOver; n++) {
    times.known.push(await timed(() => smtpLogin('203.0.113.1', user)));
    times.pop3.push(await timed(() => pop3Login(server.ports.pop3)));
    times.none.push(await timed(() => pop3WithoutLogin(server.ports.pop3)));
    const fresh = `203.0.113.${2 + (n % 250)}`;
    times.fresh.push(await timed(() => smtpLogin(fresh, 'hanako@mailtest.example.jp')));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(await flooded, attempts);
  const putOffByPop3 = await floodedPop3;
  const seconds = (performance.now() - started) / 1000;
  const after = memoryOf(pid);
  const lines = server.log().split('\n').length;
  const slow = Object.entries(times).map(([who, all]) => [who, Math.round(median(all))] as const);
  t.diagnostic(
    `${seconds.toFixed(1)} s; ${slow.map((one) => one.join(' ')).join(', ')} ms; ${atHalf.toFixed()} to ${after.toFixed()} MiB; ${lines} lines of log`,
  );
  assert.ok(putOffByPop3 > pop3Attempts / 2, `${putOffByPop3} put off at the POP3 port`);
  for (const [who, ms] of slow) assert.ok(ms < 1000 + 4 * median(times.none), `${who}: ${ms} ms`);
  // What waits for the garbage collector, in each process that has sessions.
  const unsettled = 48 * Math.max(1, Number(workers));
  assert.ok(after - atHalf < unsettled, `${atHalf} MiB after half of it, ${after} MiB after all`);
  assert.ok(lines < 4000, `${lines} lines of log`);
  assert.match(
    server.log(),
    /^login limits: logins from (?:198\.51\.100|127\.0\.5)\.\d+ are put off for \d+ seconds, after \d+ that were wrong$/m,
  );

  const status = await vqmailAuth(root, 'status');
  assert.match(status, /^\d+ right, \d+ wrong, \d+ put off since the start; \d+ addresses are known for an account\n/);
  assert.match(status, /^198\.51\.100\.\d+ +\d+ wrong, put off for \d+ seconds$/m);
  assert.match(status, /^test@mailtest\.example\.jp +\d+ wrong/m);
  const { putOff, wrong, addresses } = JSON.parse(await vqmailAuth(root, 'status', '--json')) as GuessingStatus;
  assert.ok(putOff > 0.9 * attempts && wrong < 4000, `${putOff} put off, ${wrong} looked at`);
  const ofPop3 = addresses.filter(({ key, failures }) => key.startsWith('127.0.5.') && failures >= 10);
  assert.equal(ofPop3.length, 10, 'those at the POP3 port too');
  await vqmailAuth(root, 'forget', '198.51.100.7', user);
  await smtpLogin('198.51.100.7', user);
}

test('one process', (t) => check(t, '0', 20_000));

test('workers', async (t) => {
  if (needsRoot(t)) await check(t, '2', 100_000);
});

test('`vqmail auth` asks all daemons of a host; their sockets are gone with them', async (t) => {
  const { server, root } = await startSampleHost(t, ['--workers', '0']);
  const second = await startServer(['--root', root, '--workers', '0', '--listen', 'pop3=127.0.0.1:0']);
  t.after(() => second.stop('SIGKILL'));
  const sockets = (): string[] =>
    readdirSync(path.join(root, 'run/vqmail'))
      .filter((name) => name.startsWith('logins'))
      .sort();
  const own = [server, second].map(({ process: { pid } }) => `logins.${pid}`).sort();
  await until(() => sockets().length === own.length);
  assert.deepEqual(sockets(), own);
  for (const { ports } of [server, second]) assert.match(await wrongPop3Login(ports.pop3 ?? 0, 0), /^-ERR /);
  assert.match(await vqmailAuth(root, 'status'), /^0 right, 2 wrong, .*\n127\.0\.5\.1 +2 wrong\n/);
  await server.stop('SIGKILL');
  assert.match(await vqmailAuth(root, 'status'), /^0 right, 1 wrong/);
  await second.stop();
  await assert.rejects(vqmailAuth(root, 'status'), /no running vqmail serve can be asked about logins/);
});
