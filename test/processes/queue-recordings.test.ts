// Recordings of qmail-send whose deliveries are local, played against the real processes. Those to other hosts are played in test/delivery/remote.

import { describe, it } from 'node:test';
import { needsRoot } from '../support/needs.js';
import { QueueProcessesReplay } from '../support/queue-processes-replay.js';
import type { QueueStep } from '../support/queue-replay.js';
import { loadRecording, recordingNames } from '../support/recording.js';

/** Recordings that are not played here, and why. */
const elsewhere: Readonly<Record<string, string>> = {
  'empty-tree': 'the tree alone; test/queue/recordings',
  'half-written': 'a qmail-queue that is killed; test/queue/cleanup',
  'inject-not-running': 'qmail-send does not run; test/cli/queue',
  'left-by-stopped-send': 'with a host that takes mail; test/queue/recordings',
  'qmail-remote-direct': 'qmail-remote alone',
  'queue-envelopes': 'qmail-send does not run; test/queue/enqueue',
  'sendmail-wrapper': 'qmail-send does not run; test/cli/queue',
};

const names = recordingNames('queue').filter((name) => {
  const { steps } = loadRecording('queue', name);
  return !(name in elsewhere) && !steps.some((step) => 'sink' in step);
});

describe('recordings of qmail-send with real deliveries', { concurrency: 3 }, () => {
  for (const name of names)
    it(`queue/${name}`, async (t) => {
      if (!needsRoot(t)) return;
      const recording = loadRecording('queue', name);
      const replay = new QueueProcessesReplay(recording, name !== 'expired');
      try {
        await replay.begin();
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
});
