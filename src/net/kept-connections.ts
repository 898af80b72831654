// Connections to one listener of this program that are used again, one request behind the other: for a small message making a connection costs more than what is sent over it.
//
// One that has been idle for a moment is closed, so that the other side, which may count connections to know whether it is needed, does not take it for use. While idle it
// keeps no process alive. Bytes or an end that come then mean that the other side has gone.

import type { Socket } from 'node:net';
import { FrameReader } from './frames.js';

export interface KeptConnection {
  readonly socket: Socket;
  readonly frames: FrameReader;
  /** Gives it back after an answer: whoever comes next may have it. One that is not given back is to be destroyed. */
  release(): void;
}

const idleMs = 2000;

export class KeptConnections {
  readonly #connect: () => Promise<Socket>;
  readonly #idle: KeptConnection[] = [];

  constructor(connect: () => Promise<Socket>) {
    this.#connect = connect;
  }

  /** A connection that nobody else uses. @throws what connecting throws */
  async take(): Promise<KeptConnection> {
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      idle.socket.removeAllListeners('readable').setTimeout(0).ref();
      return idle;
    }
    const socket = await this.#connect();
    const connection = { socket, frames: new FrameReader(socket), release: () => this.#keep(connection) };
    socket.once('timeout', () => this.#drop(connection)).once('close', () => this.#drop(connection));
    return connection;
  }

  #keep(connection: KeptConnection): void {
    const { socket } = connection;
    if (socket.destroyed) return;
    this.#idle.push(connection);
    socket.setTimeout(idleMs).once('readable', () => this.#drop(connection));
    socket.unref();
  }

  #drop(connection: KeptConnection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    connection.socket.destroy();
  }
}
