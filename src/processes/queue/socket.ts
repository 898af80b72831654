// The queue process's ear: the unix socket at which session workers, and tools of people who may not write the queue, hand messages in, and at which the queue is given orders
// (queue/enqueue/over-socket has the frames). Everybody on the host may connect, as everybody may run a set-user-id qmail-queue.
//
//   who is there                     messages                          mailboxes of system users    orders
//   root, this process's own user    from whom they say                yes                          yes
//   the session workers' user        from whom they say                yes                          no
//   anybody else                     from the uid at the other end     no                           no
//
// The kernel tells the uid. Where it does not, and this process is root, nobody is believed to be anybody, and the connection is closed.

import net from 'node:net';
import { describe, PermanentError, TemporaryError } from '../../errors.js';
import type { SystemAccounts } from '../../files/accounts.js';
import type { Envelope } from '../../formats/queue/queue-envelope.js';
import type { Log } from '../../log.js';
import { type Frame, FrameReader, sendFrame } from '../../net/frames.js';
import type { EnqueueingMessage, Enqueuer, Submitter } from '../../queue/enqueue/enqueuer.js';
import { exitCodeFor } from '../../queue/enqueue/exit-codes.js';
import { invokerOf } from '../../queue/enqueue/invokers.js';
import type { BeginFrame, FailureFrame } from '../../queue/enqueue/over-socket.js';
import { peerOf } from '../peer.js';
import { SocketPlace } from './socket-place.js';

export interface QueueSocketOptions {
  /** Disk path. */
  readonly path: string;
  readonly enqueuer: Enqueuer;
  readonly accounts: SystemAccounts;
  /** Carries orders out; what it gives back is the answer. */
  readonly obey: (orders: unknown) => Promise<object>;
  /** Whether a recipient, if he is a user of the system, may have a mailbox. */
  readonly hasMailbox: (recipient: string) => boolean;
  /** Whether it is the one that works on the queue: others leave it their place. */
  readonly isFirst: boolean;
  readonly log: Log;
}

export interface QueueSocket {
  /** Takes no more; messages that are coming in end, at the latest after `ms`. */
  close(ms: number): Promise<void>;
}

/** Who is at the other end. */
interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly isTrusted: boolean;
  readonly mayOrder: boolean;
}

/** As long as qmail-queue gives a message. */
const longestMessageMs = 24 * 3600 * 1000;

/** Listens. @returns undefined, with an alert in the log, when that is not possible: then only this process queues */
export async function openQueueSocket(options: QueueSocketOptions): Promise<QueueSocket | undefined> {
  const { path: place, log } = options;
  const live = new Set<net.Socket>();
  const idle = new Set<net.Socket>();
  let isClosing = false;
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    live.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      live.delete(socket);
      idle.delete(socket);
    });
    void serve(socket, options, () => {
      if (isClosing) socket.end();
      else idle.add(socket);
      return () => idle.delete(socket);
    });
  });
  const taken = new SocketPlace(server, place, options.isFirst, log);
  try {
    await taken.begin();
  } catch (error) {
    taken.close();
    server.close();
    log.alert(`queue: other processes cannot reach it, since nobody can listen at ${place}: ${describe(error)}`);
    return undefined;
  }
  server.on('error', (error) => log.alert(`queue: ${describe(error)}`));
  return {
    async close(ms) {
      isClosing = true;
      taken.close();
      for (const socket of idle) socket.destroy();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const timer = setTimeout(
        () => {
          for (const socket of live) socket.destroy();
        },
        Math.min(ms, longestMessageMs),
      );
      await closed;
      clearTimeout(timer);
    },
  };
}

/** @param served called after each message: the connection waits for the next one until what it gives back is called */
async function serve(socket: net.Socket, options: QueueSocketOptions, served: () => () => void): Promise<void> {
  const caller = callerOf(socket, options.accounts);
  const frames = new FrameReader(socket);
  try {
    for (let frame = await frames.next(); frame !== undefined && caller !== undefined; ) {
      if (frame.kind === 'Q' && caller.mayOrder)
        await sendFrame(socket, 'q', await options.obey(JSON.parse(frame.bytes.toString())));
      if (frame.kind === 'H' && caller.isTrusted) {
        const { recipient } = JSON.parse(frame.bytes.toString()) as { recipient: string };
        await sendFrame(socket, 'h', { isThere: options.hasMailbox(recipient) });
      } else if (frame.kind === 'B') await receive(socket, frames, frame, caller, options);
      else break;
      const goesOn = served();
      frame = await frames.next();
      goesOn();
    }
    socket.end();
  } catch (error) {
    options.log.alert(`queue: a request was broken off: ${describe(error)}`);
  } finally {
    socket.destroySoon();
  }
}

function callerOf(socket: net.Socket, accounts: SystemAccounts): Caller | undefined {
  const ownUid = process.geteuid?.() ?? 0;
  const peer = peerOf(socket) ?? (ownUid === 0 ? undefined : { uid: ownUid, gid: process.getegid?.() ?? 0 });
  if (peer === undefined) return undefined;
  const mayOrder = peer.uid === 0 || peer.uid === ownUid;
  const isTrusted = mayOrder || peer.uid === accounts.user('vpopmail')?.uid;
  return { uid: peer.uid, gid: peer.gid, isTrusted, mayOrder };
}

function submitterOf({ as, number }: BeginFrame, caller: Caller, accounts: SystemAccounts): Submitter {
  const wanted = caller.isTrusted && number !== undefined ? { number } : {};
  if (as !== undefined && caller.isTrusted)
    return { invokedBy: as === 'network' ? as : invokerOf(as.uid, accounts), ...wanted };
  return { invokedBy: invokerOf(caller.uid, accounts), gid: caller.gid, ...wanted };
}

async function receive(
  socket: net.Socket,
  frames: FrameReader,
  first: Frame,
  caller: Caller,
  { enqueuer, accounts }: QueueSocketOptions,
): Promise<void> {
  const begin = JSON.parse(first.bytes.toString()) as BeginFrame;
  const message = enqueuer.begin(submitterOf(begin, caller, accounts));
  const timer = setTimeout(() => socket.destroy(), longestMessageMs).unref();
  let isComplete = false;
  try {
    for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) {
      if (frame.kind === 'W') await message.write(frame.bytes);
      if (frame.kind !== 'C') continue;
      isComplete = true;
      return await answer(socket, message, JSON.parse(frame.bytes.toString()) as Envelope);
    }
  } finally {
    clearTimeout(timer);
    if (!isComplete) await message.abort();
  }
}

async function answer(socket: net.Socket, message: EnqueueingMessage, envelope: Envelope): Promise<void> {
  try {
    await sendFrame(socket, 'k', { qp: await message.commit(envelope) });
  } catch (error) {
    const isKnown = error instanceof PermanentError || error instanceof TemporaryError;
    const failure: FailureFrame = {
      isForGood: error instanceof PermanentError,
      status: isKnown ? error.status : '4.3.0',
      text: isKnown ? error.message : 'qq temporary problem (#4.3.0)',
      exitCode: exitCodeFor(error),
    };
    await sendFrame(socket, 'e', failure);
    if (!isKnown) throw error;
  }
}
