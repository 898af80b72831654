// A process that delivers messages without end, for tests that kill it: many at once, small and large, for one to three accounts of the host at ROOT. After
// each acknowledgement it writes one line, `ID ACCOUNT ACCOUNT...`, to standard output.
//
//   node delivery-writer.js --deliver ROOT ACCOUNTS ATONCE LABEL [LIMIT]

import fs from 'node:fs';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { Layout } from '../../src/layout.js';
import { openHost } from '../../src/stores/host.js';

/** The whole body of message `id`, from which its size follows. */
export function bodyOf(id: string): Buffer {
  const number = Number.parseInt(id.split('-').at(-1) ?? '0', 10);
  // One in sixteen is too large for memory.
  const filler = number % 16 === 7 ? 300_000 + (number % 1000) * 100 : (number * 37) % 3000;
  return Buffer.from(`Subject: ${id}\n\n${`${id} `.repeat(Math.ceil(filler / (id.length + 1)))}\nEND ${id}\n`);
}

/** The accounts that message `number` is for. */
function accountsOf(number: number, accounts: number): number[] {
  const count = 1 + (number % 3);
  return Array.from({ length: count }, (_, index) => (number + index * 3) % accounts);
}

async function deliver(root: string, accounts: number, atOnce: number, label: string, limit: number): Promise<void> {
  const delivery = createDelivery(openHost(new Layout({ root })));
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < limit) {
      const number = next++;
      const id = `${label}-${number}`;
      const chosen = accountsOf(number, accounts);
      const recipients = await Promise.all(chosen.map((account) => delivery.resolve(`u${account}@example.jp`)));
      const message = delivery.accept({ sender: 'a@example.org', recipients, receivedLines: 'Received: x\n' });
      const body = bodyOf(id);
      for (let at = 0; at < body.length; at += 65_536) await message.write(Buffer.from(body.subarray(at, at + 65_536)));
      await message.commit();
      fs.writeSync(1, `${id} ${chosen.join(' ')}\n`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

const [, , option, root = '', accounts = '', atOnce = '', label = '', limit = 'Infinity'] = process.argv;
if (option === '--deliver') await deliver(root, Number(accounts), Number(atOnce), label, Number(limit));
