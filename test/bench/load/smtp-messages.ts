// Load program: sends messages over some connections for some seconds, each connection its next message when the last is acknowledged.
//
// Before the start every connection (or, with one message a connection, each of the loops) has delivered one small message, so that no server is measured
// while it starts its processes. At the end messages under way are waited for.

import type { LoadChannel } from '../measure/load.js';
import { messageData, SmtpClient } from './smtp-client.js';

export interface MessageOrders {
  readonly port: number;
  readonly connections: number;
  readonly recipientsPerMessage: number;
  readonly messageBytes: number;
  readonly seconds: number;
  /** Stop early after so many messages. */
  readonly mostMessages: number;
  /** A new connection for every message. */
  readonly reconnect: boolean;
  /** The recipients, used in turn. */
  readonly recipients: readonly string[];
}

export interface MessageResult {
  readonly messages: number;
  readonly seconds: number;
  /** Processor seconds of this client: near `seconds` it was the client that set the pace. */
  readonly cpuSeconds: number;
}

const sender = 'sender@client.bench.example';

export async function smtpMessages(orders: MessageOrders, channel: LoadChannel): Promise<MessageResult> {
  const connect = (index: number): Promise<SmtpClient> =>
    SmtpClient.connect({ port: orders.port, localAddress: localAddress(index) });
  const nextRecipients = recipientTurns(orders);
  const clients = await connectAll(orders.connections, async (index) => {
    const client = await connect(index);
    await client.deliver(sender, nextRecipients(), messageData(512));
    return client;
  });
  await channel.ready();

  const data = messageData(orders.messageBytes);
  const cpu = process.cpuUsage();
  const start = performance.now();
  const deadline = start + orders.seconds * 1000;
  let begun = 0;
  const run = async (first: SmtpClient, index: number): Promise<void> => {
    let client = first;
    // Each connection sends at least one: that many are under way at once whatever the limit says.
    for (let sent = 0; sent === 0 || (performance.now() < deadline && begun < orders.mostMessages); sent++) {
      begun++;
      if (orders.reconnect) {
        await client.quit();
        client = await connect(index);
      }
      await client.deliver(sender, nextRecipients(), data);
    }
    await client.quit();
  };
  await Promise.all(clients.map(run));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { messages: begun, seconds, cpuSeconds: (user + system) / 1e6 };
}

/** Loopback addresses, ten connections to each: a limit per address is not what is measured. */
export function localAddress(index: number): string {
  const address = Math.floor(index / 10);
  return `127.0.${1 + Math.floor(address / 250)}.${1 + (address % 250)}`;
}

/** Opens connections, 25 at a time. */
export async function connectAll<Client>(
  count: number,
  connect: (index: number) => Promise<Client>,
): Promise<Client[]> {
  const clients: Client[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) clients[index] = await connect(index);
  };
  await Promise.all(Array.from({ length: 25 }, worker));
  return clients;
}

/** The recipients of one message after another. */
export function recipientTurns(orders: Pick<MessageOrders, 'recipients' | 'recipientsPerMessage'>): () => string[] {
  const { recipients, recipientsPerMessage } = orders;
  let turn = 0;
  return () =>
    Array.from(
      { length: recipientsPerMessage },
      () => recipients[turn++ % recipients.length] ?? 'nobody@bench.example',
    );
}
