// Loaded before a tool (`node --import`): kills the process with SIGKILL before its Nth change of the disk, N from the environment's KILLED_BEFORE. All that a crash can leave
// is what stands between two changes, so killing before each of them in turn meets every case.
//
// Counted are all calls of node:fs that change something: opening for writing, writing, renaming, removing, making, mode and owner.

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const changes = [
  ...['appendFile', 'chmod', 'chown', 'copyFile', 'fchmod', 'fchown', 'ftruncate', 'futimes', 'lchown', 'link'],
  ...['lutimes', 'mkdir', 'rename', 'rm', 'rmdir', 'symlink', 'truncate', 'unlink', 'utimes', 'write', 'writeFile'],
];
const ofHandles = ['appendFile', 'chmod', 'chown', 'truncate', 'utimes', 'write', 'writeFile', 'writev'];

type Act = (...args: unknown[]) => unknown;

let left = Number(process.env.KILLED_BEFORE ?? Number.POSITIVE_INFINITY);

function count(): void {
  if (--left <= 0) process.kill(process.pid, 'SIGKILL');
}

/** Puts a counting function in the place of each of these. */
function countCalls(
  of: Record<string, unknown>,
  names: readonly string[],
  isChange: (args: unknown[]) => boolean,
): void {
  for (const name of names) {
    const act = of[name];
    if (typeof act !== 'function') continue;
    of[name] = function counted(this: unknown, ...args: unknown[]): unknown {
      if (isChange(args)) count();
      return (act as Act).apply(this, args);
    };
  }
}

function opensForWriting([, flags]: unknown[]): boolean {
  const { O_WRONLY, O_RDWR, O_CREAT } = fs.constants;
  return typeof flags === 'number'
    ? (flags & (O_WRONLY | O_RDWR | O_CREAT)) !== 0
    : flags !== undefined && flags !== 'r';
}

/** Standard output and standard error are no part of the disk. */
function isFile(args: unknown[]): boolean {
  return args[0] !== 1 && args[0] !== 2;
}

const sync = fs as unknown as Record<string, unknown>;
const promises = fs.promises as unknown as Record<string, unknown>;
const handle = await fs.promises.open(process.execPath, 'r');
const ofHandle = Object.getPrototypeOf(handle) as Record<string, unknown>;
await handle.close();
countCalls(
  sync,
  changes.map((name) => `${name}Sync`),
  isFile,
);
countCalls(promises, changes, isFile);
countCalls(ofHandle, ofHandles, () => true);
countCalls(sync, ['openSync'], opensForWriting);
countCalls(promises, ['open'], opensForWriting);
syncBuiltinESMExports();
