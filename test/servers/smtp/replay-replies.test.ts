// The recorded sessions of qmail-smtpd, sent byte for byte to our server with a delivery that takes every recipient, as qmail-queue does. Compared: every reply,
// and what was handed on (envelope and message) with what qmail-queue was handed or what the mailboxes then held. What differs on purpose is named below; the
// replay into real Maildirs is replay-delivery.test.ts.

import assert from 'node:assert/strict';
import test from 'node:test';
import { type CollectedMessage, collectingDelivery } from '../../support/collecting-delivery.js';
import {
  applyWrite,
  buildTree,
  bytesOf,
  contentOf,
  loadRecording,
  maskVolatile,
  newRoot,
  recordingNames,
  removeRoot,
  type Step,
} from '../../support/recording.js';
import { applyHostStep, replayEvents } from '../../support/smtp-replay.js';
import { runSmtpServer } from '../../support/smtp-server.js';

/** Recordings of something that this server does not have. */
const notReplayed: Readonly<Record<string, string>> = {
  'qmail-queue-errors': 'queue-errors.test.ts',
  'queue-broken': 'messages do not go through the queue directory, so its troubles are none of theirs',
};

/** What is changed in a recording's host first, so that the rest can be compared. */
const changedFirst: Readonly<Record<string, { readonly why: string; readonly write: NonNullable<Step['write']> }>> = {
  'ehlo-and-parameters': {
    why: 'a SIZE above databytes is refused at MAIL (limits.test.ts), qmail-smtpd takes it: without a limit both take it',
    write: { '/var/qmail/control/databytes': null },
  },
};

for (const name of recordingNames('smtp')) {
  const reason = notReplayed[name];
  if (reason !== undefined) continue;
  test(`replies of recording ${name}`, async () => {
    const recording = loadRecording('smtp', name);
    const root = newRoot();
    buildTree(recording.before, root);
    applyWrite(changedFirst[name]?.write ?? {}, root);
    const delivery = collectingDelivery();
    const server = await runSmtpServer(root, delivery, { settings: { localName: '0' } });
    try {
      for (const [index, step] of recording.steps.entries()) {
        if (step.write !== undefined) applyWrite(step.write, root);
        if (step.events === undefined || step.protocol === 'pop3') {
          applyHostStep(step, root);
          continue;
        }
        const before = delivery.messages.length;
        assert.deepEqual(await replayEvents(server.port, step), [], `step ${index + 1}, log:\n${server.log()}`);
        compareMessages(step, delivery.messages.slice(before), `step ${index + 1}`);
      }
      await settled(() => delivery.open === 0);
    } finally {
      await server.stop();
      removeRoot(root);
    }
  });
}

function compareMessages(step: Step, messages: readonly CollectedMessage[], where: string): void {
  const ours = [...new Set(messages.map(({ text }) => maskVolatile(text)))].sort();
  assert.deepEqual(ours, recordedTexts(step), where);
  const envelopes = recordedEnvelopes(step);
  if (envelopes.length > 0) {
    const got = messages.map(({ sender, recipients }) => [sender, ...recipients]);
    assert.deepEqual(got, envelopes, where);
  }
}

/** The messages that came in by this session, as qmail-queue wrote them: from the queue, or from a mailbox without the lines that delivery put above. */
function recordedTexts(step: Step): string[] {
  const queued = (step.queued ?? []).map(({ message }) => bytesOf(message).toString('latin1'));
  const delivered = Object.entries(step.changed ?? {})
    .filter(([hostPath]) => hostPath.includes('/new/'))
    .map(([, entry]) => (entry === null ? '' : contentOf(entry).toString('latin1')))
    .map((text) => text.replace(/^Return-Path: .*\nDelivered-To: .*\n/, ''));
  // A bounce has the message behind its own text.
  const received = [...queued, ...delivered].map((text) => {
    const start = text.search(/Received: \(qmail \d+ invoked from network\)/);
    return start < 0 ? '' : text.slice(start);
  });
  return [...new Set(received.filter((text) => text !== '').map(maskVolatile))].sort();
}

/** Sender and recipients of what was queued, where the recording has the whole envelope. */
function recordedEnvelopes(step: Step): string[][] {
  return (step.queued ?? [])
    .filter(({ todo }) => todo !== undefined)
    .map(({ todo }) =>
      bytesOf(todo)
        .toString('latin1')
        .split('\0')
        .filter((part) => /^[FT]/.test(part)),
    )
    .map((parts) => parts.map((part) => part.slice(1)));
}

async function settled(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition(), 'an unfinished message is still open');
}
