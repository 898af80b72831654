// A process that takes one message for a Maildir and the queue below ROOT, and kills itself before the act on the queue with the number KILL_AT: `queueing-writer ROOT KILL_AT`. The act after the
// last one is the Maildir's. It writes ROOT/acknowledged at the end.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Delivery } from '../../src/delivery/accept.js';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { Layout } from '../../src/layout.js';
import { silentLog } from '../../src/log.js';
import { deliveryWithQueue } from '../../src/queue/delivery-with-queue.js';
import { nativeEnqueuer } from '../../src/queue/enqueue/native-enqueuer.js';
import { queueWays } from '../../src/queue/enqueue/ways.js';
import { QueueFiles } from '../../src/queue/files.js';
import { QueueTree } from '../../src/queue/tree.js';
import { openHost } from '../../src/stores/host.js';

const [, , root = '', killAt] = process.argv;
let acts = 0;

const act = (): void => {
  if (++acts === Number(killAt)) process.kill(process.pid, 'SIGKILL');
};
const host = openHost(new Layout({ root }));
const files = new QueueFiles(act);
const tree = await QueueTree.open(host.layout, new QueueFiles());
if (tree === undefined) throw new Error('no queue');
const queue = nativeEnqueuer({ tree, files, accounts: host.accounts });
const local = createDelivery(host);
const counted: Delivery = {
  ...local,
  accept(envelope) {
    const message = local.accept(envelope);
    return {
      write: (chunk) => message.write(chunk),
      prepare: () => message.prepare(),
      abort: () => message.abort(),
      commit() {
        act();
        return message.commit().then(act);
      },
    };
  },
};
const delivery = deliveryWithQueue(
  counted,
  queueWays(host, () => queue),
  silentLog,
);
const recipients = [
  await delivery.resolve('u0@example.jp'),
  {
    recipient: 'x@far.example',
    outcome: { kind: 'queue', reason: 'remote', code: 451, status: '4.3.5', text: '' } as const,
  },
];
const submission = { invokedBy: 'network', number: 1, serverLine: '' } as const;
const message = delivery.accept({ sender: 'a@b', recipients, receivedLines: 'Received: x\n', submission });
await message.write(Buffer.from('Subject: x\n\ny\n'));
await message.commit();
writeFileSync(path.join(root, 'acknowledged'), 'yes');
