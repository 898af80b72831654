// An agent's side: the requests of session workers, done with the agent's uid (processes/agents/by-owner.ts has the kinds of frames). A connection carries one thing after the other: resolutions, logins,
// look-ups of users, messages; a session of POP3 or IMAP, or the watch over one session that goes on at the worker, is the last.

import type { Socket } from 'node:net';
import { type LoginOrder, type Logins, withoutSecrets } from '../../auth/logins.js';
import type { LoginTickets } from '../../auth/tickets.js';
import type { Delivery, Envelope, IncomingMessage, Resolution, ResolveOptions } from '../../delivery/accept.js';
import { describe, PermanentError, TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import { type Frame, FrameReader, sendFrame } from '../../net/frames.js';
import { findUser } from '../../servers/auth-socket/userdb.js';
import type { ImapElsewhere, ImapServer } from '../../servers/imap/server.js';
import type { OpenSessions, SessionElsewhere } from '../../servers/open-sessions.js';
import type { ElsewhereSession, Pop3Server } from '../../servers/pop3/server.js';
import type { Host } from '../../stores/host.js';
import { peerOf } from '../peer.js';
import type { LoginAnswer } from './by-owner.js';

export interface AgentServices {
  readonly host: Host;
  readonly delivery: Delivery;
  readonly pop3: Pop3Server;
  readonly imap: ImapServer;
  readonly logins: Logins;
  readonly tickets: LoginTickets;
  readonly sessions: OpenSessions;
  readonly log: Log;
  /** The uid of this agent. */
  readonly ownUid: number;
}

/** Of looks at sessions: its login was decided before any of them. */
const beforeAll = -1;

/** Serves one connection of a session worker until it ends. */
export async function serveWorker(socket: Socket, services: AgentServices): Promise<void> {
  const frames = new FrameReader(socket);
  const isRoots = peerOf(socket)?.uid === 0;
  try {
    for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) {
      if (frame.kind === 'R') await resolve(socket, frame, services.delivery);
      else if (frame.kind === 'L') await logIn(socket, frame, services);
      else if (frame.kind === 'U') await find(socket, frame, services.host);
      else if (frame.kind === 'H')
        return await hold(socket, frames, JSON.parse(frame.bytes.toString()) as SessionElsewhere, services);
      else if (frame.kind === 'M') {
        const envelope = JSON.parse(frame.bytes.toString()) as Envelope;
        if (!(await receive(socket, frames, { envelope, isRoots }, services))) break;
      } else if (frame.kind === 'S') {
        frames.detach();
        services.pop3.resume(socket, JSON.parse(frame.bytes.toString()) as ElsewhereSession);
        return;
      } else if (frame.kind === 'I') {
        frames.detach();
        services.imap.resume(socket, JSON.parse(frame.bytes.toString()) as ImapElsewhere);
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

/** Checks a login that a worker has let pass its gate. */
async function logIn(socket: Socket, frame: Frame, { logins, tickets, log }: AgentServices): Promise<void> {
  await sendFrame(socket, 'l', await answerTo(JSON.parse(frame.bytes.toString()) as LoginOrder));

  async function answerTo(order: LoginOrder): Promise<LoginAnswer> {
    try {
      const result = await logins.decideHere(order);
      if (!result.ok) return result;
      const { domain: _, account, ...rest } = result;
      return { ...rest, account: withoutSecrets(account), ticket: tickets.issue(result) };
    } catch (error) {
      log.warning(`agent: ${order.service}: ${order.remoteIp ?? 'unix'}: ${describe(error)}`);
      return { ok: false, why: 'trouble' };
    }
  }
}

async function find(socket: Socket, frame: Frame, host: Host): Promise<void> {
  const { name } = JSON.parse(frame.bytes.toString()) as { name: string };
  await sendFrame(socket, 'u', await findUser(host, name));
}

/** Looks after a session that goes on at the worker, as long as it does. */
async function hold(
  socket: Socket,
  frames: FrameReader,
  { ticket, ...session }: SessionElsewhere,
  { tickets, sessions }: AgentServices,
): Promise<void> {
  const login = tickets.redeem(ticket);
  if (login !== undefined) {
    const { account, byClearPassword } = login;
    const end = (): void => void socket.end();
    const leave = sessions.enter({ ...session, account, byClearPassword, end }, beforeAll);
    await frames.next();
    leave();
  }
  socket.end();
}

interface MessageOrder {
  readonly envelope: Envelope;
  /** Whether it comes from the queue process, which has resolved the recipients as the agent would. */
  readonly isRoots: boolean;
}

/** Takes one message in. @returns whether it was delivered, and the connection may be used for another one */
async function receive(
  socket: Socket,
  frames: FrameReader,
  order: MessageOrder,
  services: AgentServices,
): Promise<boolean> {
  const message = await accept(order, services).catch((error: unknown) => new RefusedMessage(error));
  let isOver = false;
  try {
    for (let frame = await frames.next(); frame !== undefined; frame = await frames.next()) {
      if (frame.kind === 'W') await message.write(Buffer.from(frame.bytes));
      else if (frame.kind === 'P') isOver = !(await answer(socket, () => message.prepare(), services.log));
      else if (frame.kind === 'C') {
        isOver = true;
        return await answer(socket, () => message.commit(), services.log);
      }
    }
    return false;
  } finally {
    if (!isOver) await abortQuietly(message);
  }
}

/** Takes a message in for recipients that are this agent's: they are resolved here, where a worker that was taken over cannot name a directory of its choice. */
async function accept({ envelope, isRoots }: MessageOrder, services: AgentServices): Promise<IncomingMessage> {
  const { delivery, ownUid } = services;
  const recipients: Resolution[] = [];
  for (const given of envelope.recipients) {
    const { recipient, isRewritten = false } = given;
    const resolution = isRoots ? given : await delivery.resolve(recipient, { isRewritten });
    const { owner, outcome } = resolution;
    if (outcome.kind === 'refuse') throw new PermanentError(outcome.status, outcome.text);
    if (outcome.kind === 'defer' || outcome.kind === 'queue') throw new TemporaryError(outcome.status, outcome.text);
    if (owner?.uid !== ownUid)
      throw new TemporaryError(
        '4.3.0',
        'temporary trouble with this mailbox',
        new Error(`${recipient} is not of uid ${ownUid}`),
      );
    recipients.push(resolution);
  }
  return delivery.accept({ ...envelope, recipients });
}

/** A message that is not taken: its end says why. */
class RefusedMessage implements IncomingMessage {
  readonly #why: unknown;

  constructor(why: unknown) {
    this.#why = why;
  }
  write(): void {}
  prepare(): Promise<void> {
    return Promise.reject(this.#why);
  }
  commit(): Promise<void> {
    return Promise.reject(this.#why);
  }
  async abort(): Promise<void> {}
}

/** Does one act and tells the worker how it went. */
async function answer(socket: Socket, act: () => Promise<void>, log: Log): Promise<boolean> {
  try {
    await act();
    await sendFrame(socket, 'k', Buffer.alloc(0));
    return true;
  } catch (error) {
    const isKnown = error instanceof PermanentError || error instanceof TemporaryError;
    // What is for good stands in the answer to the sender or in the report, and no trouble of this host is behind it.
    if (!(error instanceof PermanentError)) log.warning(`agent: a message was not delivered: ${describe(error)}`);
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
