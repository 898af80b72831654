// `qmail-local --deliveries`: qmail-local for our own queue, as a process that stays for one user's deliveries (delivery/local/processes has the frames). A queue that is root starts it as
// root, and tells it in a variable whom it is to become first.
//
// It ends when the queue has let it go, or has gone; deliveries that run then go on to their ends, as qmail-local's do.

import net from 'node:net';
import type { LocalArguments } from '../../delivery/local/arguments.js';
import type { LocalEnd } from '../../delivery/local/channel.js';
import { LocalFailure } from '../../delivery/local/failure.js';
import type { MessageSource } from '../../delivery/local/message-source.js';
import { numbered, sendNumbered } from '../../delivery/local/numbered-frames.js';
import {
  becomeVariable,
  type ForwardAnswer,
  type ForwardFrame,
  localSocketFd,
} from '../../delivery/local/processes.js';
import { RunningPrograms } from '../../delivery/local/program.js';
import type { Forward } from '../../delivery/local/qmail-local.js';
import { PermanentError, TemporaryError } from '../../errors.js';
import { FrameReader } from '../../net/frames.js';
import { become } from '../../processes/ownership.js';
import type { ToolIo } from '../tool-io.js';
import { deliverHere } from './deliver-here.js';
import { DeliveryReport } from './delivery-report.js';
import { KeptMessage } from './kept-message.js';

/** @returns the exit code */
export async function localDeliveries(io: ToolIo): Promise<number> {
  process.umask(0o077);
  becomeOwner(io);
  const running = new RunningPrograms();
  process.once('SIGTERM', () => {
    running.kill();
    process.exit(111);
  });
  await new Deliveries(io, running).serve();
  return 0;
}

/** @throws Error when something of root would be left */
function becomeOwner({ env }: ToolIo): void {
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(env[becomeVariable] ?? '') ?? [];
  if (uid !== undefined) become({ uid: Number(uid), gid: Number(gid) });
}

/** A delivery whose message is coming. */
interface Begun {
  readonly about: LocalArguments;
  readonly message: KeptMessage;
}

/** Deliveries for the queue at the other end of the sockets. */
class Deliveries {
  readonly #io: ToolIo;
  readonly #programs: RunningPrograms;
  readonly #socket = new net.Socket({ fd: localSocketFd });
  readonly #begun = new Map<number, Begun>();
  readonly #running = new Set<Promise<void>>();
  /** Deliveries that wait for what becomes of a forward. */
  readonly #forwards = new Map<number, (answer: ForwardAnswer | undefined) => void>();
  #isAlone = false;

  constructor(io: ToolIo, programs: RunningPrograms) {
    this.#io = io;
    this.#programs = programs;
  }

  /** Resolves when there are none any more. */
  async serve(): Promise<void> {
    const frames = new FrameReader(this.#socket);
    for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) {
      const { kind, number, bytes } = numbered(frame);
      if (kind === 'A') this.#answered(number, JSON.parse(bytes.toString()) as ForwardAnswer);
      else this.#hear(kind, number, bytes);
    }
    this.#isAlone = true;
    for (const { message } of this.#begun.values()) message.forget();
    for (const number of this.#forwards.keys()) this.#answered(number, undefined);
    await Promise.all(this.#running);
  }

  #hear(kind: string, number: number, bytes: Buffer): void {
    if (kind === 'D') {
      const about = JSON.parse(bytes.toString()) as LocalArguments;
      this.#begun.set(number, { about, message: new KeptMessage() });
      return;
    }
    const begun = this.#begun.get(number);
    if (begun === undefined) return;
    if (kind === 'X') begun.message.forget();
    else begun.message.write(bytes);
    if (kind === 'W') return;
    this.#begun.delete(number);
    if (kind === 'C') this.#begin(number, begun);
  }

  #begin(number: number, { about, message }: Begun): void {
    const running = this.#deliver(number, about, message).then((end) => {
      this.#running.delete(running);
      void sendNumbered(this.#socket, 'R', number, end);
    });
    this.#running.add(running);
  }

  async #deliver(number: number, about: LocalArguments, kept: KeptMessage): Promise<LocalEnd> {
    let message: MessageSource;
    try {
      message = kept.end();
    } catch (error) {
      if (!(error instanceof LocalFailure)) throw error;
      return { status: error.exitCode, output: `${error.message}\n` };
    }
    const report = new DeliveryReport();
    const say = (text: string | Buffer): void => report.say(text);
    const status = await deliverHere(this.#io, about, {
      message,
      say,
      complain: say,
      outputs: () => ({ stdout: report.output, stderr: report.output }),
      forward: (forward) => this.#forward(number, forward),
      running: this.#programs,
    });
    const output = await report.end();
    message.close();
    return { status, output };
  }

  /** Has a forward queued. @returns its number @throws PermanentError or TemporaryError with qmail's words */
  async #forward(number: number, { sender, recipients, head, from }: Forward): Promise<number> {
    const frame: ForwardFrame = { sender, recipients, head: head.toString('base64'), from };
    const answer = await new Promise<ForwardAnswer | undefined>((resolve) => {
      if (this.#isAlone) return resolve(undefined);
      this.#forwards.set(number, resolve);
      void sendNumbered(this.#socket, 'F', number, frame);
    });
    if (answer === undefined) throw new TemporaryError('4.3.0', 'qq temporary problem (#4.3.0)');
    if ('qp' in answer) return answer.qp;
    throw answer.isForGood ? new PermanentError('5.3.0', answer.text) : new TemporaryError('4.3.0', answer.text);
  }

  #answered(number: number, answer: ForwardAnswer | undefined): void {
    const resolve = this.#forwards.get(number);
    this.#forwards.delete(number);
    resolve?.(answer);
  }
}
