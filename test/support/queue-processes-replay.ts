// Plays a recording of qmail-send against a real `vqmail serve --queue instead` as root: messages come through our qmail-queue and qmail-inject as the recorded users, deliveries run as
// they run, and compared is what the log says of each message, what lies in the mailboxes and whose it is, and what our qmail-qread and qmail-qstat show.
//
// Not compared: which of several things at once came first (test/support/queue-replay has the order, the queue's bytes and their modes), and the words about hosts that cannot be found.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { childrenOf, nameOf } from './child-processes.js';
import { passwd } from './delivery-recording.js';
import { makeQueue } from './queue-host.js';
import type { QueueStep } from './queue-replay.js';
import {
  applyWrite,
  buildTree,
  bytesOf,
  changesBetween,
  differences,
  type Entry,
  maskVolatile,
  newRoot,
  type Picture,
  pictureOf,
  type Recording,
  removeRoot,
} from './recording.js';
import { type StartedServer, startServer, vqmailProgram } from './started-server.js';

const mailPlaces = ['/home', '/var/qmail/alias'];
const linesOfQueue =
  /^(?:status: |new msg |info msg |starting delivery |delivery \d|bounce msg |end msg |triple bounce|warning: |alert: )/;

export class QueueProcessesReplay {
  readonly root = newRoot('vqmail-replay');
  readonly #isMailCompared: boolean;
  #server: StartedServer | undefined;
  #before: Picture = new Map();
  /** Lines of the log that were compared already. */
  #seen = 0;
  #stopping: Promise<unknown> = Promise.resolve();

  /** @param isMailCompared false where notices have words about hosts that cannot be found */
  constructor(recording: Recording, isMailCompared: boolean) {
    this.#isMailCompared = isMailCompared;
    const inQueue = (name: string): boolean => name.startsWith('/var/qmail/queue');
    buildTree(Object.fromEntries(Object.entries(recording.before).filter(([name]) => !inQueue(name))), this.root);
    writeFileSync(path.join(this.root, 'etc/passwd'), passwd);
    writeFileSync(path.join(this.root, 'etc/group'), 'vchkpw:x:6020:\n');
    const layout = makeQueue(this.root);
    // The recorded host found no other; nobody listens there.
    if (!existsSync(layout.control('smtproutes'))) writeFileSync(layout.control('smtproutes'), ':127.0.0.1:1\n');
  }

  /** Starts qmail-send's stand-in, which tells its status first. */
  async begin(): Promise<void> {
    await this.#start();
    await this.#compareLog(['status: local 0/10 remote 0/20']);
  }

  async #start(): Promise<void> {
    const args = ['--root', this.root, '--queue', 'instead', '--workers', '1', '--watch', 'off'];
    this.#server = await startServer([...args, '--listen', 'smtp=127.0.0.1:0']);
    this.#seen = 0;
  }

  async close(): Promise<void> {
    await this.#server?.stop('SIGKILL');
    removeRoot(this.root);
  }

  async step(step: QueueStep): Promise<void> {
    if (step.write !== undefined) applyWrite(step.write, this.root);
    this.#before = pictureOf(this.root, mailPlaces);
    if (step.start !== undefined) await this.#start();
    if (step.run !== undefined) await this.#run(step);
    if (step.signal !== undefined) this.#signal(step.signal);
    if (step.stop) await this.#server?.stop();
    if (step.wait_ms !== undefined) await pause(step.wait_ms);
    await this.#compareLog((step.log?.['qmail-send'] ?? '').split('\n').filter((line) => line !== ''));
    if (!this.#isMailCompared) return;
    const changed = Object.entries(step.changed ?? {}).filter(([name]) =>
      mailPlaces.some((place) => name.startsWith(place)),
    );
    assert.deepEqual(differences(Object.fromEntries(changed), this.#changes()), []);
  }

  #changes(): Record<string, Entry | null> {
    return changesBetween(this.#before, pictureOf(this.root, mailPlaces));
  }

  #signal(signal: string): void {
    // The queue process alone would be started again.
    if (signal === 'SIGTERM') this.#stopping = this.#server?.stop() ?? this.#stopping;
    else process.kill(this.#queueProcess(), signal);
  }

  /** As pkill finds it. */
  #queueProcess(): number {
    const [found, ...others] = childrenOf(this.#server?.process.pid).filter((child) => nameOf(child) === 'qmail-send');
    assert.ok(found !== undefined && others.length === 0);
    return found;
  }

  async #run(step: QueueStep): Promise<void> {
    const [program = '', ...args] = step.run ?? [];
    const tool = path.basename(program);
    const file = (name: string, content: Buffer): number => {
      const place = path.join(this.root, name);
      writeFileSync(place, content);
      return openSync(place, 'r');
    };
    const input = file('input', bytesOf(step.stdin));
    const envelope = step.envelope === undefined ? undefined : file('envelope', Buffer.from(step.envelope));
    const [uid, gid] = step.as ?? [0, 0];
    const child = spawn(process.execPath, [vqmailProgram, tool, ...args], {
      stdio: [input, envelope ?? 'pipe', 'pipe'],
      env: { ...process.env, ...step.env, VQMAIL_ROOT: this.root },
      uid,
      gid,
    });
    let [output, complaint] = ['', ''];
    child.stdout?.on('data', (bytes: Buffer) => {
      output += bytes.toString('latin1');
    });
    child.stderr?.on('data', (bytes: Buffer) => {
      complaint += bytes.toString('latin1');
    });
    const status = await new Promise((resolve) => child.once('close', resolve));
    for (const fd of [input, envelope]) if (fd !== undefined) closeSync(fd);
    assert.equal(status, step.exit, `${tool}: ${complaint}`);
    const shown = (text: string): string[] =>
      maskVolatile(text.replace(/#\d+ {2}\d+/g, '#').replace(/^.*?GMT/gm, 'GMT')).split(/^(?=GMT)/m);
    if (step.stdout !== undefined)
      assert.deepEqual(shown(output).sort(), shown(bytesOf(step.stdout).toString('latin1')).sort());
  }

  async #compareLog(recorded: readonly string[]): Promise<void> {
    const lines = (): string[] =>
      (this.#server?.log() ?? '')
        .split('\n')
        .slice(0, -1)
        .filter((line) => linesOfQueue.test(line))
        .slice(this.#seen);
    for (const deadline = performance.now() + 90_000; lines().length < recorded.length; await pause(10))
      if (performance.now() > deadline) break;
    for (let before = -1; before !== lines().length; await pause(recorded.length > 0 ? 120 : 0))
      before = lines().length;
    const got = lines();
    this.#seen += got.length;
    assert.deepEqual(told(got), told(recorded), got.join('\n'));
  }
}

/** What the lines tell, whatever the numbers are and whatever came first. */
function told(lines: readonly string[]): string[] {
  const starts = new Map<string, string>();
  return lines
    .map((line) => {
      const start = /^starting delivery (\d+): msg \d+ (to \w+ .*)$/.exec(line);
      if (start !== null) starts.set(start[1] ?? '', start[2] ?? '');
      const over = /^delivery (\d+): (\w+): (.*)$/.exec(line);
      if (start !== null) return `starting: ${start[2]}`;
      if (over === null)
        return line
          .replace(/^status: local .* remote .*$/, 'status')
          .replace(/msg \d+/, 'msg')
          .replace(/bounce\/\d+/, 'bounce')
          .replace(/qp \d+/, 'qp');
      const [, number = '', outcome, text = ''] = over;
      const about = starts.get(number);
      const shown = about?.startsWith('to remote') ? text.replace(/^.*?\//, '') : text;
      return `${about ?? 'earlier'}: ${outcome}: ${shown.replace(/qp_\d+/, 'qp')}`;
    })
    .map((line) => line.replace(/bytes \d+/, 'bytes'))
    .sort();
}
