// What the replays of recorded deliveries share.

import { spawnSync } from 'node:child_process';
import { applyChanged, type Step } from './recording.js';

/** Who the recorded host's system users are; the recordings hold no /etc/passwd. */
export const passwd = `root:x:0:0::/root:
alias:x:6001:6000::/var/qmail/alias:
vpopmail:x:6020:6020::/home/vpopmail:
hoster:x:7001:7001::/home/hoster:
`;

/** Does a step that is nobody's delivery: shell commands on the tree for real, what other tools did from the recording. */
export function byHand(step: Step, root: string): void {
  const commands = (step.sh ?? '').split(';').filter((command) => !command.includes('/bin/'));
  const here = commands.join(';').replaceAll(/\/(home|var|etc)\//g, `${root}/$1/`);
  spawnSync('/bin/sh', ['-c', here]);
  if (step.sh === undefined || step.sh.includes('/bin/')) applyChanged(step, root);
}

/** Does work with the rights that the original had, where this process can take them. */
export async function asUser<T>(as: Step['as'], work: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0 || as === undefined) return work();
  process.setegid?.(as[1]);
  process.seteuid?.(as[0]);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
