// What a client is told when a message could not be queued: qmail-smtpd's words for the exit codes of qmail-queue, and those of a program in its place, as recorded.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createDelivery } from '../../../src/delivery/local-delivery.js';
import { Layout } from '../../../src/layout.js';
import { silentLog } from '../../../src/log.js';
import { deliveryWithQueue } from '../../../src/queue/delivery-with-queue.js';
import { programEnqueuer } from '../../../src/queue/enqueue/program-enqueuer.js';
import { openHost } from '../../../src/stores/host.js';
import { applyWrite, buildTree, loadRecording, newRoot, removeRoot } from '../../support/recording.js';
import { recordedAccounts } from '../../support/smtp-host.js';
import { replayEvents } from '../../support/smtp-replay.js';
import { runSmtpServer } from '../../support/smtp-server.js';

const readAll = '#!/bin/sh\ncat > /dev/null\ncat <&1 > /dev/null\n';

/** The programs that the access rules of the recording name. */
function writePrograms(root: string, rules: string): void {
  const directory = path.join(root, 'var/qmail/bin');
  mkdirSync(directory, { recursive: true });
  const write = (name: string, end: string): void =>
    writeFileSync(path.join(directory, name), `${readAll}${end}\n`, { mode: 0o755 });
  for (const [, code = ''] of rules.matchAll(/bin\/qq(\d+)"/g)) write(`qq${code}`, `exit ${code}`);
  write('qqkill', 'kill -9 $$');
  write('qqcustom', "printf 'Zcustom temporary text (#4.7.1)' >&6; exit 82");
  write('qqcustomd', "printf 'Dcustom permanent text (#5.7.1)' >&6; exit 82");
}

test('replies of recording qmail-queue-errors', async () => {
  const recording = loadRecording('smtp', 'qmail-queue-errors');
  const root = newRoot();
  buildTree(recording.before, root);
  applyWrite(recordedAccounts, root);
  writePrograms(root, recording.before['/etc/tcp/smtp']?.text ?? '');
  const layout = new Layout({ root });
  const ways = {
    own: () => undefined,
    hosts: () => undefined,
    program: (program: { path: string; environment: Readonly<Record<string, string | undefined>> }) =>
      programEnqueuer({ ...program, directory: layout.qmail }),
  };
  const delivery = deliveryWithQueue(createDelivery(openHost(layout)), ways, silentLog);
  const server = await runSmtpServer(root, delivery, { settings: { localName: '0' } });
  try {
    for (const [index, step] of recording.steps.entries())
      assert.deepEqual(await replayEvents(server.port, step), [], `step ${index + 1}, log:\n${server.log()}`);
  } finally {
    await server.stop();
    removeRoot(root);
  }
});
