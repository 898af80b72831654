// Load program: asks for recipients. Each transaction is MAIL, 50 RCPT and RSET in one write; after 80 transactions a new connection (Postfix counts RSET
// against a client that never sends a message). Addresses are taken at random over all domains, so that nothing can be remembered at 10,000 of them.

import type { LoadChannel } from '../measure/load.js';
import { SmtpClient } from './smtp-client.js';
import { connectAll, localAddress } from './smtp-messages.js';

export interface RecipientOrders {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly domains: number;
  readonly accountsPerDomain: number;
}

export interface RecipientResult {
  readonly lookUps: number;
  readonly seconds: number;
}

const recipientsPerTransaction = 50;
const transactionsPerConnection = 80;

export async function smtpRecipients(orders: RecipientOrders, channel: LoadChannel): Promise<RecipientResult> {
  const connect = (index: number): Promise<SmtpClient> =>
    SmtpClient.connect({ port: orders.port, localAddress: localAddress(index) });
  const clients = await connectAll(orders.connections, async (index) => {
    const client = await connect(index);
    await lookUp(client, orders);
    return client;
  });
  await channel.ready();

  const start = performance.now();
  const deadline = start + orders.seconds * 1000;
  let lookUps = 0;
  const run = async (first: SmtpClient, index: number): Promise<void> => {
    let client = first;
    for (let transactions = 1; performance.now() < deadline; transactions++) {
      if (transactions % transactionsPerConnection === 0) {
        await client.quit();
        client = await connect(index);
      }
      await lookUp(client, orders);
      lookUps += recipientsPerTransaction;
    }
    await client.quit();
  };
  await Promise.all(clients.map(run));
  return { lookUps, seconds: (performance.now() - start) / 1000 };
}

function lookUp(client: SmtpClient, { domains, accountsPerDomain }: RecipientOrders): Promise<void> {
  const recipients = Array.from({ length: recipientsPerTransaction }, () => {
    const domain = Math.floor(Math.random() * domains);
    const account = Math.floor(Math.random() * accountsPerDomain);
    return `RCPT TO:<u${account}@d${domain}.bench.example>\r\n`;
  });
  return client.sendGroup(
    ['MAIL FROM:<sender@client.bench.example>\r\n', ...recipients, 'RSET\r\n'],
    '2'.repeat(recipientsPerTransaction + 2),
  );
}
