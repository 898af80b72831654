// A directory like /proc, with sockets that listen and the processes that hold them (proc(5)).

import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface ProcSocket {
  /** As the kernel writes it, such as `0100007F:0019` for 127.0.0.1:25. */
  readonly at: string;
  readonly inode: number;
  /** Who holds it; nobody that can be seen unless given. */
  readonly pid?: number;
  readonly command?: readonly string[];
  readonly isConnected?: boolean;
}

export function writeProc(proc: string, sockets: readonly ProcSocket[]): void {
  mkdirSync(path.join(proc, 'net'), { recursive: true });
  for (const [name, length] of [
    ['tcp', 8],
    ['tcp6', 32],
  ] as const) {
    const lines = sockets.filter(({ at }) => at.indexOf(':') === length).map(lineOf);
    writeFileSync(path.join(proc, 'net', name), ['  sl', ...lines, ''].join('\n'));
  }
  for (const { inode, pid, command = [] } of sockets) {
    if (pid === undefined) continue;
    const directory = path.join(proc, String(pid));
    if (!existsSync(directory)) {
      mkdirSync(path.join(directory, 'fd'), { recursive: true });
      writeFileSync(path.join(directory, 'cmdline'), command.map((word) => `${word}\0`).join(''));
    }
    symlinkSync(`socket:[${inode}]`, path.join(directory, 'fd', String(inode)));
  }
}

function lineOf({ at, inode, isConnected = false }: ProcSocket): string {
  return `   0: ${at} 00000000:0000 ${isConnected ? '01' : '0A'} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 100 0 0 10 0`;
}
