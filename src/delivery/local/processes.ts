// qmail-local in processes of their own: the uid and gid of the recipient and no other group, umask 077 (formats/qmail.md 5.4). Starting node costs a hundred times what most deliveries do, so a
// process stays for a while after a delivery and takes the next one of the same uid and gid. It has one at a time; who has several at once has several processes.
//
//   queue -> process                                process -> queue
//   D     a delivery: qmail-local's arguments       F     {sender, recipients, head, from}: a message to be sent on, head in base64; behind it the message
//   W     bytes of the message                            that was delivered, from this byte on
//   C     these were all                            R     the end {status, output}
//   A     answer to F: {qp} or {isForGood, text}
//
// The frames go over a pair of sockets that no other process has. The process asks for forwards to be queued, since it may not write to the queue itself.
//
// As root the process is started as root and gives that up before it looks at anything of the recipient's: so the program may lie where only root can read it, and the system
// lets nobody of that uid look into the process. What it asks for is believed no more than what the recipient may do by himself with qmail-queue.

import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { PermanentError, TemporaryError } from '../../errors.js';
import { exactCommand } from '../../files/programs/exact-command.js';
import { type Frame, FrameReader, sendFrame } from '../../net/frames.js';
import type { LocalEnd, LocalTask } from './channel.js';
import { messagePieces } from './message-pieces.js';

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

/** qmail-local gives up a Maildir after so long; here it is the end of the whole, as a process that hangs keeps a place among the deliveries. */
const longestMs = 24 * 3600 * 1000;
/** How long a process waits for another delivery, and how many may wait. */
const idleMs = 10_000;
const idleMost = 16;
/** One that was let go and is still there is killed. */
const graceMs = 5000;

export class LocalProcesses {
  readonly #options: LocalProcessesOptions;
  readonly #all = new Set<LocalProcess>();
  /** Those that wait, longest first. */
  readonly #idle: LocalProcess[] = [];

  constructor(options: LocalProcessesOptions) {
    this.#options = options;
  }

  /** Runs qmail-local for a task. @throws the system error when it cannot be started or the message cannot be read */
  async run(task: LocalTask): Promise<LocalEnd> {
    if (task.owner.uid === 0) return { status: 111, output: 'Not allowed to perform deliveries as root.\n' };
    const local = this.#take(task.owner);
    const end = await local.deliver(task);
    if ('status' in end) this.#keep(local);
    return end;
  }

  /** Ends all, with what they do and the programs that they run. */
  end(): void {
    for (const local of this.#all) local.terminate();
  }

  #take({ uid, gid }: LocalTask['owner']): LocalProcess {
    const key = this.#options.mayChangeUser ? `${uid}:${gid}` : '';
    const at = this.#idle.findLastIndex((one) => one.key === key);
    const [idle] = at < 0 ? [] : this.#idle.splice(at, 1);
    idle?.resume();
    return idle ?? this.#start(key);
  }

  #start(key: string): LocalProcess {
    const local = new LocalProcess(key, this.#options, () => {
      this.#all.delete(local);
      this.#forget(local);
    });
    this.#all.add(local);
    return local;
  }

  #keep(local: LocalProcess): void {
    if (!this.#all.has(local)) return;
    this.#idle.push(local);
    local.wait(idleMs, () => this.#forget(local));
    const [longest] = this.#idle;
    if (this.#idle.length > idleMost) longest?.dismiss();
  }

  #forget(local: LocalProcess): void {
    const at = this.#idle.indexOf(local);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}

/** One process. */
class LocalProcess {
  /** Whose it is. */
  readonly key: string;
  readonly #options: LocalProcessesOptions;
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #frames: FrameReader;
  #trouble: Error | undefined;
  readonly #ended: Promise<string>;
  #timer: NodeJS.Timeout | undefined;
  #isLeaving = (): void => {};

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
  }

  /** Has one message delivered. @throws the system error when the process could not be started or the message cannot be read */
  async deliver(task: LocalTask): Promise<LocalEnd> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), longestMs);
    try {
      await this.#send(task);
      for (let frame = await this.#frames.next(); frame !== undefined; frame = await this.#frames.next()) {
        if (frame.kind === 'R') return JSON.parse(frame.bytes.toString()) as LocalEnd;
        await sendFrame(this.#socket, 'A', await answer(this.#options, task, frame));
      }
    } catch (error) {
      // Half a message must not be delivered.
      this.#child.kill('SIGKILL');
      throw error;
    } finally {
      clearTimeout(timer);
    }
    const signal = await this.#ended;
    if (this.#trouble !== undefined) throw this.#trouble;
    return { signal, output: '' };
  }

  /** There is no delivery for it: unless there is one in time it is dismissed. */
  wait(ms: number, leaving: () => void): void {
    this.#isLeaving = leaving;
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
    this.#isLeaving();
    this.#socket.end();
    setTimeout(() => this.#child.kill('SIGKILL'), graceMs).unref();
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  async #send({ about, message }: LocalTask): Promise<void> {
    await sendFrame(this.#socket, 'D', about);
    for await (const piece of messagePieces(message.path)) await sendFrame(this.#socket, 'W', piece);
    await sendFrame(this.#socket, 'C', Buffer.alloc(0));
  }
}

/** Its end of the sockets that are ours. A process that could not be started has none where there are too many files. @throws Error then */
function socketOf({ stdio }: ChildProcess): Socket {
  const socket: unknown = (stdio as ChildProcess['stdio'] | undefined)?.[localSocketFd];
  if (socket instanceof Socket) return socket;
  throw new Error('no process could be started');
}

/** Does not throw. */
async function answer(options: LocalProcessesOptions, task: LocalTask, frame: Frame): Promise<ForwardAnswer> {
  try {
    return { qp: await options.forward({ ...forwardIn(frame), task }) };
  } catch (error) {
    if (error instanceof PermanentError || error instanceof TemporaryError)
      return { isForGood: error instanceof PermanentError, text: error.message };
    return { isForGood: false, text: 'qq temporary problem (#4.3.0)' };
  }
}

/** @throws Error for anything but a ForwardFrame */
function forwardIn({ bytes }: Frame): Omit<ForwardRequest, 'task'> {
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
