// Leaving the times of the next tries to whoever takes the queue up: as the times of the recipient files (upkeep/takeover).

import { setImmediate } from 'node:timers/promises';
import type { QueueFiles } from '../files.js';
import type { QueueLog } from '../log.js';
import type { ChannelPasses } from '../passes/channel-passes.js';
import { type ChannelName, channelNames, type QueueTree } from '../tree.js';

export interface SaveTimesOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly log: QueueLog;
  readonly passes: Readonly<Record<ChannelName, ChannelPasses>>;
  /** Whether a message is still in todo/: then it has no such file. */
  readonly isInTodo: (id: string) => boolean;
}

const sliceMessages = 1000;

/** Does not throw: a message whose time cannot be kept is tried too soon. */
export async function saveTimes({ tree, files, log, passes, isInTodo }: SaveTimesOptions): Promise<void> {
  let saved = 0;
  for (const channel of channelNames)
    for (const { id, seconds } of [...passes[channel].schedule]) {
      if (isInTodo(id)) continue;
      const file = tree.channel(channel, id);
      try {
        files.setTimes(file, seconds);
      } catch {
        log({ event: 'warning', text: `unable to utime ${tree.shown(file)}; message will be retried too soon` });
      }
      if (++saved % sliceMessages === 0) await setImmediate();
    }
}
