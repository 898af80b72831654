// An agent's side: the requests of session workers, done with the agent's uid (processes/by-owner.ts has the kinds of frames). A connection carries one thing: resolutions, one
// message, or one POP3 session.

import type { Socket } from 'node:net';
import type { Delivery, Envelope, IncomingMessage, ResolveOptions } from '../delivery/accept.js';
import { describe, PermanentError, TemporaryError } from '../errors.js';
import type { Log } from '../log.js';
import type { ElsewhereSession, Pop3Server } from '../servers/pop3/server.js';
import { type Frame, FrameReader, sendFrame } from './frames.js';

export interface AgentServices {
  readonly delivery: Delivery;
  readonly pop3: Pop3Server;
  readonly log: Log;
}

/** Serves one connection of a session worker until it ends. */
export async function serveWorker(socket: Socket, services: AgentServices): Promise<void> {
  const frames = new FrameReader(socket);
  try {
    for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) {
      if (frame.kind === 'R') await resolve(socket, frame, services.delivery);
      else if (frame.kind === 'M') return await receive(socket, frames, envelopeOf(frame), services);
      else if (frame.kind === 'S') {
        frames.detach();
        services.pop3.resume(socket, JSON.parse(frame.bytes.toString()) as ElsewhereSession);
        return;
      } else break;
    }
    socket.end();
  } catch (error) {
    services.log.alert(`agent: ${describe(error)}`);
    socket.destroy();
  }
}

async function resolve(socket: Socket, frame: Frame, delivery: Delivery): Promise<void> {
  const { recipient, options } = JSON.parse(frame.bytes.toString()) as { recipient: string; options?: ResolveOptions };
  await sendFrame(socket, 'r', await delivery.resolve(recipient, options));
}

function envelopeOf(frame: Frame): Envelope {
  return JSON.parse(frame.bytes.toString()) as Envelope;
}

async function receive(
  socket: Socket,
  frames: FrameReader,
  envelope: Envelope,
  services: AgentServices,
): Promise<void> {
  const message = services.delivery.accept(envelope);
  let isOver = false;
  try {
    for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) {
      if (frame.kind === 'W') await message.write(Buffer.from(frame.bytes));
      else if (frame.kind === 'P') isOver = !(await answer(socket, () => message.prepare(), services.log));
      else if (frame.kind === 'C') {
        await answer(socket, () => message.commit(), services.log);
        isOver = true;
      }
    }
  } finally {
    if (!isOver) await abortQuietly(message);
    socket.end();
  }
}

/** Does one act and tells the worker how it went. */
async function answer(socket: Socket, act: () => Promise<void>, log: Log): Promise<boolean> {
  try {
    await act();
    await sendFrame(socket, 'k', Buffer.alloc(0));
    return true;
  } catch (error) {
    const isKnown = error instanceof PermanentError || error instanceof TemporaryError;
    log.warning(`agent: a message was not delivered: ${describe(error)}`);
    await sendFrame(socket, 'e', {
      permanent: error instanceof PermanentError,
      status: isKnown ? error.status : '4.3.0',
      text: isKnown ? error.message : 'temporary trouble with this mailbox',
    });
    return false;
  }
}

async function abortQuietly(message: IncomingMessage): Promise<void> {
  await message.abort().catch(() => {});
}
