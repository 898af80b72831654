// Delivery, logins and sessions through the agent of the mailbox owner's uid. The session worker's end is here, the agent's in processes/agents/agent.ts.
//
//   kind  worker -> agent                         kind  agent -> worker
//   R     resolve {recipient, options}            r     Resolution
//   M     message: Envelope                       k     done (answers P, C and A)
//   W     bytes of the message                    e     failed {permanent, status, text}
//   P C A prepare, commit, abort
//   L     LoginOrder                              l     LoginAnswer
//   U     name of a user                          u     UserPlace
//   H     session with a ticket, held by another    (the connection ends with the session, at either side)
//   S I   POP3 or IMAP session with a ticket; the connection is that session from here on
//
// An agent resolves what session workers hand in once more. The queue process is root: what it has resolved counts.
//
// Users of the system have no agents, nor have owners with root's group, so mail for them is left to the queue, whose deliveries become anybody. Whether a user of the system has a
// .qmail file for an address is asked of the queue process, since his home may be closed to everybody else.
//
// A message for mailboxes of several owners is prepared everywhere before it is committed anywhere, so that a full or looping mailbox refuses the whole. When a later
// commit fails although all were prepared, the answer is temporary and the owners before have the message: a copy too many, never a loss.

import type { LoginRefusal } from '../../auth/login.js';
import type { LoginElsewhere, LoginThere } from '../../auth/logins.js';
import type { Delivery, Envelope, IncomingMessage, Owner, Resolution, ResolveOptions } from '../../delivery/accept.js';
import { needsQueue, noMailbox } from '../../delivery/resolution/outcomes.js';
import { PermanentError, TemporaryError } from '../../errors.js';
import { FrameReader, sendFrame } from '../../net/frames.js';
import type { KeptConnection } from '../../net/kept-connections.js';
import type { FindUserElsewhere, UserPlace } from '../../servers/auth-socket/userdb.js';
import type { ImapElsewhere, OpenImapElsewhere } from '../../servers/imap/server.js';
import type { EnterElsewhere } from '../../servers/open-sessions.js';
import type { ElsewhereSession, OpenElsewhere } from '../../servers/pop3/server.js';
import type { Agents } from './agents.js';

/** What an agent answers when something failed. */
export interface Failure {
  readonly permanent: boolean;
  readonly status: string;
  readonly text: string;
}

/** What is asked about users of the system: whether there may be a mailbox for an address. Does not reject */
export type HasMailbox = (recipient: string) => Promise<boolean>;

/** Delivery that leaves to agents what belongs to other uids. @param hasMailbox undefined: no address of a system user is refused */
export function deliveryByOwner(local: Delivery, agents: Agents, hasMailbox?: HasMailbox): Delivery {
  return {
    async resolve(recipient: string, options?: ResolveOptions) {
      const resolution = await local.resolve(recipient, options);
      const { owner, outcome } = resolution;
      if (owner === undefined || owner.uid === agents.ownUid || outcome.kind === 'queue') return resolution;
      if (resolution.isSystemUser && !((await hasMailbox?.(recipient)) ?? true))
        return { recipient, owner, outcome: noMailbox() };
      if (resolution.isSystemUser || owner.gid === 0)
        return { recipient, owner, outcome: needsQueue('system-user', 'a user of this host') };
      return resolveThere(agents, owner, recipient, options);
    },
    accept(envelope) {
      const owners = new Map<number, Resolution[]>();
      for (const recipient of envelope.recipients) {
        const uid = recipient.owner?.uid ?? agents.ownUid;
        owners.set(uid, [...(owners.get(uid) ?? []), recipient]);
      }
      const parts = [...owners].map(([uid, recipients]) => {
        const owner = recipients[0]?.owner;
        const part = { ...envelope, recipients };
        return uid === agents.ownUid || owner === undefined
          ? local.accept(part)
          : new MessageThere(agents, owner, part);
      });
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : new MessageForSeveral(parts);
    },
  };
}

/** What an agent answers to a login. */
export type LoginAnswer =
  | LoginThere
  | { readonly ok: false; readonly why: LoginRefusal }
  /** Trouble that the agent has logged. */
  | { readonly ok: false; readonly why: 'trouble' };

/** Logins of accounts that belong to other uids. */
export function loginByOwner(agents: Agents): LoginElsewhere {
  return async ({ uid, gid }, order) => {
    if (uid === agents.ownUid) return undefined;
    const socket = await agents.connect({ uid, gid });
    const frames = new FrameReader(socket);
    void sendFrame(socket, 'L', order);
    const frame = await frames.next();
    socket.end();
    const answer = frame?.kind === 'l' ? (JSON.parse(frame.bytes.toString()) as LoginAnswer) : undefined;
    if (answer?.ok) return answer;
    if (answer !== undefined && answer.why !== 'trouble') return { ok: false, why: answer.why };
    const cause = new Error(answer === undefined ? `the agent of uid ${uid} is gone` : `see the agent of uid ${uid}`);
    throw new TemporaryError('4.3.0', 'temporary trouble with this mailbox', cause);
  };
}

/** Where the mail of users is that belong to other uids. */
export function userByOwner(agents: Agents): FindUserElsewhere {
  return async ({ uid, gid }, name) => {
    if (uid === agents.ownUid) return undefined;
    const socket = await agents.connect({ uid, gid });
    const frames = new FrameReader(socket);
    void sendFrame(socket, 'U', { name });
    const frame = await frames.next();
    socket.end();
    if (frame?.kind === 'u') return JSON.parse(frame.bytes.toString()) as UserPlace;
    throw new TemporaryError('4.3.0', `the agent of uid ${uid} is gone`);
  };
}

/** POP3 sessions of accounts that belong to other uids. */
export function pop3ByOwner(agents: Agents): OpenElsewhere {
  return async (owner: Owner, session: ElsewhereSession) => {
    const socket = await agents.connect(owner);
    void sendFrame(socket, 'S', session);
    return socket;
  };
}

/** Sessions of accounts of other uids that go on here, and are looked at by the agent: the connection to it stands for the session. */
export function sessionsByOwner(agents: Agents): EnterElsewhere {
  return async ({ uid, gid }, session, end) => {
    const socket = await agents.connect({ uid, gid });
    socket.on('error', () => {});
    socket.on('close', end);
    socket.resume();
    void sendFrame(socket, 'H', session);
    return () => {
      socket.off('close', end);
      socket.destroy();
    };
  };
}

/** IMAP sessions of accounts that belong to other uids. */
export function imapByOwner(agents: Agents): OpenImapElsewhere {
  return async (owner: Owner, session: ImapElsewhere) => {
    const socket = await agents.connect(owner);
    void sendFrame(socket, 'I', session);
    return socket;
  };
}

async function resolveThere(
  agents: Agents,
  owner: Owner,
  recipient: string,
  options?: ResolveOptions,
): Promise<Resolution> {
  const text = 'temporary trouble with this mailbox. (#4.3.0)';
  try {
    const socket = await agents.connect(owner);
    const frames = new FrameReader(socket);
    void sendFrame(socket, 'R', { recipient, options });
    const answer = await frames.next();
    socket.end();
    if (answer?.kind === 'r') return JSON.parse(answer.bytes.toString()) as Resolution;
    return {
      recipient,
      owner,
      outcome: { kind: 'defer', code: 451, status: '4.3.0', text, cause: 'the agent is gone' },
    };
  } catch (error) {
    const cause = `agent of uid ${owner.uid}: ${error instanceof Error ? error.message : error}`;
    return { recipient, owner, outcome: { kind: 'defer', code: 451, status: '4.3.0', text, cause } };
  }
}

/** A message that an agent writes. */
class MessageThere implements IncomingMessage {
  readonly #connection: Promise<KeptConnection>;
  #isGivenBack = false;

  constructor(agents: Agents, owner: Owner, envelope: Envelope) {
    this.#connection = agents.take(owner).then((connection) => {
      void sendFrame(connection.socket, 'M', envelope);
      return connection;
    });
    // Told to the client by prepare or commit.
    this.#connection.catch(() => {});
  }

  async write(chunk: Buffer): Promise<void> {
    const connection = await this.#connection.catch(() => undefined);
    if (connection !== undefined) await sendFrame(connection.socket, 'W', chunk);
  }

  prepare(): Promise<void> {
    return this.#ask('P');
  }

  async commit(): Promise<void> {
    await this.#ask('C');
    this.#isGivenBack = true;
    (await this.#connection).release();
  }

  async abort(): Promise<void> {
    const connection = await this.#connection.catch(() => undefined);
    if (this.#isGivenBack) return;
    // An agent that loses its connection before commit forgets the message.
    connection?.socket.destroy();
  }

  async #ask(kind: 'P' | 'C'): Promise<void> {
    const { socket, frames } = await this.#connection;
    void sendFrame(socket, kind, Buffer.alloc(0));
    const answer = await frames.next();
    if (answer?.kind === 'k') return;
    socket.destroy();
    throw answer?.kind === 'e'
      ? errorOf(answer.bytes)
      : new TemporaryError('4.3.0', 'temporary trouble with this mailbox');
  }
}

/** One message in the hands of several. */
class MessageForSeveral implements IncomingMessage {
  readonly #parts: readonly IncomingMessage[];

  constructor(parts: readonly IncomingMessage[]) {
    this.#parts = parts;
  }

  async write(chunk: Buffer): Promise<void> {
    for (const part of this.#parts) await part.write(Buffer.from(chunk));
  }

  async prepare(): Promise<void> {
    const results = await Promise.allSettled(this.#parts.map((part) => part.prepare()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed === undefined) return;
    await this.abort();
    throw failed.reason;
  }

  async commit(): Promise<void> {
    await this.prepare();
    try {
      for (const part of this.#parts) await part.commit();
    } catch (error) {
      await this.abort();
      throw error instanceof TemporaryError
        ? error
        : new TemporaryError('4.3.0', 'temporary trouble with a mailbox', error);
    }
  }

  async abort(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part.abort()));
  }
}

function errorOf(bytes: Buffer): Error {
  const { permanent, status, text } = JSON.parse(bytes.toString()) as Failure;
  return permanent ? new PermanentError(status, text) : new TemporaryError(status, text);
}
