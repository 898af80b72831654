// qmail-local in processes of their own: the uid and gid of the recipient and no other group, umask 077 (formats/qmail.md 5.4). Starting node costs a hundred times what most deliveries do, so a
// process stays for a while after a delivery and takes others of the same uid and gid, several at once.
//
//   queue -> process                                process -> queue
//   D     a delivery: qmail-local's arguments       F     {sender, recipients, head, from}: a message to be sent on, head in base64; behind it the message
//   W     bytes of the message                            that was delivered, from this byte on
//   C     the last of them                          R     the end {status, output}
//   X     there are no more: not to be delivered
//   A     answer to F: {qp} or {isForGood, text}
//
// Each frame begins with the number of its delivery (delivery/local/numbered-frames). They go over a pair of sockets that no other process has. The process asks for forwards to be queued,
// since it may not write to the queue itself.
//
// As root the process is started as root and gives that up before it looks at anything of the recipient's: so the program may lie where only root can read it, and the system
// lets nobody of that uid look into the process. What it asks for is believed no more than what the recipient may do by himself with qmail-queue.

import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { PermanentError, TemporaryError } from '../../errors.js';
import { exactCommand } from '../../files/programs/exact-command.js';
import { FrameReader } from '../../net/frames.js';
import type { LocalEnd, LocalTask } from './channel.js';
import { messagePieces } from './message-pieces.js';
import { numbered, sendNumbered } from './numbered-frames.js';

/** A message that a local delivery sends on: `head`, then the bytes of `task.message` from offset `from` on. */
export interface ForwardRequest {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly head: Buffer;
  readonly from: number;
  readonly task: LocalTask;
}

export interface LocalProcessesOptions {
  /** The command of such a process. */
  readonly command: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** Whether this process may take other uids. */
  readonly mayChangeUser: boolean;
  /** Queues a forward. @returns qmail-queue's number @throws PermanentError or TemporaryError with qmail's words */
  readonly forward: (request: ForwardRequest) => Promise<number>;
}

/** The frame F. */
export interface ForwardFrame {
  readonly sender: string;
  readonly recipients: readonly string[];
  readonly head: string;
  readonly from: number;
}
/** The frame A. */
export type ForwardAnswer = { readonly qp: number } | { readonly isForGood: boolean; readonly text: string };

/** The variable that tells the process who it is to become, as `UID:GID`. */
export const becomeVariable = 'VQMAIL_BECOME';
/** Where the process has its end of the sockets. */
export const localSocketFd = 3;

/** qmail-local gives up a Maildir after so long; here it is the end of the whole, as a delivery that hangs keeps a place among the others. */
const longestMs = 24 * 3600 * 1000;
/** Deliveries of one process at once; for more there are more processes. */
const mostAtOnce = 10;
/** How long a process waits for another delivery, and how many may wait. */
const idleMs = 10_000;
const idleMost = 16;
/** One that was let go and is still there is killed. */
const graceMs = 5000;

export class LocalProcesses {
  readonly #options: LocalProcessesOptions;
  readonly #all = new Set<LocalProcess>();
  /** Those that wait, longest first. */
  readonly #idle = new Set<LocalProcess>();

  constructor(options: LocalProcessesOptions) {
    this.#options = options;
  }

  /** Runs qmail-local for a task. @throws the system error when it cannot be started or the message cannot be read */
  async run(task: LocalTask): Promise<LocalEnd> {
    if (task.owner.uid === 0) return { status: 111, output: 'Not allowed to perform deliveries as root.\n' };
    const local = this.#take(task.owner);
    try {
      return await local.deliver(task);
    } finally {
      if (local.isIdle) this.#keep(local);
    }
  }

  /** Ends all, with what they do and the programs that they run. */
  end(): void {
    for (const local of this.#all) local.terminate();
  }

  #take({ uid, gid }: LocalTask['owner']): LocalProcess {
    const key = this.#options.mayChangeUser ? `${uid}:${gid}` : '';
    for (const local of this.#all) {
      if (local.key !== key || !local.hasRoom) continue;
      if (this.#idle.delete(local)) local.resume();
      return local;
    }
    return this.#start(key);
  }

  #start(key: string): LocalProcess {
    const forget = (local: LocalProcess): void => {
      this.#all.delete(local);
      this.#idle.delete(local);
    };
    const local = new LocalProcess(key, this.#options, () => forget(local));
    this.#all.add(local);
    return local;
  }

  #keep(local: LocalProcess): void {
    // Of deliveries that end in one moment each comes here.
    if (!this.#all.has(local) || this.#idle.has(local)) return;
    this.#idle.add(local);
    local.wait(idleMs, () => this.#idle.delete(local));
    const [longest] = this.#idle;
    if (this.#idle.size > idleMost) longest?.dismiss();
  }
}

/** A delivery that runs. */
interface Running {
  readonly task: LocalTask;
  readonly end: (end: LocalEnd) => void;
  readonly timer: NodeJS.Timeout;
}

/** One process. */
class LocalProcess {
  /** Whose it is. */
  readonly key: string;
  readonly #options: LocalProcessesOptions;
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #frames: FrameReader;
  readonly #running = new Map<number, Running>();
  readonly #ended: Promise<string>;
  #last = 0;
  #trouble: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #leaving = (): void => {};
  #isLeaving = false;

  /** @param gone called when it is no more */
  constructor(key: string, options: LocalProcessesOptions, gone: () => void) {
    const [program, ...args] = options.command;
    const variables = options.mayChangeUser ? { [becomeVariable]: key } : {};
    const exact = exactCommand({ program: bytesOf(program), args: args.map(bytesOf), env: {}, directory: '/' });
    this.key = key;
    this.#options = options;
    this.#child = spawn(exact.file, exact.args, {
      cwd: '/',
      env: { ...options.environment, ...variables },
      // What node itself says is for the log.
      stdio: ['ignore', 2, 2, 'pipe'],
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (_, signal) => resolve(signal ?? 'unknown'));
      this.#child.once('error', (error) => {
        this.#trouble = error;
        resolve('unknown');
      });
    });
    void this.#ended.then(gone);
    this.#socket = socketOf(this.#child);
    this.#frames = new FrameReader(this.#socket);
    void this.#listen();
  }

  /** Whether it takes another delivery. */
  get hasRoom(): boolean {
    return !this.#isLeaving && this.#running.size < mostAtOnce;
  }

  /** Whether it has nothing to do, and may get something. */
  get isIdle(): boolean {
    return !this.#isLeaving && this.#running.size === 0;
  }

  /** Has one message delivered. @throws the system error when the process could not be started or the message cannot be read */
  async deliver(task: LocalTask): Promise<LocalEnd> {
    const number = ++this.#last;
    const ended = new Promise<LocalEnd>((end) => {
      const timer = setTimeout(() => this.#giveUp(number), longestMs);
      this.#running.set(number, { task, end, timer });
    });
    try {
      await this.#send(number, task);
    } catch (error) {
      // Half a message must not be delivered.
      void sendNumbered(this.#socket, 'X', number, Buffer.alloc(0));
      this.#end(number, { signal: 'unknown', output: '' });
      throw error;
    }
    const end = await ended;
    if ('signal' in end && this.#trouble !== undefined) throw this.#trouble;
    return end;
  }

  /** There is no delivery for it: unless there is one in time it is dismissed. */
  wait(ms: number, leaving: () => void): void {
    this.#leaving = leaving;
    this.#timer = setTimeout(() => this.dismiss(), ms).unref();
    this.#child.unref();
    this.#socket.unref();
  }

  resume(): void {
    clearTimeout(this.#timer);
    this.#child.ref();
    this.#socket.ref();
  }

  /** Lets one go that has nothing to do. */
  dismiss(): void {
    clearTimeout(this.#timer);
    this.#isLeaving = true;
    this.#leaving();
    this.#socket.end();
    setTimeout(() => this.#child.kill('SIGKILL'), graceMs).unref();
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  async #send(number: number, { about, message }: LocalTask): Promise<void> {
    await sendNumbered(this.#socket, 'D', number, about);
    let last: Buffer = Buffer.alloc(0);
    for await (const piece of messagePieces(message.path)) {
      if (last.length > 0) await sendNumbered(this.#socket, 'W', number, last);
      last = piece;
    }
    await sendNumbered(this.#socket, 'C', number, last);
  }

  /** Takes what the process says until it ends. */
  async #listen(): Promise<void> {
    try {
      for (let frame = await this.#frames.next(); frame !== undefined; frame = await this.#frames.next()) {
        const { kind, number, bytes } = numbered(frame);
        if (kind === 'R') this.#end(number, JSON.parse(bytes.toString()) as LocalEnd);
        else void this.#forward(number, bytes);
      }
    } catch {
      // Not one of ours.
      this.#child.kill('SIGKILL');
    }
    this.#isLeaving = true;
    const signal = await this.#ended;
    for (const number of this.#running.keys()) this.#end(number, { signal, output: '' });
  }

  async #forward(number: number, bytes: Buffer): Promise<void> {
    const task = this.#running.get(number)?.task;
    if (task !== undefined) await sendNumbered(this.#socket, 'A', number, await answer(this.#options, task, bytes));
  }

  #end(number: number, end: LocalEnd): void {
    const running = this.#running.get(number);
    if (running === undefined) return;
    clearTimeout(running.timer);
    this.#running.delete(number);
    running.end(end);
  }

  /** A delivery hangs: its process gets no other, and is killed when it has none but such. */
  #giveUp(number: number): void {
    this.#isLeaving = true;
    this.#end(number, { signal: 'SIGKILL', output: '' });
    const timer = setInterval(() => {
      if (this.#running.size > 0) return;
      clearInterval(timer);
      this.#child.kill('SIGKILL');
    }, graceMs);
    timer.unref();
  }
}

/** Its end of the sockets that are ours. A process that could not be started has none where there are too many files. @throws Error then */
function socketOf({ stdio }: ChildProcess): Socket {
  const socket: unknown = (stdio as ChildProcess['stdio'] | undefined)?.[localSocketFd];
  if (socket instanceof Socket) return socket;
  throw new Error('no process could be started');
}

/** Does not throw. */
async function answer(options: LocalProcessesOptions, task: LocalTask, bytes: Buffer): Promise<ForwardAnswer> {
  try {
    return { qp: await options.forward({ ...forwardIn(bytes), task }) };
  } catch (error) {
    if (error instanceof PermanentError || error instanceof TemporaryError)
      return { isForGood: error instanceof PermanentError, text: error.message };
    return { isForGood: false, text: 'qq temporary problem (#4.3.0)' };
  }
}

/** @throws Error for anything but a ForwardFrame */
function forwardIn(bytes: Buffer): Omit<ForwardRequest, 'task'> {
  const { sender, recipients, head, from } = JSON.parse(bytes.toString()) as ForwardFrame;
  const isText = (value: unknown): value is string => typeof value === 'string';
  if (!isText(sender) || !isText(head) || !Array.isArray(recipients) || !recipients.every(isText))
    throw new TypeError('not a forward');
  if (!Number.isSafeInteger(from) || from < 0) throw new TypeError('not a place in a message');
  return { sender, recipients, head: Buffer.from(head, 'base64'), from };
}

/** A string of node's as one of a character a byte. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}
