// Whether a program of the host can run here at all: a host's tree may lie on a machine of another kind, or hold names whose programs are gone. Told by its first bytes; one
// that may be executed but not read, as a set-user-id program is installed, is taken for one that runs.
//
//   #!/bin/sh            the interpreter is there and may be executed
//   7f E L F 02 01 ..    width, byte order and machine (bytes 4, 5, 18 and 19) are those of this process's own program
//
// Anything else the system would refuse, or a shell would take for a script.

import fs from 'node:fs';
import { bytesPath, openIfPresent, readAt } from '../read.js';

const elf = Buffer.from('\x7fELF', 'latin1');
const headBytes = 256;

/** Whether this process may execute the file, and this machine can. @param path disk path */
export function isRunnable(path: string): boolean {
  try {
    fs.accessSync(bytesPath(path), fs.constants.X_OK);
    if (!fs.statSync(bytesPath(path)).isFile()) return false;
  } catch {
    return false;
  }
  const head = headOf(path);
  if (head === undefined) return true;
  if (head.toString('latin1', 0, 2) === '#!') return isRunnable(interpreterIn(head));
  const own = headOf(process.execPath);
  if (own === undefined || !isElf(own)) return true;
  return isElf(head) && [4, 5, 18, 19].every((at) => head[at] === own[at]);
}

function isElf(head: Buffer): boolean {
  return head.subarray(0, elf.length).equals(elf);
}

function interpreterIn(head: Buffer): string {
  const line = head.toString('latin1', 2).split('\n', 1)[0] ?? '';
  return line.trim().split(/[ \t]/, 1)[0] ?? '';
}

/** undefined when it may not be read. */
function headOf(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openIfPresent(bytesPath(path));
    return fd === undefined ? undefined : readAt(fd, 0, headBytes);
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}
