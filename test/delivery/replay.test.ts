// Replays recorded deliveries of qmail-local and vdelivermail (fixtures/recordings/delivery): what the originals left in Maildirs, refused or deferred.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../../src/delivery/accept.js';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { PermanentError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { silentLog } from '../../src/log.js';
import { openHost } from '../../src/stores/host.js';
import { asUser, byHand, passwd } from '../support/delivery-recording.js';
import { needsRoot } from '../support/needs.js';
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

/** `recording#step` -> why ours differs. A step that no longer differs must leave this list. */
const onPurpose: Readonly<Record<string, string>> = {
  'alias-program-order#2': 'the Maildir line stands beside a program, and the whole is for the queue',
  'broken-vpasswd#5': 'a vpasswd.cdb that is no cdb is trouble of ours, not an unknown mailbox',
  'broken-vpasswd#7': 'no user database at all is trouble of ours, not an unknown mailbox',
  'default-address#1': 'a catch-all address that ends in a Maildir of this host is delivered at once',
  'default-address#2': 'the same with the null sender',
  'default-address#9': 'a catch-all that names itself is refused at once; the original forwards until the loop shows',
  'loops#9': 'the queue looks for the loop when it forwards',
  'loops#11': 'the same for a forward in the .qmail of an account',
  'system-user#11': 'as loops#9: the .qmail has a forward',
  'maildirsize-states#21': 'a last line that was cut off is ended before the next one is added',
};

/** Recordings whose owners and rights only root can make, look at or act with. */
const needRoot: ReadonlySet<string> = new Set([
  'broken-vpasswd',
  'dot-qmail-permissions',
  'maildirsize-states',
  'missing-places',
  'system-user-refusals',
]);

for (const name of recordingNames('delivery')) {
  const recording = loadRecording('delivery', name);
  if (!recording.steps.some((step) => deliveryOf(step) !== undefined)) continue;
  test(`delivery/${name}: ${recording.about.split('.')[0]}`, async (t) => {
    if (needRoot.has(name) && !needsRoot(t)) return;
    const root = newRoot();
    try {
      buildTree({ ...recording.before, '/etc/passwd': { type: 'file', text: passwd } }, root);
      const told: string[] = [];
      for (const [index, step] of recording.steps.entries()) {
        const delivery = deliveryOf(step);
        if (step.write !== undefined) applyWrite(step.write, root);
        if (delivery === undefined) {
          byHand(step, root);
          continue;
        }
        applyWrite({ '/var/qmail/control/locals': delivery.isVirtual ? '' : `${delivery.domain}\n` }, root);
        const before = pictureOf(root);
        const fate = await asUser(step.as, () => deliver(root, delivery));
        const wrong = compare(step, fate, differences(step.changed ?? {}, changesBetween(before, pictureOf(root))));
        const isKnown = onPurpose[`${name}#${index}`] !== undefined;
        if (wrong.length > 0 !== isKnown)
          told.push(`step ${index} ${delivery.recipient}: ${wrong.join('\n') || 'as recorded'}`);
        if (fate.startsWith('queue')) applyChanged(step, root);
      }
      assert.deepEqual(told, []);
    } finally {
      removeRoot(root);
    }
  });
}

interface RecordedDelivery {
  readonly recipient: string;
  readonly domain: string;
  /** Whether virtualdomains leads there; else the domain is one of locals. */
  readonly isVirtual: boolean;
  readonly sender: string;
  readonly defaultDelivery: string;
  readonly message: Buffer;
}

/** The delivery that a step records, when it is one by qmail-local: `qmail-local -- user home local dash ext domain sender default`. */
function deliveryOf(step: Step): RecordedDelivery | undefined {
  const [program = '', option, ...rest] = step.run ?? [];
  if (!program.endsWith('/qmail-local') || option !== '--' || rest.length !== 8) return undefined;
  const [, home = '', local = '', , extension = '', domain = '', sender = '', defaultDelivery = ''] = rest;
  // Called with homes that no user has: nothing that an address could lead to.
  if (!['/home/vpopmail/', '/var/qmail/alias', '/home/hoster'].some((known) => home.startsWith(known)))
    return undefined;
  const isVirtual = home.startsWith('/home/vpopmail/');
  // A domain that the host does not have.
  if (isVirtual && local !== `${domain}-${extension}`) return undefined;
  const recipient = `${isVirtual ? extension : local}@${domain}`;
  const message = step.stdin_base64 === undefined ? bytesOf(step.stdin) : Buffer.from(step.stdin_base64, 'base64');
  return { recipient, domain, isVirtual, sender, defaultDelivery, message };
}

async function deliver(root: string, recorded: RecordedDelivery): Promise<Fate> {
  const host = openHost(new Layout({ root }), silentLog, { repairIndexes: true });
  const delivery = createDelivery(host, { defaultDelivery: recorded.defaultDelivery });
  const resolution = await delivery.resolve(recorded.recipient);
  await host.repairs.settled();
  const fates: Partial<Record<Outcome['kind'], Fate>> = { refuse: 'refused', defer: 'deferred', queue: 'queue' };
  const { outcome } = resolution;
  if (outcome.kind === 'queue' && /^(program|mbox)$/.test(outcome.reason)) return 'queue for a program or mbox';
  const early = fates[outcome.kind];
  if (early !== undefined) return early;
  const incoming = delivery.accept({ sender: recorded.sender, recipients: [resolution], receivedLines: '' });
  await incoming.write(recorded.message);
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
