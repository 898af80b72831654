// Where `vqmail auth` asks the running daemons about logins: each has a unix socket, `logins.` and its process number, that only root (and the daemon's own user) may open. A host may have a
// daemon for each protocol (`migrate cutover`): all are asked. One question for each connection, in frames (net/frames.ts): Q {forget?: [key...]} is answered by q {status, forgotten?}.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { GuessGate } from '../../auth/guessing/guess-gate.js';
import type { GuessingStatus } from '../../auth/guessing/status.js';
import { describe } from '../../errors.js';
import type { Log } from '../../log.js';
import { FrameReader, sendFrame } from '../../net/frames.js';
import { listenAtPath, livingBeside, makeRoom } from '../../net/unix-socket.js';

export interface LoginQuestion {
  /** Addresses, networks and accounts whose failures are to be forgotten. */
  readonly forget?: readonly string[];
}

export interface LoginStatus {
  readonly status: GuessingStatus;
  /** Of those that were to be forgotten: which there were. */
  readonly forgotten: readonly string[];
}

/** Listens until it is closed. Where that is not possible it is a line in the log. */
export class LoginStatusSocket {
  readonly #server: net.Server;
  #isClosed = false;

  /** @param place what the socket's name begins with, a disk path */
  constructor(gate: GuessGate, place: string, log: Log) {
    this.#server = net.createServer((socket) => {
      void answer(socket, gate).catch((error: unknown) => log.warning(`vqmail auth: ${describe(error)}`));
    });
    this.#server.on('error', (error) => log.warning(`vqmail auth cannot ask this daemon: ${describe(error)}`));
    void this.#listen(place, log);
  }

  close(): void {
    this.#isClosed = true;
    this.#server.close();
  }

  async #listen(place: string, log: Log): Promise<void> {
    try {
      fs.mkdirSync(path.dirname(place), { recursive: true, mode: 0o755 });
      await livingBeside(place);
      const own = `${place}.${process.pid}`;
      await makeRoom(own);
      if (this.#isClosed) return;
      listenAtPath(this.#server, { path: own }, 0o600, {});
      this.#server.unref();
    } catch (error) {
      log.warning(`vqmail auth cannot ask this daemon: ${describe(error)}`);
    }
  }
}

async function answer(socket: net.Socket, gate: GuessGate): Promise<void> {
  const frames = new FrameReader(socket);
  try {
    const frame = await frames.next();
    if (frame?.kind !== 'Q') return;
    const { forget = [] } = JSON.parse(frame.bytes.toString()) as LoginQuestion;
    const forgotten = forget.filter((key) => gate.forget(key));
    await sendFrame(socket, 'q', { status: gate.status(), forgotten } satisfies LoginStatus);
    socket.end();
  } finally {
    socket.destroySoon();
  }
}

/**
 * Asks all daemons of this host.
 * @param place what the names of their sockets begin with
 * @returns what each knows; nothing when none runs @throws the system error when one does not listen to this user
 */
export async function askLogins(place: string, question: LoginQuestion): Promise<LoginStatus[]> {
  const daemons = fs.existsSync(path.dirname(place)) ? await livingBeside(place) : [];
  return Promise.all(daemons.map((daemon) => askOne(daemon, question)));
}

async function askOne(daemon: string, question: LoginQuestion): Promise<LoginStatus> {
  const socket = net.connect({ path: daemon });
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const frames = new FrameReader(socket);
    void sendFrame(socket, 'Q', question);
    const frame = await frames.next();
    if (frame?.kind !== 'q') throw new Error('the daemon has gone');
    return JSON.parse(frame.bytes.toString()) as LoginStatus;
  } finally {
    socket.destroy();
  }
}
