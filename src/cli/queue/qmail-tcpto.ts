// qmail-tcpto and qmail-tcpok: which addresses are not connected to for a while, and to forget that, as the originals (formats/qmail.md 3.9).
//
//   127.0.0.9 timed out 37 seconds ago; # recent timeouts: 1

import fs from 'node:fs';
import { withLock } from '../../files/locks/lock.js';
import { bytesPath } from '../../files/read.js';
import { parseTcpto } from '../../formats/queue/tcpto.js';
import { systemErrorText } from '../../mail/system-errors.js';
import { runTool, ToolFailure, type ToolIo } from '../tool-io.js';

const tableBytes = 1024;

/** qmail-tcpto. @returns its exit code */
export async function qmailTcpto(_args: string[], io: ToolIo): Promise<number> {
  try {
    const table = await underLock(io.layout.tcpto, () => fs.readFileSync(bytesPath(io.layout.tcpto)));
    const now = Math.floor(Date.now() / 1000);
    for (const { ip, timeouts, lastSeconds } of parseTcpto(table.subarray(0, tableBytes)))
      if (timeouts > 0) io.stdout(`${ip} timed out ${now - lastSeconds} seconds ago; # recent timeouts: ${timeouts}\n`);
    return 0;
  } catch (error) {
    io.stdout(`fatal: unable to open tcpto: ${systemErrorText(innermost(error))}\n`);
    return 111;
  }
}

/** qmail-tcpok. @returns its exit code */
export function qmailTcpok(_args: string[], io: ToolIo): Promise<number> {
  return runTool('qmail-tcpok: fatal: ', io, async () => {
    const path = io.layout.tcpto;
    try {
      await underLock(path, () => {
        const fd = fs.openSync(bytesPath(path), fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
        try {
          fs.writeSync(fd, Buffer.alloc(tableBytes), 0, tableBytes, 0);
        } finally {
          fs.closeSync(fd);
        }
      });
      return 0;
    } catch (error) {
      throw new ToolFailure(111, `unable to write ${io.layout.host(path)}: ${systemErrorText(innermost(error))}`);
    }
  });
}

function underLock<T>(path: string, work: () => T): Promise<T> {
  return withLock(path, { kind: 'flock', create: false }, work);
}

function innermost(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? innermost(error.cause) : error;
}
