// vkill NAME: sends SIGKILL to every process whose command line contains NAME, itself and those that keep services running (supervise, multilog, runsv, svscan) left out, as
// the original does with the lines of ps (formats/vpopmail.md 3.7, 9.3). Exit 0, also when there was none; 255 without a name.
//
// Not copied: the original looks at whole lines of ps, with terminals and times in them, so that `vkill 1` ends half of the host; here the command line counts alone, and an
// empty name is none.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { getopt } from '../getopt.js';
import type { ToolIo } from '../tool-io.js';
import { versionLine } from '../users/account-tool.js';

const usage = 'vkill: usage: process\noptions: -v (print the version)\n';

const keepers = ['supervise', 'multilog', 'runsv', 'svscan'];

interface RunningProcess {
  readonly pid: number;
  /** Arguments with blanks between them, Latin-1. */
  readonly commandLine: string;
}

/** What the tool looks at and does. */
export interface ProcessTable {
  list(): readonly RunningProcess[];
  /** May fail for one that has just ended or is another's. */
  kill(pid: number): void;
}

/** The tool. @returns its exit code */
export async function vkill(args: string[], io: ToolIo, table: ProcessTable = thisMachine): Promise<number> {
  const { options, operands } = getopt(args, 'v', 'vkill', io, true);
  if (options.some(({ letter }) => letter === 'v')) io.stdout(versionLine);
  const [name = ''] = operands;
  if (name === '') {
    io.stdout(usage);
    return 255;
  }
  for (const { pid, commandLine } of table.list()) {
    if (pid === process.pid || !commandLine.includes(name)) continue;
    if (keepers.some((keeper) => commandLine.includes(keeper))) continue;
    try {
      table.kill(pid);
    } catch {
      // It is gone, or not ours to end.
    }
  }
  return 0;
}

const thisMachine: ProcessTable = {
  list: () => (fs.existsSync('/proc/self/cmdline') ? fromProc() : fromPs()),
  kill: (pid) => void process.kill(pid, 'SIGKILL'),
};

function fromProc(): RunningProcess[] {
  const pids = fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const commandLine = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim();
      return commandLine === '' ? [] : [{ pid: Number(pid), commandLine }];
    } catch {
      return [];
    }
  });
}

function fromPs(): RunningProcess[] {
  const { stdout } = spawnSync('ps', ['-ax', '-o', 'pid=,command='], { encoding: 'latin1' });
  return [...stdout.matchAll(/^ *([0-9]+) (.*)$/gm)].map(([, pid, commandLine = '']) => ({
    pid: Number(pid),
    commandLine,
  }));
}
