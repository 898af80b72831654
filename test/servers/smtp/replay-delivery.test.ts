// The recorded sessions once more, now into real Maildirs: replies and files are those of qmail-smtpd, qmail-queue, qmail-send and vdelivermail together,
// but for the differences named here, each with its reason. A difference that is not named fails, and so does a name that is not met.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createDelivery } from '../../../src/delivery/local-delivery.js';
import { Layout } from '../../../src/layout.js';
import { openHost } from '../../../src/stores/host.js';
import {
  applyWrite,
  buildTree,
  bytesOf,
  changesBetween,
  contentOf,
  differences,
  type Entry,
  loadRecording,
  maskVolatile,
  newRoot,
  pictureOf,
  recordingNames,
  removeRoot,
  type Step,
} from '../../support/recording.js';
import { recordedAccounts } from '../../support/smtp-host.js';
import { applyHostStep, type ReplyDifference, replayEvents } from '../../support/smtp-replay.js';
import { runSmtpServer } from '../../support/smtp-server.js';

const notReplayed: Readonly<Record<string, string>> = {
  'qmail-queue-errors': 'queue-errors.test.ts',
  'queue-broken': 'messages do not go through the queue directory, so its troubles are none of theirs',
  'timeout-command': 'no message in it; see replay-replies.test.ts',
};

const unknown = 'an unknown mailbox is refused at RCPT; qmail-smtpd accepts it and qmail-send bounces it';
const badName = 'a name that vdelivermail does not take is refused at RCPT instead of bounced';
const remote = 'mail for other hosts needs the queue: 451 until there is one';

const noMailbox = /^550 5\.1\.1 sorry, no mailbox here by that name\. \(#5\.1\.1\)$/i;
const invalidName = /^550 5\.1\.3 invalid username/;
const needsQueue = /^451 4\.3\.5 sorry, this leads to mail for other hosts, which needs the queue/;
const noRecipient = /^503 RCPT first/;

/** In which recording, after which command, which reply, and why. */
const onPurpose: readonly [recording: string, command: RegExp, ours: RegExp, why: string][] = [
  [
    'address-forms',
    /^RCPT TO: test\r/,
    needsQueue,
    `${remote} (a name without domain gets that of envnoathost, which is not local here)`,
  ],
  ['address-forms', /^RCPT test@mailtest/, needsQueue, `${remote} (the empty recipient becomes @envnoathost)`],
  ['address-forms', /^RCPT TO:<@mailtest/, needsQueue, `${remote} (the empty recipient)`],
  ['address-forms', /^RCPT TO:<"te>st"/, invalidName, badName],
  ['address-forms', /^RCPT TO:<a@b@/, invalidName, badName],
  ['address-forms', /^DATA/, noRecipient, 'the only recipient was refused'],
  ['address-in-8bit', /^RCPT TO:<[^a-z]/, invalidName, badName],
  ['address-in-8bit', /^RCPT TO:<t\xe9st/, invalidName, badName],
  ['address-in-8bit', /^DATA/, noRecipient, 'both recipients were refused'],
  ['address-too-long', /^RCPT TO:<b{879}@/, noMailbox, unknown],
  ['after-pop-login', /^RCPT TO:<x@elsewhere/, needsQueue, remote],
  ['alias-domain', /^RCPT TO:<nobody@alias/, noMailbox, unknown],
  ['empty-sender-unknown', /^RCPT TO:<nobody@/, noMailbox, `${unknown}; so no bounce of a bounce stays in the queue`],
  ['empty-sender-unknown', /^DATA/, noRecipient, 'the only recipient was refused'],
  ['many-recipients', /^RCPT TO:<nobody@/, noMailbox, unknown],
  ['mixed-recipients', /^RCPT TO:<(nobody|ghost)@/, noMailbox, unknown],
  [
    'morercpthosts',
    /^RCPT TO:<a@(more|x\.dotted|MORE)\.example>/i,
    needsQueue,
    `${remote} (in rcpthosts, but in no list of local domains)`,
  ],
  ['nul-bytes', /^RCPT TO:<test\0x/, needsQueue, `${remote} (the name ends at the NUL and has no domain)`],
  ['percenthack', /^RCPT TO:<a%b%/, invalidName, badName],
  ['percenthack', /^RCPT TO:<plain@/, noMailbox, unknown],
  ['rcpthosts-absent', /^RCPT TO:<someone@/, needsQueue, remote],
  ['rcpthosts-absent', /^DATA/, noRecipient, 'the only recipient was refused'],
  ['rcpthosts-dot-entries', /^RCPT TO:<a@/, needsQueue, `${remote} (in rcpthosts, but in no list of local domains)`],
  ['rcpthosts-empty', /^RCPT TO:<postmaster>/, needsQueue, `${remote} (envnoathost is not local here)`],
  ['rcpthosts-miss', /^RCPT TO:<postmaster>/, needsQueue, `${remote} (envnoathost is not local here)`],
  ['relayclient-set', /^RCPT TO:<someone@/, needsQueue, remote],
  ['relayclient-suffix', /^RCPT TO:</, needsQueue, remote],
  ['relayclient-suffix', /^DATA/, noRecipient, 'all recipients were refused'],
];

/** A SIZE above databytes is refused at MAIL; without a limit ours takes it too. */
const changedFirst: Readonly<Record<string, NonNullable<Step['write']>>> = {
  'ehlo-and-parameters': { '/var/qmail/control/databytes': null },
};

const played = new Set<string>();
const met = new Set<number>();

for (const name of recordingNames('smtp')) {
  if (notReplayed[name] !== undefined) continue;
  test(`delivery of recording ${name}`, async () => {
    played.add(name);
    const recording = loadRecording('smtp', name);
    const root = newRoot();
    buildTree(recording.before, root);
    applyWrite({ ...recordedAccounts, ...changedFirst[name] }, root);
    const host = openHost(new Layout({ root }));
    const server = await runSmtpServer(root, createDelivery(host), {
      settings: { localName: '0' },
      limits: { drainMs: 100 },
    });
    try {
      for (const [index, step] of recording.steps.entries()) {
        const where = `step ${index + 1}`;
        if (step.write !== undefined) applyWrite(step.write, root);
        if (step.events === undefined || step.protocol === 'pop3') {
          applyHostStep(step, root);
          continue;
        }
        const before = pictureOf(root);
        const replies = await replayEvents(server.port, step);
        assert.deepEqual(
          replies.filter((difference) => !isOnPurpose(name, difference)),
          [],
          `${where}\n${server.log()}`,
        );
        const changed = withoutQueued(step, changesBetween(before, pictureOf(root)));
        assert.deepEqual(differences(step.changed ?? {}, changed), [], where);
      }
    } finally {
      await server.stop();
      removeRoot(root);
    }
  });
}

after(() => {
  const unmet = onPurpose
    .filter(([name], index) => played.has(name) && !met.has(index))
    .map(([name, command]) => `${name} ${command}`);
  assert.deepEqual(unmet, [], 'differences that are named and not there');
});

function isOnPurpose(name: string, { command, ours }: ReplyDifference): boolean {
  const index = onPurpose.findIndex(
    ([recording, sent, reply]) => recording === name && sent.test(command) && reply.test(ours),
  );
  met.add(index);
  return index >= 0;
}

/** Where qmail-send did not run, the message stands in the recorded queue: ours is in a mailbox, with two lines above it. */
function withoutQueued(step: Step, changed: Readonly<Record<string, Entry | null>>): Record<string, Entry | null> {
  const queued = (step.queued ?? [])
    .filter(({ todo }) => todo !== undefined)
    .map(({ message }) => maskVolatile(bytesOf(message).toString('latin1')));
  return Object.fromEntries(
    Object.entries(changed).filter(([hostPath, entry]) => {
      if (entry === null || !hostPath.includes('/new/')) return true;
      const message = contentOf(entry)
        .toString('latin1')
        .replace(/^Return-Path: .*\nDelivered-To: .*\n/, '');
      return !queued.includes(maskVolatile(message));
    }),
  );
}
