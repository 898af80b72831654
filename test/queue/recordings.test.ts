// Every recording of qmail-send, played against our queue (test/support/queue-replay.ts): the lines of its log, the bytes, modes and owners of the queue's files after each step, the
// bytes of bounces, and what qmail-qread and qmail-qstat show.

import { test } from 'node:test';
import { QueueReplay, type QueueStep } from '../support/queue-replay.js';
import { loadRecording, recordingNames } from '../support/recording.js';

/** Recordings of other programs, and why they are not played here. */
const elsewhere: Readonly<Record<string, string>> = {
  'half-written': 'qmail-queue is killed in the middle; test/queue/cleanup.test.ts has what is left',
  'inject-not-running': 'qmail-inject',
  'qmail-remote-direct': 'qmail-remote alone',
  'queue-envelopes': 'envelopes of qmail-queue; test/queue/enqueue.test.ts',
  'sendmail-wrapper': 'sendmail',
};
/** qmail-send does not run at the beginning. */
const stopped: ReadonlySet<string> = new Set(['empty-tree']);

for (const name of recordingNames('queue')) {
  if (name in elsewhere) continue;
  test(`queue/${name}`, async () => {
    const recording = loadRecording('queue', name);
    const replay = new QueueReplay(recording);
    try {
      await replay.open(!stopped.has(name));
      for (const [index, step] of recording.steps.entries()) {
        try {
          await replay.step(step as QueueStep);
        } catch (error) {
          if (error instanceof Error) error.message = `step ${index}: ${error.message}`;
          throw error;
        }
      }
    } finally {
      await replay.close();
    }
  });
}
