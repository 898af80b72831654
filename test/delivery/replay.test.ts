// Replays recorded deliveries of qmail-local and vdelivermail (fixtures/recordings/delivery): what the originals left in Maildirs, refused or deferred.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import type { Outcome } from '../../src/delivery/accept.js';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { PermanentError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { silentLog } from '../../src/log.js';
import { openHost } from '../../src/stores/host.js';
import {
  applyChanged,
  applyWrite,
  buildTree,
  bytesOf,
  changesBetween,
  differences,
  loadRecording,
  newRoot,
  pictureOf,
  recordingNames,
  removeRoot,
  type Step,
} from '../support/recording.js';

/** What became of one message. */
type Fate = 'delivered' | 'refused' | 'deferred' | 'queue' | 'queue for a program or mbox';

/** `recording#step` -> why ours differs. */
const onPurpose: Readonly<Record<string, string>> = {
  'alias-program-order#2': 'a file with a forward is for the queue, whatever its other lines do',
  'broken-vpasswd#5': 'a vpasswd.cdb that is no cdb is trouble of ours, not an unknown mailbox',
  'broken-vpasswd#7': 'no user database at all is trouble of ours, not an unknown mailbox',
  'default-address#1': 'a catch-all address that ends in a Maildir of this host is delivered at once',
  'default-address#2': 'the same with the null sender',
  'default-address#9':
    'a catch-all that names itself is seen at once, where the original forwards until the loop shows',
  'dot-qmail-permissions#3': 'root, who runs this test, may read every file',
  'dot-qmail-syntax#5': "the default delivery of qmail-start is the queue's to know",
  'loops#9': 'the queue looks for the loop when it forwards',
  'loops#11': 'the same for a forward in the .qmail of an account',
  'maildirsize-states#21': 'a last line that was cut off is ended before the next one is added',
  'maildirsize-states#27': 'root, who runs this test, may read the unreadable file and append to it',
  'missing-places#7': 'root, who runs this test, may write everywhere',
  'missing-places#9': 'the same',
  'missing-places#11': 'the same',
  'odd-messages#9': 'no message is empty once it has Received lines; an empty one is delivered, not dropped',
};

for (const name of recordingNames('delivery')) {
  const recording = loadRecording('delivery', name);
  if (!recording.steps.some((step) => deliveryOf(step) !== undefined)) continue;
  test(`delivery/${name}: ${recording.about.split('.')[0]}`, async () => {
    const root = newRoot();
    try {
      buildTree(recording.before, root);
      const told: string[] = [];
      for (const [index, step] of recording.steps.entries()) {
        const delivery = deliveryOf(step);
        if (step.write !== undefined) applyWrite(step.write, root);
        if (delivery === undefined) {
          byHand(step, root);
          continue;
        }
        const before = pictureOf(root);
        const fate = await deliver(root, delivery);
        const wrong = compare(step, fate, differences(step.changed ?? {}, changesBetween(before, pictureOf(root))));
        if (wrong.length > 0 && onPurpose[`${name}#${index}`] === undefined) {
          told.push(`step ${index} ${delivery.recipient}: ${wrong.join('\n')}`);
        }
        if (fate.startsWith('queue')) applyChanged(step, root);
      }
      assert.deepEqual(told, []);
    } finally {
      removeRoot(root);
    }
  });
}

/** Does a step that is nobody's delivery: shell commands on the tree for real, what other tools did from the recording. */
function byHand(step: Step, root: string): void {
  const commands = (step.sh ?? '').split(';').filter((command) => !command.includes('/bin/'));
  const here = commands.join(';').replaceAll(/\/(home|var|etc)\//g, `${root}/$1/`);
  spawnSync('/bin/sh', ['-c', here]);
  if (step.sh === undefined || step.sh.includes('/bin/')) applyChanged(step, root);
}

interface RecordedDelivery {
  readonly recipient: string;
  readonly sender: string;
  readonly message: Buffer;
}

/** The delivery that a step records, when it is one by qmail-local to a virtual domain. */
function deliveryOf(step: Step): RecordedDelivery | undefined {
  const [program = '', , user, , local = '', , extension = '', domain = '', sender = ''] = step.run ?? [];
  if (!program.endsWith('/qmail-local') || step.run?.[1] !== '--' || user === undefined) return undefined;
  if (local !== `${domain}-${extension}`) return undefined;
  const message = step.stdin_base64 === undefined ? bytesOf(step.stdin) : Buffer.from(step.stdin_base64, 'base64');
  return { recipient: `${extension}@${domain}`, sender, message };
}

async function deliver(root: string, { recipient, sender, message }: RecordedDelivery): Promise<Fate> {
  const host = openHost(new Layout({ root }), silentLog, { repairIndexes: true });
  const delivery = createDelivery(host);
  const resolution = await delivery.resolve(recipient);
  await host.repairs.settled();
  const fates: Partial<Record<Outcome['kind'], Fate>> = { refuse: 'refused', defer: 'deferred', queue: 'queue' };
  const { outcome } = resolution;
  if (outcome.kind === 'queue' && /^(program|mbox)$/.test(outcome.reason)) return 'queue for a program or mbox';
  const early = fates[outcome.kind];
  if (early !== undefined) return early;
  const incoming = delivery.accept({ sender, recipients: [resolution], receivedLines: '' });
  await incoming.write(message);
  try {
    await incoming.commit();
    return 'delivered';
  } catch (error) {
    return error instanceof PermanentError ? 'refused' : 'deferred';
  }
}

function compare(step: Step, fate: Fate, changes: string[]): string[] {
  // Programs and mbox files are the queue's to do; what the original's program answered is not ours to compare.
  if (fate === 'queue for a program or mbox') return [];
  if ((step.queued ?? []).length > 0) return fate === 'queue' ? [] : [`forwarded by the original, here ${fate}`];
  const want: Fate = step.exit === 0 ? 'delivered' : step.exit === 100 ? 'refused' : 'deferred';
  if (fate !== want)
    return [`the original: ${want} (${JSON.stringify(step.stdout)} ${JSON.stringify(step.stderr)}), here ${fate}`];
  return changes;
}
