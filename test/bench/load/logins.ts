// Load programs that do nothing but log in: at the auth socket as a front end does, by SMTP AUTH, and TLS handshakes alone.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { LoadChannel } from '../measure/load.js';
import type { LoginResult } from './pop3-sessions.js';
import { SmtpClient } from './smtp-client.js';
import { localAddress } from './smtp-messages.js';

interface Orders {
  readonly clients: number;
  readonly seconds: number;
}

export interface AuthLoginOrders extends Orders {
  /** A unix socket. */
  readonly path: string;
  readonly users: readonly string[];
  readonly password: string;
}

const plainOf = (user: string, password: string): string => Buffer.from(`\0${user}\0${password}`).toString('base64');

/** Each client is one smtpd of a Postfix: a connection that stays, one request after the other. */
export async function authLogins(orders: AuthLoginOrders, channel: LoadChannel): Promise<LoginResult> {
  const { users, password } = orders;
  const frontEnds = await Promise.all(Array.from({ length: orders.clients }, () => FrontEnd.connect(orders.path)));
  let turn = 0;
  const login = (client: number): Promise<void> => {
    const number = turn++ % users.length;
    return (
      frontEnds[client]?.login(users[number] ?? '', password, `192.0.2.${1 + (number % 200)}`) ?? Promise.resolve()
    );
  };
  return count(orders, channel, login);
}

export interface SmtpLoginOrders extends Orders {
  readonly port: number;
  readonly users: readonly string[];
  readonly password: string;
}

/** Each login is a session: EHLO, AUTH PLAIN, QUIT. */
export async function smtpLogins(orders: SmtpLoginOrders, channel: LoadChannel): Promise<LoginResult> {
  const { port, users, password } = orders;
  let turn = 0;
  return count(orders, channel, async () => {
    const number = turn++ % users.length;
    const client = await SmtpClient.connect({ port, localAddress: localAddress(number * 10) });
    await client.send(`AUTH PLAIN ${plainOf(users[number] ?? '', password)}\r\n`, '2');
    await client.quit();
  });
}

export interface HandshakeOrders extends Orders {
  readonly port: number;
}

/** Each is a new connection without a session to resume, up to the greeting, and QUIT. */
export async function tlsHandshakes({ port, ...orders }: HandshakeOrders, channel: LoadChannel): Promise<LoginResult> {
  const secureContext = tls.createSecureContext();
  return count(orders, channel, async () => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, secureContext });
    await once(socket, 'data');
    socket.end('QUIT\r\n');
    await once(socket, 'data');
    socket.destroy();
  });
}

/** Runs `login` in so many clients at once, as often as there is time. */
async function count(
  { clients, seconds }: Orders,
  channel: LoadChannel,
  login: (client: number) => Promise<void>,
): Promise<LoginResult> {
  const all = Array.from({ length: clients }, (_, client) => client);
  await Promise.all(all.map(login));
  await channel.ready();
  const start = performance.now();
  let logins = 0;
  const run = async (client: number): Promise<void> => {
    while (performance.now() < start + seconds * 1000) {
      await login(client);
      logins++;
    }
  };
  await Promise.all(all.map(run));
  return { logins, seconds: (performance.now() - start) / 1000 };
}

/** A client of Dovecot's authentication protocol. */
class FrontEnd {
  readonly #socket: net.Socket;
  #id = 0;
  #text = '';
  #wake: ((line: string | undefined) => void) | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')));
    socket.on('close', () => this.#wake?.(undefined));
  }

  static async connect(path: string): Promise<FrontEnd> {
    const socket = net.connect(path);
    await once(socket, 'connect');
    const frontEnd = new FrontEnd(socket);
    socket.write(`VERSION\t1\t2\nCPID\t${process.pid}\n`);
    while ((await frontEnd.#line()) !== 'DONE');
    return frontEnd;
  }

  async login(user: string, password: string, ip: string): Promise<void> {
    const id = ++this.#id;
    const parameters = `service=smtp\tnologin\tlip=192.0.2.250\trip=${ip}\tsecured`;
    this.#socket.write(`AUTH\t${id}\tPLAIN\t${parameters}\tresp=${plainOf(user, password)}\n`);
    const line = await this.#line();
    if (!line?.startsWith(`OK\t${id}\t`)) throw new Error(`expected OK: ${line}`);
  }

  #line(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#read('');
    });
  }

  #read(text: string): void {
    this.#text += text;
    const end = this.#text.indexOf('\n');
    if (end < 0 || this.#wake === undefined) return;
    const [line, wake] = [this.#text.slice(0, end), this.#wake];
    this.#text = this.#text.slice(end + 1);
    this.#wake = undefined;
    if (line === undefined) return;
    // Dovecot says nothing before its DONE that ends a login.
    wake(line);
  }
}
