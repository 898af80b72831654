// qmail-send gives the queue back when it exits, but its spawners go on until the deliveries they run have ended, and then exit because their pipe is closed (formats/qmail.md
// 3.13). Whoever takes the queue over waits for that, or a delivery would run twice.
//
// They are found in /proc by their name and their working directory, which lies in this queue; another qmail of the machine has another one. Where there is no /proc, or it does
// not tell, there is nothing to wait for.

import fs from 'node:fs';
import type { QueueTree } from '../tree.js';

const names: ReadonlySet<string> = new Set(['qmail-lspawn', 'qmail-rspawn']);

/** The processes of a former qmail-send that still deliver from this queue. @param proc where processes are listed; another place in tests */
export function formerSpawners(tree: QueueTree, proc = '/proc'): number[] {
  const found: number[] = [];
  for (const pid of namesIn(proc)) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (!names.has(fs.readFileSync(`${proc}/${pid}/comm`, 'latin1').trimEnd())) continue;
      const directory = fs.readlinkSync(`${proc}/${pid}/cwd`);
      if (isBelow(directory, fs.realpathSync(tree.directory))) found.push(Number(pid));
    } catch {
      // It is gone, or not ours to look at.
    }
  }
  return found;
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

function isBelow(directory: string, ancestor: string): boolean {
  return directory === ancestor || directory.startsWith(`${ancestor}/`);
}
