// News of the few directories that are the whole host's (control/, users/, vpopmail's etc/, the tcp rules), by chokidar: it follows each file of them, so a file that is rewritten in place, replaced by
// rename or reached through a link is heard of on every system that it knows.
//
// Its raw events are listened to beside its own, since its own wait up to a second where a directory changes often. Files that tools make for a moment are not followed.

import fs from 'node:fs';
import path from 'node:path';
import { watch } from 'chokidar';
import type { DirectoryEvents, DirectoryListener } from './directory-events.js';

const passing = /\.lock$|\.tmp$|\.\d+$|~$/;

/** @param ready called when what was added first is watched: what changed before that was not heard of */
export function fixedDirectoryEvents(listener: DirectoryListener, ready: () => void): DirectoryEvents {
  const directories = new Set<string>();
  const watcher = watch([], {
    persistent: false,
    ignoreInitial: true,
    depth: 0,
    atomic: false,
    ignored: (place) => passing.test(path.basename(place)),
  });
  const heard = (place: string): void => {
    const directory = directories.has(place) ? place : path.dirname(place);
    if (directories.has(directory)) listener.changed(directory, path.basename(place));
  };
  watcher
    .on('all', (_event, place) => heard(place))
    .on('raw', (_event, name, details) => heard(watchedPath(details) ?? name))
    .on('ready', ready)
    .on('error', (error) => {
      for (const directory of directories) listener.failed(directory, error);
    });
  const remove = (directory: string): void => {
    directories.delete(directory);
    watcher.unwatch(directory);
  };
  return {
    add(directory) {
      if (directories.has(directory)) remove(directory);
      // chokidar would watch the directory above a missing one.
      if (!fs.existsSync(directory)) return listener.failed(directory, new Error(`${directory} is not there`));
      directories.add(directory);
      watcher.add(directory);
    },
    remove,
    close: () => watcher.close(),
  };
}

/** What a raw event was heard of. */
function watchedPath(details: unknown): string | undefined {
  const isKnown = typeof details === 'object' && details !== null && 'watchedPath' in details;
  return isKnown && typeof details.watchedPath === 'string' ? details.watchedPath : undefined;
}
