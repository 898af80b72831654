// What a local delivery ends with when nobody is known as whom to deliver: qmail-lspawn's words (formats/qmail.md 5.4).

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { createLocalChannel } from '../../../src/delivery/local/channel.js';
import type { DeliveryReport } from '../../../src/delivery/report.js';
import { Resolver } from '../../../src/delivery/resolution/resolve.js';
import { assignRecords, parseAssign } from '../../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../../src/formats/databases/cdb.js';
import type { Layout } from '../../../src/layout.js';
import { silentLog } from '../../../src/log.js';
import { openHost } from '../../../src/stores/host.js';
import { makeDeliveryHost } from '../../support/delivery-host.js';
import { newRoot, removeRoot } from '../../support/recording.js';

const rows: readonly [why: string, change: (layout: Layout) => void, text: string][] = [
  [
    'users/cdb is none',
    ({ usersCdb }) => writeFileSync(usersCdb, 'notacdb\n'),
    'Trouble reading users/cdb in qmail-lspawn.\n',
  ],
  [
    'users/cdb gives uid 0',
    ({ usersCdb }) =>
      writeFileSync(usersCdb, makeCdb(assignRecords(parseAssign(Buffer.from('=joe:root:0:0:/root:::\n.\n'))))),
    'Not allowed to perform deliveries as root.\n',
  ],
  [
    'there is no user alias',
    ({ systemFiles }) => writeFileSync(systemFiles.passwd, 'root:x:0:0::/root:\n'),
    'Unable to find alias user!\n',
  ],
];

for (const [why, change, text] of rows) {
  test(why, async (t) => {
    const root = newRoot();
    t.after(() => removeRoot(root));
    const layout = makeDeliveryHost(root, { accounts: 1 });
    change(layout);
    const channel = createLocalChannel({
      resolver: new Resolver(openHost(layout)),
      deliveryFor: () => undefined,
      run: () => Promise.reject(new Error('nothing is to be run')),
      defaultDelivery: () => './Mailbox',
      log: silentLog,
    });
    const message = { id: '1', path: '/dev/null', sizeBytes: 0, birthSeconds: 0 };
    const reports: DeliveryReport[] = [];
    await channel.deliver({ message, sender: '', recipients: ['joe@example.jp'] }, (_index, report) => {
      reports.push(report);
    });
    assert.deepEqual(reports, [{ outcome: 'deferral', text }]);
  });
}
