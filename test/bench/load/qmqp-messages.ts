// Load program: hands messages to a queue by QMQP, a connection for each message, so many at once.

import { once } from 'node:events';
import net from 'node:net';
import type { LoadChannel } from '../measure/load.js';
import { messageData } from './smtp-client.js';
import { type MessageOrders, type MessageResult, recipientTurns } from './smtp-messages.js';

export type QmqpOrders = Pick<MessageOrders, 'port' | 'connections' | 'messageBytes' | 'mostMessages' | 'recipients'>;

const netstring = (text: string): string => `${text.length}:${text},`;

/** Sends `mostMessages`. @throws Error when one is not taken */
export async function qmqpMessages(orders: QmqpOrders, channel: LoadChannel): Promise<MessageResult> {
  const { port, connections, messageBytes, mostMessages } = orders;
  const nextRecipients = recipientTurns({ ...orders, recipientsPerMessage: 1 });
  const message = netstring(
    messageData(messageBytes)
      .toString('latin1')
      .replace(/\r\n\.\r\n$/, '\r\n')
      .replaceAll('\r\n', '\n'),
  );
  const request = (): string =>
    netstring(message + netstring('sender@client.bench.example') + nextRecipients().map(netstring).join(''));
  await channel.ready();
  const cpu = process.cpuUsage();
  const start = performance.now();
  let begun = 0;
  const run = async (): Promise<void> => {
    while (begun++ < mostMessages) await send(port, request());
  };
  await Promise.all(Array.from({ length: connections }, run));
  const { user, system } = process.cpuUsage(cpu);
  return { messages: mostMessages, seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 };
}

async function send(port: number, request: string): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.end(request, 'latin1');
  await once(socket, 'close');
  if (!/^\d+:K/.test(answer)) throw new Error(`a message was not taken: ${answer || 'no answer'}`);
}
