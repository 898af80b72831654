// kill -9 over all processes, as root: of the queue process alone, many times (VQMAIL_KILLS_QUEUE) while messages come in by SMTP and by qmail-inject (test/support/queue-killer), and of everything at once. Every
// message that was acknowledged ends delivered or bounced; what is there twice had a delivery interrupted by a kill, as with qmail-send.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { needsRoot } from '../support/needs.js';
import { type Acknowledged, QueueLoad } from '../support/queue-load.js';
import { isQueueEmpty } from '../support/queue-reader.js';
import { memoryDirectory } from '../support/recording.js';
import { startSink } from '../support/smtp-sink.js';
import { vqmailProgram } from '../support/started-server.js';
import { ServedQueue } from './served-queue.js';

/** In each of two runs; and of everything at once. */
const kills = Number(process.env.VQMAIL_KILLS_QUEUE ?? 30);
const groupKills = Number(process.env.VQMAIL_KILLS_ALL ?? 6);
const domain = '/home/vpopmail/domains/mailtest.example.jp';
const own = fileURLToPath(import.meta.url);
const killer = path.join(path.dirname(own), '../support', `queue-killer${path.extname(own)}`);

interface Result {
  readonly acknowledged: readonly Acknowledged[];
  /** Messages that the host at the other end got, as on the wire. */
  readonly sent: readonly string[];
}

/** .qmail files for every kind of recipient. */
function prepare(host: ServedQueue): void {
  // Each delivery that is begun and lost costs a process.
  host.control('concurrencylocal', '2\n');
  host.dotQmail('domain', '-fwd', '&postmaster@mailtest.example.jp\n');
  host.dotQmail('domain', '-prog', '|echo "$SENDER" >> ran\n');
  host.dotQmail('domain', '-bounce', '|echo no such person here; exit 100\n');
}

/** How often each message arrived at each place, by its sender. */
class Arrivals {
  readonly #times = new Map<string, number>();

  constructor(host: ServedQueue, sent: readonly string[], name: string) {
    const senderIn = (text: string): string =>
      new RegExp(`hanako-${name}-\\w+@mailtest\\.example\\.jp`).exec(text)?.[0] ?? '';
    for (const text of host.accountMail('postmaster')) this.#add('fwd', senderIn(text));
    for (const text of host.accountMail('test')) this.#add('test', senderIn(text));
    for (const line of host.exists(`${domain}/ran`) ? host.read(`${domain}/ran`).split('\n') : [])
      this.#add('prog', line);
    for (const text of sent) this.#add('far', senderIn(text));
    for (const text of host.accountMail('hanako')) {
      for (const [, local = ''] of text.matchAll(/^<(bounce|nobody)@mailtest\.example\.jp>:$/gm))
        this.#add(local, senderIn(text));
    }
  }

  #add(place: string, sender: string): void {
    const key = `${place} ${sender}`;
    this.#times.set(key, (this.#times.get(key) ?? 0) + 1);
  }

  of(place: string, sender: string): number {
    return this.#times.get(`${place} ${sender}`) ?? 0;
  }
}

/** Deliveries that had begun and whose end nobody saw, by the sender of their message, notices by the address that they go to. */
function interrupted(log: string): Map<string, number> {
  const senders = new Map<string, string>();
  let running = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const line of log.split('\n')) {
    const info = /^info msg (\d+): .* from <(.*)> qp/.exec(line);
    if (info !== null) senders.set(info[1] ?? '', info[2] ?? '');
    const start = /^starting delivery (\d+): msg (\d+) to \w+ (.*)$/.exec(line);
    if (start !== null) {
      const sender = senders.get(start[2] ?? '') ?? '';
      running.set(start[1] ?? '', sender === '' ? (start[3] ?? '').replace('mailtest.example.jp-', '') : sender);
    }
    const end = /^delivery (\d+): /.exec(line);
    if (end !== null) running.delete(end[1] ?? '');
    if (!line.startsWith('killer: killed')) continue;
    for (const sender of running.values()) counts.set(sender, (counts.get(sender) ?? 0) + 1);
    running = new Map();
  }
  return counts;
}

async function run(host: ServedQueue, name: string): Promise<{ result: Result; log: string }> {
  const logFile = path.join(host.root, 'log');
  const log = openSync(logFile, 'a');
  const options = process.execArgv.filter((argument) => !argument.startsWith('--test'));
  const child = spawn(process.execPath, [...options, killer, host.root, name, String(kills)], {
    stdio: ['ignore', 'pipe', log],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  closeSync(log);
  let output = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  const exit = await new Promise((resolve) => child.once('close', resolve));
  const text = readFileSync(logFile, 'latin1');
  assert.equal(exit, 0, /^.*Error.*(?:\n.*){6}/m.exec(text)?.[0] ?? text.slice(-2000));
  return { result: JSON.parse(output) as Result, log: text };
}

/** Looks what came of everything that was acknowledged. @returns what is to be told */
function check(host: ServedQueue, name: string, { acknowledged, sent }: Result, log: string): string {
  const arrivals = new Arrivals(host, sent, name);
  const interruptions = interrupted(log);
  const lost: string[] = [];
  const unexplained: string[] = [];
  let duplicates = 0;
  for (const { sender, to } of acknowledged)
    for (const place of to) {
      const times = arrivals.of(place, sender);
      if (times === 0) lost.push(`${place} ${sender}`);
      if (times <= 1) continue;
      duplicates += times - 1;
      if (times - 1 > (interruptions.get(sender) ?? 0)) unexplained.push(`${times} times ${place} ${sender}`);
    }
  assert.deepEqual(lost, []);
  assert.deepEqual(unexplained, []);
  const bySmtp = acknowledged.filter(({ sender }) => sender.includes('-s')).length;
  const byTool = acknowledged.length - bySmtp;
  assert.ok(bySmtp > 0 && byTool > 0);
  const running = [...interruptions.values()].reduce((sum, count) => sum + count, 0);
  return `acknowledged ${bySmtp} by SMTP, ${byTool} by qmail-inject; ${duplicates} duplicates of ${running} interrupted deliveries`;
}

describe(`the queue process is killed ${2 * kills} times`, { concurrency: 2 }, () => {
  for (const name of ['a', 'b'])
    it(`run ${name}`, async (t) => {
      if (!needsRoot(t)) return;
      const host = new ServedQueue(t, { parent: memoryDirectory() });
      prepare(host);
      const { result, log } = await run(host, name);
      assert.equal(log.match(/^killer: killed/gm)?.length, kills);
      t.diagnostic(`${kills} kills; ${check(host, name, result, log)}`);
    });
});

/** `vqmail serve` as the leader of a process group, with its log in a file. */
async function startGroup(host: ServedQueue): Promise<{ group: ChildProcess; port: number }> {
  const log = openSync(path.join(host.root, 'log'), 'a');
  const args = ['serve', '--root', host.root, '--workers', '1', '--watch', 'off', '--queue', 'auto'];
  const group = spawn(process.execPath, [vqmailProgram, ...args, '--listen', 'smtp=127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', log],
    detached: true,
  });
  closeSync(log);
  const ready = await new Promise<string>((resolve) => {
    group.stdout?.once('data', (bytes: Buffer) => resolve(bytes.toString()));
    group.once('exit', () => resolve(''));
  });
  const port = Number(/smtp=127\.0\.0\.1:(\d+)/.exec(ready)?.[1]);
  assert.ok(port > 0, ready);
  return { group, port };
}

it(`everything is killed ${groupKills} times`, async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { parent: memoryDirectory() });
  prepare(host);
  const sink = await startSink();
  t.after(() => sink.stop());
  host.control('smtproutes', `:127.0.0.1:${sink.port}\n`);
  let running = await startGroup(host);
  t.after(() => killGroup(running.group));
  const load = new QueueLoad(host.root, 'g', () => running.port);
  for (let kills = 0; kills < groupKills; kills++) {
    await pause(Math.random() * 600);
    const ended = once(running.group, 'exit');
    killGroup(running.group);
    await ended;
    appendFileSync(path.join(host.root, 'log'), 'killer: killed\n');
    running = await startGroup(host);
  }
  await load.stop();
  const log = (): string => host.read('/log');
  assert.doesNotMatch(log(), /queue: beside/);
  for (const deadline = performance.now() + 120_000; !isQueueEmpty(host.layout.queue); await pause(300)) {
    assert.ok(performance.now() < deadline, log().slice(-4000));
    // What was put off would wait for minutes.
    running.group.kill('SIGALRM');
  }
  // The host is removed before the hooks above have their turn.
  const ended = once(running.group, 'exit');
  killGroup(running.group);
  await ended;
  const result = { acknowledged: load.acknowledged, sent: sink.messages() };
  t.diagnostic(`${groupKills} kills; ${check(host, 'g', result, log())}`);
});

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
}
