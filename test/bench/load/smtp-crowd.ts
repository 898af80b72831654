// Load program: holds many connections open while some of them send. At the end every idle connection must still answer a NOOP.

import type { LoadChannel } from '../measure/load.js';
import { messageData, SmtpClient } from './smtp-client.js';
import { connectAll, localAddress, recipientTurns } from './smtp-messages.js';

export interface CrowdOrders {
  readonly port: number;
  readonly connections: number;
  readonly senders: number;
  readonly messages: number;
  readonly messageBytes: number;
  readonly recipients: readonly string[];
  /** Report after every so many messages. */
  readonly reportEvery: number;
}

export interface CrowdResult {
  readonly messages: number;
  readonly seconds: number;
}

const sender = 'sender@client.bench.example';

export async function smtpCrowd(orders: CrowdOrders, channel: LoadChannel): Promise<CrowdResult> {
  const clients = await connectAll(orders.connections, (index) =>
    SmtpClient.connect({ port: orders.port, localAddress: localAddress(index) }),
  );
  await channel.ready();

  const data = messageData(orders.messageBytes);
  const nextRecipients = recipientTurns({ recipients: orders.recipients, recipientsPerMessage: 1 });
  const start = performance.now();
  let begun = 0;
  let done = 0;
  const run = async (client: SmtpClient): Promise<void> => {
    while (begun < orders.messages) {
      begun++;
      await client.deliver(sender, nextRecipients(), data);
      done++;
      if (done % orders.reportEvery === 0) channel.progress(done);
    }
  };
  await Promise.all(clients.slice(0, orders.senders).map(run));
  const seconds = (performance.now() - start) / 1000;
  await Promise.all(clients.map((client) => client.send('NOOP\r\n', '2')));
  for (const client of clients) client.destroy();
  return { messages: done, seconds };
}
