// Plays a recording of qmail-send against our queue: the same control files, the same messages, the same signals, and deliveries that report what the recorded ones
// reported, in that order. Numbers of messages are inodes, so those of a recording are matched by the order in which they appear in the log.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { DeliveryAttempt, DeliveryChannel, DeliveryReport } from '../../src/delivery/report.js';
import { withoutPrefix } from '../../src/formats/queue/queue-bounce.js';
import { parseEnvelope, parseEnvelopeRecords } from '../../src/formats/queue/queue-envelope.js';
import type { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import type { Invoker } from '../../src/mail/received.js';
import { readQueueControls } from '../../src/queue/controls.js';
import { enqueue } from '../../src/queue/enqueue/native.js';
import { QueueFiles } from '../../src/queue/files.js';
import { lineQueueLog } from '../../src/queue/log.js';
import { QueueManager } from '../../src/queue/manager.js';
import { queueOwners } from '../../src/queue/owners.js';
import { QueueTree } from '../../src/queue/tree.js';
import { openHost } from '../../src/stores/host.js';
import { HandClock } from './queue-clock.js';
import { makeQueue, queueIds } from './queue-host.js';
import { countQueue, readQueue } from './queue-reader.js';
import {
  applyWrite,
  buildTree,
  bytesOf,
  contentOf,
  type Entry,
  maskVolatile,
  newRoot,
  type Recording,
  removeRoot,
  type Step,
} from './recording.js';

/** What a step of a queue recording has beside what all recordings have. */
export interface QueueStep extends Step {
  readonly envelope?: string;
  readonly to?: string;
  readonly start?: readonly string[];
  readonly stop?: boolean;
  readonly wait_ms?: number;
}

const isRoot = process.getuid?.() === 0;

/** A line of the log with what differs from run to run made equal. */
function masked(line: string): string {
  return line.replace(/\bqp( |_)\d+/, 'qp$1<pid>').replace(/: bytes \d+/, ': bytes <size>');
}

export class QueueReplay {
  readonly root = newRoot('vqmail-queue');
  readonly layout: Layout;
  readonly clock = new HandClock();
  readonly #files = new QueueFiles();
  readonly #control;
  readonly #accounts;
  readonly #ourIds = new Map<string, string>();
  readonly #recordedIds = new Map<string, string>();
  readonly #script: string[] = [];
  readonly #started = new Map<number, (report: DeliveryReport) => void>();
  readonly #paragraphs: readonly string[];
  #scriptAt = 0;
  #recordedStarts: { readonly number: number; readonly channel: string; readonly address: string }[] = [];
  #bouncePids: number[] = [];
  #tree: QueueTree | undefined;
  #manager: QueueManager | undefined;
  /** What was taken over has one time for several messages: their order is that of the directory. */
  #isTakenOver = false;
  #log: string[] = [];
  #delivered: string[] = [];

  constructor(recording: Recording) {
    this.layout = makeQueue(this.root);
    const control = Object.entries(recording.before).filter(([name]) => name.startsWith('/var/qmail/control'));
    // One recording shows the tree of the queue alone.
    writeFileSync(this.layout.control('me'), 'mail.example.gr.jp\n');
    buildTree(Object.fromEntries(control), this.root);
    const host = openHost(this.layout);
    this.#control = host.control;
    this.#accounts = host.accounts;
    this.#paragraphs = paragraphsOf(recording);
  }

  async open(isRunning: boolean): Promise<void> {
    this.#tree = await QueueTree.open(this.layout, this.#files);
    if (isRunning) await this.#start();
    this.#log = [];
  }

  async close(): Promise<void> {
    await this.#manager?.stop(1000);
    removeRoot(this.root);
  }

  /** Does one step and compares what came of it. */
  async step(step: QueueStep): Promise<void> {
    this.#log = [];
    this.#delivered = [];
    const recorded = (step.log?.['qmail-send'] ?? '').split('\n').filter((line) => line !== '');
    this.#read(recorded);
    if (step.write !== undefined) applyWrite(step.write, this.root);
    if (step.start !== undefined) await this.#start();
    if (step.envelope !== undefined) await this.#inject(step);
    if (step.run?.[0]?.endsWith('qmail-inject')) await this.#injectAsRecorded(step);
    void this.#pump();
    if (step.signal !== undefined) this.#signal(step.signal);
    if (step.wait_ms !== undefined) this.clock.advance(Math.ceil(step.wait_ms / 1000));
    if (step.stop) await this.#manager?.stop();
    await this.#settled(recorded.length);
    this.#isTakenOver ||= step.start !== undefined;
    this.#compareLog(recorded);
    // What runs on is preprocessed then.
    if (step.queued !== undefined) this.clock.advance(1);
    // Some marks are made behind the line in the log, when the disk has the reason.
    await eventually(() => {
      this.#compareQueued(step);
      this.#compareChanged(step);
    });
    this.#compareDelivered(step);
    if (step.run?.[0]?.endsWith('qmail-qread')) this.#compareQread(bytesOf(step.stdout).toString('latin1'));
    if (step.run?.[0]?.endsWith('qmail-qstat')) this.#compareQstat(bytesOf(step.stdout).toString('latin1'));
  }

  async #start(): Promise<void> {
    const tree = this.#opened;
    this.#recordedStarts = [];
    this.#started.clear();
    const channel = (name: string): DeliveryChannel => ({
      deliver: (attempt, report) => this.#deliver(name, attempt, report),
      close: async () => {},
    });
    const log = lineQueueLog(lineLog((line) => this.#hear(line.slice(0, -1))));
    this.#manager = new QueueManager({
      tree,
      files: this.#files,
      owners: queueOwners(tree, this.#accounts),
      control: this.#control,
      controls: readQueueControls(this.#control),
      channels: { local: channel('local'), remote: channel('remote') },
      enqueue: (notice) => {
        const pid = this.#bouncePids.shift() ?? 99;
        return this.#enqueue({ ...notice, invokedBy: 'bounce', uid: queueIds.qmails, gid: queueIds.qmail, pid });
      },
      log,
      clock: this.clock,
    });
    const recorded = this.#script.slice(this.#scriptAt);
    for (const line of recorded) this.#note(line);
    await this.#manager.start();
  }

  get #opened(): QueueTree {
    assert.ok(this.#tree);
    return this.#tree;
  }

  async #inject(step: QueueStep): Promise<void> {
    const envelope = parseEnvelope(Buffer.from(step.envelope ?? ''));
    assert.ok(typeof envelope === 'object');
    const [uid, gid] = step.as ?? [0, 0];
    const pid = Number(/\(qmail (\d+) invoked/.exec(JSON.stringify(step.queued ?? ''))?.[1] ?? 42);
    const { id } = await this.#enqueue({
      ...envelope,
      message: bytesOf(step.stdin),
      uid,
      gid,
      pid,
      invokedBy: by(uid),
    });
    const recorded = step.queued?.find(({ todo }) => todo !== undefined)?.id;
    if (recorded !== undefined) this.#match(String(recorded), id);
  }

  /** What another program queued: from what it left. */
  async #injectAsRecorded(step: QueueStep): Promise<void> {
    for (const queued of step.queued ?? []) {
      const records = parseEnvelopeRecords(bytesOf(queued.todo));
      const of = (letter: string): string[] =>
        records.filter((record) => record.letter === letter).map(({ text }) => text);
      const [uid, pid] = [Number(of('u')[0]), Number(of('p')[0])];
      const message = Buffer.from(bytesOf(queued.message).toString('latin1').replace(/^.*\n/, ''), 'latin1');
      const envelope = { sender: of('F')[0] ?? '', recipients: of('T') };
      const { id } = await this.#enqueue({ ...envelope, message, uid, gid: uid, pid, invokedBy: by(uid) });
      this.#match(String(queued.id), id);
    }
  }

  #enqueue(request: {
    message: AsyncIterable<Buffer> | Buffer;
    sender: string;
    recipients: readonly string[];
    uid: number;
    gid: number;
    pid: number;
    invokedBy: Invoker;
  }): Promise<{ id: string; qp: number }> {
    const owner = isRoot ? { uid: queueIds.qmailq, gid: request.gid } : undefined;
    const nowSeconds = this.clock.now();
    return enqueue({ tree: this.#opened, files: this.#files, owner }, { ...request, nowSeconds });
  }

  #signal(signal: string): void {
    if (signal === 'SIGHUP') this.#manager?.reread();
    if (signal === 'SIGALRM') this.#manager?.runAll();
    if (signal === 'SIGTERM') void this.#manager?.stop();
  }

  /** Takes the recorded lines of a step into the script. */
  #read(lines: readonly string[]): void {
    for (const line of lines) {
      this.#script.push(line);
      this.#note(line);
    }
  }

  #note(line: string): void {
    const start = /^starting delivery (\d+): msg \d+ to (\w+) (.*)$/.exec(line);
    if (start !== null)
      this.#recordedStarts.push({ number: Number(start[1]), channel: start[2] ?? '', address: start[3] ?? '' });
    const bounce = /^bounce msg \d+ qp (\d+)$/.exec(line);
    if (bounce !== null) this.#bouncePids.push(Number(bounce[1]));
  }

  /** A line of ours; numbers of messages, which may be used again at once, become the recorded ones. */
  #hear(line: string): void {
    this.#matchNew(/^new msg (\d+)$/.exec(line)?.[1]);
    const recorded = (id: string): string => this.#recordedIds.get(id) ?? `unknown ${id}`;
    this.#log.push(line.replace(/\b(msg |bounce\/)(\d+)/, (_, word: string, id: string) => word + recorded(id)));
    const ended = /^end msg (\d+)$/.exec(line)?.[1];
    if (ended !== undefined) this.#recordedIds.delete(ended);
  }

  /** A new message of ours is the next new one of the recording, unless it was met when it was queued. */
  #matchNew(id: string | undefined): void {
    if (id === undefined || this.#recordedIds.has(id)) return;
    const next = this.#script
      .map((text) => /^new msg (\d+)$/.exec(text)?.[1])
      .find((recorded) => recorded && !this.#ourIds.has(recorded));
    if (next !== undefined) this.#match(next, id);
  }

  #match(recorded: string, ours: string): void {
    this.#recordedIds.set(ours, recorded);
    this.#ourIds.set(recorded, ours);
  }

  #deliver(
    channel: string,
    attempt: DeliveryAttempt,
    report: (index: number, report: DeliveryReport) => void,
  ): Promise<void> {
    let left = attempt.recipients.length;
    return new Promise((resolve) => {
      for (const [index, recipient] of attempt.recipients.entries()) {
        const shown = recipient.replace(/[^!-$&-~]/g, '_');
        const at = this.#recordedStarts.findIndex((start) => start.channel === channel && start.address === shown);
        assert.ok(at >= 0, `a delivery that was not recorded: ${channel} ${recipient}`);
        const [start] = this.#recordedStarts.splice(at, 1);
        this.#started.set(start?.number ?? 0, (told) => {
          if (channel === 'local' && told.outcome === 'success')
            this.#delivered.push(readFileSync(attempt.message.path, 'latin1'));
          report(index, told);
          if (--left === 0) resolve();
        });
      }
      setImmediate(() => void this.#pump());
    });
  }

  /** Reports in the recorded order, each when what stands before it has begun. */
  async #pump(): Promise<void> {
    for (; this.#scriptAt < this.#script.length; this.#scriptAt++) {
      const line = this.#script[this.#scriptAt] ?? '';
      const start = /^starting delivery (\d+):/.exec(line);
      if (start !== null && !this.#started.has(Number(start[1]))) return;
      const over = /^delivery (\d+): (success|deferral|failure): (.*)$/.exec(line);
      if (over === null) continue;
      const told = this.#started.get(Number(over[1]));
      if (told === undefined) return;
      this.#scriptAt++;
      await this.#tell(told, over[2] as DeliveryReport['outcome'], over[3] ?? '');
      this.#scriptAt--;
    }
  }

  async #tell(
    tell: (report: DeliveryReport) => void,
    outcome: DeliveryReport['outcome'],
    shown: string,
  ): Promise<void> {
    const isLast = shown.includes("I'm_not_going_to_try_again");
    const text = this.#paragraphs.find((paragraph) => shownText(paragraph) === shown) ?? unshown(shown);
    const forwarded = /\bqp_(\d+)\//.exec(shown)?.[1];
    if (forwarded !== undefined) await this.#forward(forwarded);
    if (isLast) tell({ outcome: 'deferral', text: text.replace(/I'm not going[\s\S]*$/, '') });
    else tell({ outcome, text });
    await pause(2);
  }

  /** What a recorded forward queued, as far as its log says. */
  async #forward(qp: string): Promise<void> {
    const info = this.#script.find((line) => line.includes(` qp ${qp} uid `)) ?? '';
    const [, id, sender = '', uid] = /^info msg (\d+): bytes \d+ from <(.*)> qp \d+ uid (\d+)$/.exec(info) ?? [];
    const start = this.#script.find((line) => line.includes(`: msg ${id} to local `)) ?? '';
    const recipient = withoutPrefix(start.replace(/^.* to local /, ''), this.#control.virtualDomains());
    const from = [...this.#recordedIds.keys()].at(-1) ?? '';
    const message = Buffer.concat([
      Buffer.from(`Delivered-To: postmaster@${this.#control.me()}\n`),
      readFileSync(this.#opened.mess(from)),
    ]);
    const invoker = { uid: Number(uid), gid: Number(uid), pid: Number(qp), invokedBy: by(Number(uid)) };
    await this.#enqueue({ message, sender, recipients: [recipient], ...invoker });
  }

  async #settled(lines: number): Promise<void> {
    const deadline = performance.now() + 3000;
    while (this.#log.length < lines && performance.now() < deadline) await pause(3);
    for (let before = -1; before !== this.#log.length; await pause(25)) before = this.#log.length;
  }

  #compareLog(recorded: readonly string[]): void {
    const [want, got] = [recorded.map(masked), this.#log.map(masked)];
    // Which message is ended or preprocessed first is free where several are.
    const isFree = (line: string): boolean => /^(?:end|new|info|bounce) msg /.test(line);
    const ordered = (lines: readonly string[]): string[] => lines.filter((line) => !isFree(line));
    if (this.#isTakenOver) assert.deepEqual(byMessage(got), byMessage(want));
    else assert.deepEqual(ordered(got), ordered(want));
    assert.deepEqual(got.filter(isFree).sort(), want.filter(isFree).sort());
  }

  #compareQueued(step: QueueStep): void {
    const tree = this.#opened;
    for (const queued of step.queued ?? []) {
      const id = this.#ourIds.get(String(queued.id));
      assert.ok(id, `message ${String(queued.id)} did not come`);
      const files: Record<string, string> = {
        message: tree.mess(id),
        intd: tree.intd(id),
        todo: tree.todo(id),
        info: tree.info(id),
        local: tree.channel('local', id),
        remote: tree.channel('remote', id),
        bounce: tree.bounce(id),
      };
      for (const [name, file] of Object.entries(files)) {
        const recorded = queued[name];
        const ours = existsSync(file) ? readFileSync(file).toString('latin1') : undefined;
        const want = recorded === undefined ? undefined : bytesOf(recorded).toString('latin1');
        if (name === 'message') assert.equal(maskVolatile(ours ?? ''), maskVolatile(want ?? ''), name);
        else if (name === 'bounce') assert.deepEqual(sortedParagraphs(ours), sortedParagraphs(want));
        else assert.equal(ours, want, `${name} of ${id}`);
      }
    }
  }

  /** Modes, owners and removals of the queue's files, and the times that a stop leaves. */
  #compareChanged(step: QueueStep): void {
    const isStop = step.stop || this.#log.includes('status: exiting');
    for (const [name, entry] of Object.entries(step.changed ?? {})) {
      const found = /^\/var\/qmail\/queue\/(mess|intd|todo|info|local|remote|bounce)\/(?:\d+\/)?(\d{3,})$/.exec(name);
      const id = found === null ? undefined : this.#ourIds.get(found[2] ?? '');
      if (found === null || id === undefined) continue;
      const file = this.#fileOf(found[1] ?? '', id);
      if (entry === null) assert.equal(existsSync(file), false, name);
      else this.#compareEntry(file, entry, isStop && entry.mtime !== undefined ? id : undefined);
    }
  }

  #compareEntry(file: string, entry: Entry, stoppedId: string | undefined): void {
    const status = statSync(file);
    assert.equal((status.mode & 0o7777).toString(8).padStart(4, '0'), entry.mode, file);
    if (isRoot) assert.deepEqual([status.uid, status.gid], [entry.uid, entry.gid], file);
    if (stoppedId === undefined || !/\/(?:local|remote)\//.test(file)) return;
    const birth = Math.floor(statSync(this.#opened.info(stoppedId)).mtimeMs / 1000);
    const steps = Math.sqrt(status.mtimeMs / 1000 - birth);
    assert.ok(Number.isInteger(steps) && steps >= (file.includes('/local/') ? 10 : 20), `${file}: ${steps}`);
    assert.equal(status.atimeMs, status.mtimeMs);
  }

  #fileOf(kind: string, id: string): string {
    const tree = this.#opened;
    if (kind === 'mess' || kind === 'intd' || kind === 'todo' || kind === 'info' || kind === 'bounce')
      return tree[kind](id);
    return tree.channel(kind === 'local' ? 'local' : 'remote', id);
  }

  /** Every message that a recorded delivery put into a Maildir was delivered by us with the same bytes. */
  #compareDelivered(step: QueueStep): void {
    const ours = this.#delivered.map(maskVolatile);
    for (const [name, entry] of Object.entries(step.changed ?? {})) {
      if (entry === null || !/\/Maildir\/new\//.test(name) || name.includes('quotawarn')) continue;
      const content = contentOf(entry).toString('latin1');
      const message = maskVolatile(content.replace(/^Return-Path: .*\nDelivered-To: .*\n/, ''));
      assert.ok(ours.includes(message), `not delivered:\n${message}\nbut:\n${ours.join('\n---\n')}`);
    }
  }

  #compareQread(recorded: string): void {
    const ours = readQueue(this.layout.queue).map((message) => {
      const bouncing = message.isBouncing ? ' bouncing' : '';
      return [`#${this.#recordedIds.get(message.id)}  <${message.sender}> ${bouncing}`, ...message.recipients].join(
        '\n',
      );
    });
    const theirs = recorded
      .split(/^(?=\d+ \w+ \d+ )/m)
      .filter((text) => text !== '')
      .map((text) => text.replace(/^.*?GMT {2}(#\d+) {2}\d+/, '$1').trimEnd());
    assert.deepEqual(ours.map((text) => text.trimEnd()).sort(), theirs.sort());
  }

  #compareQstat(recorded: string): void {
    const numbers = [...recorded.matchAll(/: (\d+)/g)].map((found) => Number(found[1]));
    const { all, todo } = countQueue(this.layout.queue);
    assert.deepEqual([all, todo], numbers);
    assert.deepEqual(readdirSync(path.join(this.layout.queue, 'pid')), []);
  }
}

/** What began for each message and channel in what order, what came of it, and how many ran at the end. */
function byMessage(lines: readonly string[]): unknown {
  const begun: Record<string, string[]> = {};
  const over: string[] = [];
  for (const line of lines) {
    const [, message = '', address = ''] = /^starting delivery \d+: (msg .* to \w+) (.*)$/.exec(line) ?? [];
    if (message !== '') begun[message] = [...(begun[message] ?? []), address];
    if (line.startsWith('delivery ')) over.push(line.replace(/\d+/, ''));
  }
  return { begun, over: over.sort(), last: lines.findLast((line) => line.startsWith('status:')) };
}

async function eventually(check: () => void): Promise<void> {
  for (const deadline = performance.now() + 5000; ; await pause(10)) {
    try {
      check();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

function by(uid: number): Invoker {
  if (uid === queueIds.alias) return 'alias';
  if (uid === queueIds.qmaild) return 'network';
  return uid === queueIds.qmails ? 'bounce' : { uid };
}

function shownText(text: string): string {
  return text.replace(/[^!-$&-~]/g, (byte) => (byte === '\n' ? '/' : '_'));
}

/** A text that a log line shows like this; blanks and ends of lines are guessed. */
function unshown(shown: string): string {
  return shown.replaceAll('_', ' ').replaceAll('/', '\n');
}

/** The reports in all bounces of a recording: a log line alone does not say which bytes they had. */
function paragraphsOf(recording: Recording): string[] {
  const texts: string[] = [];
  for (const step of recording.steps) {
    for (const queued of step.queued ?? [])
      for (const value of Object.values(queued)) texts.push(bytesOf(value).toString('latin1'));
    for (const entry of Object.values(step.changed ?? {}))
      if (entry !== null) texts.push(contentOf(entry).toString('latin1'));
  }
  const reports = texts.flatMap((text) =>
    [...text.matchAll(/^<[^\n]*>:\n((?:[^\n]+\n)*)\n/gm)].map((found) => found[1] ?? ''),
  );
  const whole = reports.map((report) => report.replace(/\n\/+/g, (run) => '\n'.repeat(run.length)));
  return whole.flatMap((report) => [report, report.replace(/\n$/, '')]);
}

function sortedParagraphs(text: string | undefined): string[] | undefined {
  return text?.split(/(?<=\n\n)/).sort();
}
