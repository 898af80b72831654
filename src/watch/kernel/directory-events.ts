// News of changes in directories, from the kernel: hints that something may be otherwise there. What it is, a look at the files decides; so a hint too many costs a look, and a hint that never
// comes (a file system without events, a queue of the kernel that ran over) is made good by the slow round (host-watch.ts).
//
// Two ways behind one interface: here `fs.watch`, one kernel watch a directory whatever is in it, for the thousands of domain directories; chokidar, which watches every file of a directory, for the
// few that are the whole host's (fixed-directories.ts).
//
//   a directory     its watch
//   is removed      dies silently; whoever looks sees another directory there, or none, and asks anew
//   is no more to be had (ENOSPC: fs.inotify.max_user_watches; EMFILE: max_user_instances)      `failed` says so; the caller polls

import fs from 'node:fs';
import { bytesPath } from '../../files/read.js';

/** What is heard of directories. `directory` is as it was given. */
export interface DirectoryListener {
  /** Something with this name changed in it, came or went; undefined: in it or about it, nobody knows what. */
  changed(directory: string, name: string | undefined): void;
  /** It is not watched, or no longer. */
  failed(directory: string, error: unknown): void;
}

export interface DirectoryEvents {
  /** Begins to watch a directory, or begins anew when it is watched already. Failure is told to the listener, which may happen before this returns. */
  add(directory: string): void;
  remove(directory: string): void;
  close(): Promise<void>;
}

/** Opens a kernel watch; another one in tests. */
export type OpenWatch = (directory: string, heard: (name: string | undefined) => void) => fs.FSWatcher;

/** One `fs.watch` a directory. */
export function directoryEvents(listener: DirectoryListener, open: OpenWatch = openWatch): DirectoryEvents {
  const watches = new Map<string, fs.FSWatcher>();
  const remove = (directory: string): void => {
    watches.get(directory)?.close();
    watches.delete(directory);
  };
  return {
    add(directory) {
      remove(directory);
      try {
        const watch = open(directory, (name) => listener.changed(directory, name));
        watches.set(directory, watch);
        watch.on('error', (error) => {
          if (watches.get(directory) !== watch) return;
          remove(directory);
          listener.failed(directory, error);
        });
      } catch (error) {
        listener.failed(directory, error);
      }
    },
    remove,
    async close() {
      for (const directory of [...watches.keys()]) remove(directory);
    },
  };
}

function openWatch(directory: string, heard: (name: string | undefined) => void): fs.FSWatcher {
  return fs.watch(bytesPath(directory), { persistent: false, encoding: 'latin1' }, (_event, name) =>
    heard(name ?? undefined),
  );
}

/** Whether a failure says that the kernel has no more watches to give. */
export function isOutOfWatches(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'EMFILE' || code === 'ENFILE' || code === 'ENOMEM';
}
