// A socketmap client as Postfix is one: requests and answers as netstrings.

import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeNetstring, NetstringDecoder } from '../../src/protocols/netstring.js';

export class PostmapClient {
  readonly socket: net.Socket;
  readonly #decoder = new NetstringDecoder(100_000);
  readonly ended: Promise<void>;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {}).on('data', (chunk: Buffer) => this.#decoder.push(chunk));
  }

  /** @param place a port of 127.0.0.1, or the path of a socket */
  static async open(place: number | string): Promise<PostmapClient> {
    const socket = typeof place === 'number' ? net.connect(place, '127.0.0.1') : net.connect(place);
    await once(socket, 'connect');
    return new PostmapClient(socket);
  }

  /** Asks one map. */
  async ask(map: string, key: string): Promise<string> {
    this.send(`${map} ${key}`);
    return (await this.answer()) ?? 'closed';
  }

  send(request: string): void {
    this.socket.write(encodeNetstring(request));
  }

  /** The next answer; undefined when the connection ends without one. */
  async answer(): Promise<string | undefined> {
    for (let tries = 0; tries < 5000; tries++) {
      const answer = this.#decoder.next();
      if (answer !== undefined) return answer.toString('latin1');
      if (this.socket.destroyed) return undefined;
      await sleep(2);
    }
    throw new Error('no answer within 10 seconds');
  }

  destroy(): void {
    this.socket.destroy();
  }
}
