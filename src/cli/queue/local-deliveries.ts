// `qmail-local --deliveries`: qmail-local for our own queue, as a process that stays for one user's deliveries and does one behind the other (delivery/local/processes has the frames). A queue that
// is root starts it as root, and tells it in a variable whom it is to become first.
//
// It ends when the queue has let it go, or has gone; a delivery that runs then goes on to its end, as qmail-local's do.

import fs from 'node:fs';
import net from 'node:net';
import type { LocalArguments } from '../../delivery/local/arguments.js';
import type { LocalEnd } from '../../delivery/local/channel.js';
import { LocalFailure } from '../../delivery/local/failure.js';
import type { MessageSource } from '../../delivery/local/message-source.js';
import {
  becomeVariable,
  type ForwardAnswer,
  type ForwardFrame,
  localSocketFd,
} from '../../delivery/local/processes.js';
import { RunningPrograms } from '../../delivery/local/program.js';
import type { Forward } from '../../delivery/local/qmail-local.js';
import { PermanentError, TemporaryError } from '../../errors.js';
import { FrameReader, sendFrame } from '../../net/frames.js';
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
  const queue = new Queue();
  for (;;) {
    const begun = await queue.next();
    if (begun === undefined) return 0;
    queue.tell('output' in begun ? begun : await deliver(io, begun, { queue, running }));
  }
}

/** @throws Error when something of root would be left */
function becomeOwner({ env }: ToolIo): void {
  const [, uid, gid] = /^(\d+):(\d+)$/.exec(env[becomeVariable] ?? '') ?? [];
  if (uid !== undefined) become({ uid: Number(uid), gid: Number(gid) });
}

interface Begun {
  readonly about: LocalArguments;
  readonly message: MessageSource;
}

async function deliver(
  io: ToolIo,
  { about, message }: Begun,
  { queue, running }: { readonly queue: Queue; readonly running: RunningPrograms },
): Promise<LocalEnd> {
  const report = new DeliveryReport();
  const say = (text: string | Buffer): void => report.say(text);
  const status = await deliverHere(io, about, {
    message,
    say,
    complain: say,
    outputs: () => ({ stdout: report.output, stderr: report.output }),
    forward: (forward) => queue.forward(forward),
    running,
  });
  fs.closeSync(message.fd);
  return { status, output: await report.end() };
}

/** The queue at the other end of the sockets. */
class Queue {
  readonly #socket = new net.Socket({ fd: localSocketFd });
  readonly #frames = new FrameReader(this.#socket);

  /** The next delivery, or how it ended where its message could not be kept; undefined when there is none any more. */
  async next(): Promise<Begun | LocalEnd | undefined> {
    const first = await this.#frames.next();
    if (first === undefined) return undefined;
    const message = new KeptMessage();
    for (let frame = await this.#frames.next(); frame?.kind !== 'C'; frame = await this.#frames.next()) {
      if (frame === undefined) return undefined;
      message.write(frame.bytes);
    }
    try {
      return { about: JSON.parse(first.bytes.toString()) as LocalArguments, message: message.end() };
    } catch (error) {
      if (!(error instanceof LocalFailure)) throw error;
      return { status: error.exitCode, output: `${error.message}\n` };
    }
  }

  /** Has a forward queued. @returns its number @throws PermanentError or TemporaryError with qmail's words */
  async forward({ sender, recipients, head, from }: Forward): Promise<number> {
    const frame: ForwardFrame = { sender, recipients, head: head.toString('base64'), from };
    void sendFrame(this.#socket, 'F', frame);
    const answered = await this.#frames.next();
    if (answered === undefined) throw new TemporaryError('4.3.0', 'qq temporary problem (#4.3.0)');
    const answer = JSON.parse(answered.bytes.toString()) as ForwardAnswer;
    if ('qp' in answer) return answer.qp;
    throw answer.isForGood ? new PermanentError('5.3.0', answer.text) : new TemporaryError('4.3.0', answer.text);
  }

  tell(end: LocalEnd): void {
    void sendFrame(this.#socket, 'R', end);
  }
}
