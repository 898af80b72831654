// A client of Dovecot's authentication protocol that sends exactly the lines it is told, and one that goes through a whole exchange as a front end does.

import { once } from 'node:events';
import net from 'node:net';
import { type saslMechanisms, saslTalk } from './sasl-client.js';

/** How long a line may take before the test fails: far longer than any takes. */
const patienceMs = 20_000;

export class AuthClient {
  readonly socket: net.Socket;
  #text = '';
  #isClosed = false;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.socket = socket;
    const ended = (): void => {
      this.#isClosed = true;
      this.#wake();
    };
    socket.on('error', ended).on('close', ended).on('end', ended);
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#wake();
    });
  }

  /** @param place a port of 127.0.0.1, or the path of a socket */
  static async open(place: number | string): Promise<AuthClient> {
    const socket = typeof place === 'number' ? net.connect(place, '127.0.0.1') : net.connect(place);
    await once(socket, 'connect');
    return new AuthClient(socket);
  }

  /** The same with the handshake done. @returns the lines of the server's half too */
  static async greeted(place: number | string, minor = 0): Promise<{ client: AuthClient; greeting: string[] }> {
    const client = await AuthClient.open(place);
    client.send(`VERSION\t1\t${minor}`, `CPID\t${process.pid}`);
    const greeting: string[] = [];
    for (let line = await client.line(); ; line = await client.line()) {
      if (line === undefined) throw new Error(`no greeting: ${greeting}`);
      greeting.push(line);
      if (line === 'DONE') return { client, greeting };
    }
  }

  send(...lines: string[]): void {
    this.socket.write(lines.map((line) => `${line}\n`).join(''), 'latin1');
  }

  /** The next line; undefined when the connection has ended instead. */
  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      if (this.#isClosed) return undefined;
      await this.#news();
    }
  }

  async ask(...lines: string[]): Promise<string | undefined> {
    this.send(...lines);
    return this.line();
  }

  /** One login, through all its challenges. @returns the line that ends it, undefined when the connection did */
  async login(
    id: number,
    mechanism: (typeof saslMechanisms)[number],
    user: string,
    password: string,
    parameters = 'service=smtp\tnologin\tlip=127.0.0.1\trip=192.0.2.9',
  ): Promise<string | undefined> {
    const talk = saslTalk(mechanism, user, password);
    const initial = talk.initial === undefined ? '' : `\tresp=${talk.initial.toString('base64')}`;
    let line = await this.ask(`AUTH\t${id}\t${mechanism}\t${parameters}${initial}`);
    while (line?.startsWith(`CONT\t${id}\t`)) {
      const challenge = Buffer.from(line.split('\t')[2] ?? '', 'base64');
      line = await this.ask(`CONT\t${id}\t${talk.answer(challenge).toString('base64')}`);
    }
    return line;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #news(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no line; so far: ${JSON.stringify(this.#text)}`)), patienceMs);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }
}
