// A tool that dies, or meets a full disk, at its Nth change of the file system: run as a program of its own by interrupted.test.ts.
//
//   interrupted-tool --run ROOT kill|fail N TOOL ARGUMENT...
//
// Every call of node's that changes a file, a name, a mode or an owner counts. At the Nth one the process kills itself, or the call fails with ENOSPC and all later
// ones work; a sync counts among those that fail. Exit 77: the tool ended before its Nth change.

import fs from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

export type Interruption = 'kill' | 'fail';

/** The exit code of a tool that makes fewer changes. */
export const notReached = 77;

const syncCalls = [
  'writeSync',
  'renameSync',
  'mkdirSync',
  'rmSync',
  'unlinkSync',
  'rmdirSync',
  'lchownSync',
  'fchownSync',
  'fchmodSync',
] as const;
const promiseCalls = ['rename', 'unlink', 'rm'] as const;
const handleCalls = ['writeFile', 'chmod'] as const;

let left = Number.POSITIVE_INFINITY;
let hasMet = false;

function count(interruption: Interruption, call: string): void {
  if (--left !== 0) return;
  hasMet = true;
  if (interruption === 'kill') process.kill(process.pid, 'SIGKILL');
  throw Object.assign(new Error(`ENOSPC: no space left on device, ${call}`), { code: 'ENOSPC' });
}

type AnyCall = (this: unknown, ...args: unknown[]) => unknown;

function interpose(
  object: object,
  name: string,
  interruption: Interruption,
  isChange = (..._: unknown[]) => true,
): void {
  const calls = object as Record<string, AnyCall>;
  const original = calls[name];
  if (original === undefined) throw new Error(`node has no ${name}`);
  calls[name] = function (...args) {
    if (isChange(...args)) count(interruption, name);
    return original.apply(this, args);
  };
}

/** Whether an open can make or change a file. */
function isWriting(_path: unknown, flags: unknown = 'r'): boolean {
  const { O_WRONLY, O_RDWR, O_CREAT } = fs.constants;
  return typeof flags === 'number' ? (flags & (O_WRONLY | O_RDWR | O_CREAT)) !== 0 : flags !== 'r';
}

async function interposeAll(interruption: Interruption): Promise<void> {
  const handle: FileHandle = await promises.open('/dev/null');
  const handles = Object.getPrototypeOf(handle) as object;
  await handle.close();
  for (const name of syncCalls) interpose(fs, name, interruption);
  for (const name of promiseCalls) interpose(promises, name, interruption);
  for (const name of handleCalls) interpose(handles, name, interruption);
  if (interruption === 'fail') {
    interpose(fs, 'fsyncSync', interruption);
    interpose(handles, 'sync', interruption);
  }
  interpose(fs, 'openSync', interruption, isWriting);
  interpose(promises, 'open', interruption, isWriting);
  syncBuiltinESMExports();
}

if (process.argv[2] === '--run') {
  const [root = '', interruption = '', number = '', ...argv] = process.argv.slice(3);
  const { callTool } = await import('../../support/call-tool.js');
  await interposeAll(interruption as Interruption);
  left = Number(number);
  const { exit, stdout, stderr } = await callTool(root, argv);
  left = Number.POSITIVE_INFINITY;
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = hasMet ? exit : notReached;
}
