// Queueing through the queue process, for processes that may not write the queue: session workers, and tools that people run. On the unix socket of layout.queueSocket, in frames
// (net/frames), one message after the other:
//
//   kind  to the queue process                             kind  from it
//   B     begin {as, number}                               k     queued {qp}
//   W     bytes of the message                             e     failed {isForGood, status, text, exitCode}
//   C     the envelope {sender, recipients}                q     the answer to orders
//   Q     orders (queue/orders)                            h     {isThere}
//   H     {recipient}: has a user of the system a mailbox of that name?
//
// `as` is `network` or a uid; the queue process believes it of root and of the session workers, and goes by the uid at the other end for everybody else. A connection that ends before C
// leaves nothing. One that breaks after it may have queued the message: whoever asked is told to try again, so the worst is a copy too many.

import { once } from 'node:events';
import net from 'node:net';
import { PermanentError, TemporaryError } from '../../errors.js';
import type { Envelope } from '../../formats/queue/queue-envelope.js';
import { FrameReader, sendFrame } from '../../net/frames.js';
import { type KeptConnection, KeptConnections } from '../../net/kept-connections.js';
import type { EnqueueingMessage, Enqueuer, Submitter } from './enqueuer.js';
import { queueError } from './exit-codes.js';

/** The frame B. */
export interface BeginFrame {
  readonly as?: 'network' | { readonly uid: number };
  readonly number?: number;
}

/** The frame e. */
export interface FailureFrame {
  readonly isForGood: boolean;
  readonly status: string;
  readonly text: string;
  readonly exitCode: number;
}

/** What qmail-queue would have exited with when nobody listens: the program could not be run. */
const nobodyThere = 120;
const brokenOff = 74;

/** @param path of the socket */
export function socketEnqueuer(path: string): Enqueuer {
  const connections = new KeptConnections(() => connect(path));
  return { begin: (submitter) => new SentMessage(connections, submitter) };
}

class SentMessage implements EnqueueingMessage {
  readonly #connection: Promise<KeptConnection>;

  constructor(connections: KeptConnections, { invokedBy, number }: Submitter) {
    const begin: BeginFrame = {
      ...(invokedBy === 'network' && { as: invokedBy }),
      ...(typeof invokedBy === 'object' && { as: invokedBy }),
      ...(number !== undefined && { number }),
    };
    this.#connection = connections.take().then((connection) => {
      void sendFrame(connection.socket, 'B', begin);
      return connection;
    });
    // Told by commit.
    this.#connection.catch(() => {});
  }

  async write(chunk: Buffer): Promise<void> {
    const connection = await this.#connection.catch(() => undefined);
    if (connection !== undefined && !connection.socket.destroyed) await sendFrame(connection.socket, 'W', chunk);
  }

  async commit({ sender, recipients }: Envelope): Promise<number> {
    const { socket, frames, release } = await this.#connection;
    void sendFrame(socket, 'C', { sender, recipients });
    const answer = await frames.next();
    if (answer?.kind === 'k') {
      release();
      return (JSON.parse(answer.bytes.toString()) as { qp: number }).qp;
    }
    socket.destroy();
    if (answer?.kind !== 'e') throw queueError(brokenOff, '', new Error('the queue process is gone'));
    const { isForGood, status, text, exitCode } = JSON.parse(answer.bytes.toString()) as FailureFrame;
    const error = isForGood ? new PermanentError(status, text) : new TemporaryError(status, text);
    throw Object.assign(error, { exitCode });
  }

  async abort(): Promise<void> {
    const connection = await this.#connection.catch(() => undefined);
    connection?.socket.destroy();
  }
}

/** Asks the queue process, which may look into every home, about recipients that are users of the system. @returns what gives false only for one that surely has no mailbox */
export function systemMailboxes(path: string): (recipient: string) => Promise<boolean> {
  const connections = new KeptConnections(() => connect(path));
  return async (recipient) => {
    try {
      const { socket, frames, release } = await connections.take();
      void sendFrame(socket, 'H', { recipient });
      const answer = await frames.next();
      if (answer?.kind !== 'h') {
        socket.destroy();
        return true;
      }
      release();
      return (JSON.parse(answer.bytes.toString()) as { isThere: boolean }).isThere;
    } catch {
      return true;
    }
  };
}

/** @throws TemporaryError when nobody listens there */
async function connect(path: string): Promise<net.Socket> {
  const socket = net.connect({ path });
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    socket.destroy();
    throw queueError(nobodyThere, '', error);
  }
}

/**
 * Gives orders to the queue process.
 * @returns its answer; undefined when there is none, or it does not listen to this user
 */
export async function askQueueProcess<T>(path: string, orders: object): Promise<T | undefined> {
  let socket: net.Socket;
  try {
    socket = await connect(path);
  } catch {
    return undefined;
  }
  try {
    const frames = new FrameReader(socket);
    void sendFrame(socket, 'Q', orders);
    const answer = await frames.next();
    return answer?.kind === 'q' ? (JSON.parse(answer.bytes.toString()) as T) : undefined;
  } finally {
    socket.destroy();
  }
}
