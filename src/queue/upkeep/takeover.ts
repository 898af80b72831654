// Taking up what is in the queue, whoever left it there (formats/qmail.md 3.14). For every info/S/N:
//
//   todo/N is there                   nothing: it is preprocessed anew
//   local/S/N or remote/S/N           scheduled at the time of that file, which a clean stop has set to the next try
//   neither                           the message is at its end: a notice may be due
//
// Nothing is read but names and times, a slice at a time, so that signals are heard meanwhile.

import { setImmediate } from 'node:timers/promises';
import type { QueueFiles } from '../files.js';
import type { QueueLog } from '../log.js';
import { type ChannelName, channelNames, messageNumber, type QueueTree } from '../tree.js';

export interface TakeoverOptions {
  readonly tree: QueueTree;
  readonly files: QueueFiles;
  readonly log: QueueLog;
  readonly schedule: (channel: ChannelName, id: string, seconds: number) => void;
  readonly finished: (id: string) => void;
  readonly isStopping: () => boolean;
}

const sliceMessages = 500;

/** Schedules everything. @throws TemporaryError when a directory cannot be read */
export async function takeOver(options: TakeoverOptions): Promise<void> {
  const { tree, files, isStopping } = options;
  // Nobody gives a message that has an info file another envelope, so what todo/ holds now is what counts.
  const todo = new Set<string>();
  for (const directory of tree.directories('todo')) for (const id of (await files.list(directory)) ?? []) todo.add(id);
  const [infos, locals, remotes] = [tree.directories('info'), tree.directories('local'), tree.directories('remote')];
  for (let place = 0; place < tree.split; place++) {
    const names = async (directories: string[]): Promise<string[]> =>
      (await files.list(directories[place] ?? '')) ?? [];
    const present = { local: new Set(await names(locals)), remote: new Set(await names(remotes)) };
    let looked = 0;
    for (const id of await names(infos)) {
      if (messageNumber(id) === undefined || todo.has(id)) continue;
      takeUp(options, id, present);
      if (++looked % sliceMessages === 0) await setImmediate();
      if (isStopping()) return;
    }
  }
}

function takeUp(options: TakeoverOptions, id: string, present: Record<ChannelName, ReadonlySet<string>>): void {
  const { tree, files, log, schedule, finished } = options;
  let isAtEnd = true;
  for (const channel of channelNames) {
    if (!present[channel].has(id)) continue;
    isAtEnd = false;
    const file = tree.channel(channel, id);
    try {
      schedule(channel, id, files.status(file)?.modifiedSeconds ?? 0);
    } catch {
      log({ event: 'warning', text: `unable to stat ${tree.shown(file)}` });
      schedule(channel, id, 0);
    }
  }
  if (isAtEnd) finished(id);
}
