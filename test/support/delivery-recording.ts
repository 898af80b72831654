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
