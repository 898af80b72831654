// The children of a process that runs, and what they are called. /proc/PID/task/TID/children may lack some while another one ends (proc(5)); who is whose parent is certain.

import { readdirSync, readFileSync } from 'node:fs';

/** Pids of the children of a process, ascending; none when it has gone. */
export function childrenOf(parent: number | undefined): number[] {
  const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  const children = pids.filter((pid) => parentOf(pid) === parent);
  return children.map(Number).sort((a, b) => a - b);
}

/** The words of its command line, or the title that it gave itself; '' when it has gone. */
export function titleOf(pid: number): string {
  return ofProcess(pid, 'cmdline').replace(/\0+$/, '');
}

/** Its name, as pkill and killall compare it; '' when it has gone. */
export function nameOf(pid: number): string {
  return ofProcess(pid, 'comm').trimEnd();
}

function parentOf(pid: string): number {
  // The name of the program stands in parentheses and may hold anything.
  const status = ofProcess(pid, 'stat');
  return Number(status.slice(status.lastIndexOf(')') + 1).split(' ')[2]);
}

function ofProcess(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
