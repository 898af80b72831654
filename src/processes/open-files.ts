// Whether a process may open as many files as its sessions may need: two each (the connection and a file of the mailbox), and some of its own. Linux tells the limit in /proc/self/limits
//
//   Max open files            1024                 524288               files          soft, hard
//
// node has raised the soft limit to the hard one, so the first number is what counts. The file has no size, as all of /proc: it is read to its end. Elsewhere nothing is told.

import fs from 'node:fs';
import type { Log } from '../log.js';
import type { Settings } from '../settings.js';

/** Descriptors that a process needs beside those of its sessions. */
const ownDescriptors = 100;

/** Warns when the limit is too low for the sessions that may come. */
export function checkOpenFiles({ limits, workers }: Pick<Settings, 'limits' | 'workers'>, log: Log): void {
  const mayOpen = openFilesLimit(limitsOfThisProcess());
  const sessions = Math.ceil(limits.maxConnections / Math.max(1, workers));
  const needed = 2 * sessions + ownDescriptors;
  if (needed <= mayOpen) return;
  log.warning(
    `a process may open ${mayOpen} files, and ${sessions} sessions may need ${needed}; raise the limit (ulimit -n) or lower --max-connections`,
  );
}

/** The soft limit in the text of /proc/self/limits; none: infinity. */
export function openFilesLimit(text: string): number {
  return Number(/^Max open files\s+(\d+)/m.exec(text)?.[1] ?? Number.POSITIVE_INFINITY);
}

function limitsOfThisProcess(): string {
  try {
    return fs.readFileSync('/proc/self/limits', 'latin1');
  } catch {
    return '';
  }
}
