// What a server costs: processor time and memory of a process and everything below it, read from /proc.
//
// Processor time is the sum of utime, stime, cutime and cstime over the live processes of the tree. A child that ends moves its time into the
// cutime and cstime of the parent that waits for it, so the sum counts Postfix's and Dovecot's short-lived processes too, without sampling: nothing is lost
// or counted twice as long as parents wait for their children (both masters and node do). What the kernel does on behalf of
// a server in its own threads (the journal, writing back) belongs to no process and is not in it.
// /proc/PID/stat counts in ticks of 10 ms a process: measure intervals of a second or more.

import fs from 'node:fs';

const ticksPerSecond = 100;

/** One line of /proc/PID/stat, as far as it is used here. Times in seconds. */
interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSeconds: number;
}

/** Memory of a tree in bytes. Pages that processes share count once each in `rss`, and once in all in `pss`. */
export interface TreeMemory {
  readonly rss: number;
  readonly pss: number;
  readonly processes: number;
}

/** Processor seconds that the process and all its descendants, living and waited for, have used since they began. */
export function treeCpuSeconds(rootPid: number): number {
  return processTree(rootPid).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** Processor seconds of all children that this process has waited for, and of theirs. In ticks: a single short one may seem to take none, the sum of many is right. */
export function waitedCpuSeconds(): number {
  const stat = fs.readFileSync('/proc/self/stat', 'latin1');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(13, 15)
    .map(Number);
  return (user + system) / ticksPerSecond;
}

/** The memory that the process and its descendants occupy now. */
export function treeMemory(rootPid: number): TreeMemory {
  const tree = processTree(rootPid);
  const sum = (file: string, field: string): number =>
    tree.reduce((total, { pid }) => total + kibibytes(`/proc/${pid}/${file}`, field) * 1024, 0);
  return { rss: sum('status', 'VmRSS'), pss: sum('smaps_rollup', 'Pss'), processes: tree.length };
}

function processTree(rootPid: number): ProcessStat[] {
  const children = new Map<number, ProcessStat[]>();
  let root: ProcessStat | undefined;
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readStat(name);
    if (stat === undefined) continue;
    if (stat.pid === rootPid) root = stat;
    const siblings = children.get(stat.parent);
    if (siblings === undefined) children.set(stat.parent, [stat]);
    else siblings.push(stat);
  }
  const tree = root === undefined ? [] : [root];
  for (const { pid } of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** The process name in the line may hold blanks and parentheses: fields are counted from the last one that closes. */
function readStat(pid: string): ProcessStat | undefined {
  const line = readOrEmpty(`/proc/${pid}/stat`);
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 15) return undefined;
  const [utime, stime, cutime, cstime] = fields.slice(11, 15).map(Number);
  const ticks = (utime ?? 0) + (stime ?? 0) + (cutime ?? 0) + (cstime ?? 0);
  return { pid: Number(pid), parent: Number(fields[1]), cpuSeconds: ticks / ticksPerSecond };
}

function kibibytes(path: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readOrEmpty(path))?.[1] ?? 0);
}

/** Processes end while they are looked at, which is no error here. */
function readOrEmpty(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
