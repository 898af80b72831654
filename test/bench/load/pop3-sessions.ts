// Load programs for POP3: whole logins (connect, USER, PASS, STAT, QUIT), and the bytes of RETR.

import type { LoadChannel } from '../measure/load.js';
import { Pop3Client } from './pop3-client.js';
import { localAddress } from './smtp-messages.js';

export interface LoginOrders {
  readonly port: number;
  readonly clients: number;
  readonly seconds: number;
  readonly users: readonly string[];
  readonly password: string;
}

export interface LoginResult {
  readonly logins: number;
  readonly seconds: number;
}

export async function pop3Logins(orders: LoginOrders, channel: LoadChannel): Promise<LoginResult> {
  let turn = 0;
  const login = async (): Promise<void> => {
    const number = turn++ % orders.users.length;
    // A user mostly comes from the same place as last time.
    const endpoint = { port: orders.port, localAddress: localAddress(number * 10) };
    const client = await Pop3Client.login(endpoint, orders.users[number] ?? '', orders.password);
    await client.send('STAT\r\n', ['line']);
    await client.quit();
  };
  const clients = Array.from({ length: orders.clients }, (_, index) => index);
  await Promise.all(clients.map(login));
  await channel.ready();

  const start = performance.now();
  let logins = 0;
  const run = async (): Promise<void> => {
    while (performance.now() < start + orders.seconds * 1000) {
      await login();
      logins++;
    }
  };
  await Promise.all(clients.map(run));
  return { logins, seconds: (performance.now() - start) / 1000 };
}

export interface RetrieveOrders {
  readonly port: number;
  readonly clients: number;
  readonly seconds: number;
  readonly users: readonly string[];
  readonly password: string;
  readonly messages: number;
  /** Bytes of each message on the wire with dots stuffed and the closing dot. */
  readonly wireBytes: number;
  /** All RETR at once instead of each after the last answer. */
  readonly pipelined: boolean;
}

export interface RetrieveResult {
  readonly messages: number;
  readonly bytes: number;
  readonly seconds: number;
}

/** Every client reads its whole mailbox again and again, each time in a new session. Logging in is part of the time, and small beside the bytes. */
export async function pop3Retrieve(orders: RetrieveOrders, channel: LoadChannel): Promise<RetrieveResult> {
  const readMailbox = async (index: number): Promise<number> => {
    const endpoint = { port: orders.port, localAddress: localAddress(index * 10) };
    const client = await Pop3Client.login(endpoint, orders.users[index] ?? '', orders.password);
    const commands = Array.from({ length: orders.messages }, (_, message) => `RETR ${message + 1}\r\n`);
    if (orders.pipelined) await client.send(commands.join(''), Array(commands.length).fill('lines'));
    else for (const command of commands) await client.send(command, ['lines']);
    await client.quit();
    if (client.bytes !== orders.messages * orders.wireBytes)
      throw new Error(`${client.bytes} bytes in ${orders.messages} messages, expected ${orders.wireBytes} each`);
    return client.bytes;
  };
  const clients = Array.from({ length: orders.clients }, (_, index) => index);
  await Promise.all(clients.map(readMailbox));
  await channel.ready();

  const start = performance.now();
  let bytes = 0;
  const run = async (index: number): Promise<void> => {
    do bytes += await readMailbox(index);
    while (performance.now() < start + orders.seconds * 1000);
  };
  await Promise.all(clients.map(run));
  return { messages: bytes / orders.wireBytes, bytes, seconds: (performance.now() - start) / 1000 };
}
