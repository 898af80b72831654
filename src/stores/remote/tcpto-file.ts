// queue/lock/tcpto on the disk: who is not connected to for a while (formats/queue/tcpto.ts, formats/qmail.md 7.4). qmail's programs and ours share it.
//
// Every look and every change holds flock on a descriptor that is open for writing, as qmail does it; between the look and the connection it is free. A record is written
// in place, sixteen bytes at once: a crash leaves the old or the new one. A table that is missing, or that this process may not write, backs nobody off, and no delivery
// fails for it.
//
// The table has no room for IPv6. Those addresses are kept in memory, in the same form, until the process ends.

import fs from 'node:fs';
import net from 'node:net';
import { withLock } from '../../files/locks/lock.js';
import { bytesPath, readAt } from '../../files/read.js';
import { clearTimeouts, countTimeout, isBackedOff, parseTcpto, type TcptoChange } from '../../formats/queue/tcpto.js';

const tableBytes = 1024;

/** What a look at the table gave, to be handed back with what became of the connection. */
export interface TcptoLook {
  readonly isBackedOff: boolean;
  readonly wasThere: boolean;
}

export class TcptoFile {
  readonly #path: string;
  readonly #ipv6 = new Map<string, { timeouts: number; lastSeconds: number }>();

  constructor(path: string) {
    this.#path = path;
  }

  /** @param spread 0 to 31, another one for each delivery */
  async look(ip: string, nowSeconds: number, spread: number): Promise<TcptoLook> {
    const records = net.isIPv4(ip)
      ? parseTcpto((await this.#underLock((fd) => readAt(fd, 0, tableBytes))) ?? Buffer.alloc(0))
      : [...this.#ipv6].map(([address, record]) => ({ ip: address, ...record }));
    const wasThere = records.some((record) => record.ip === ip && record.timeouts > 0);
    return { isBackedOff: isBackedOff(records, ip, nowSeconds, spread), wasThere };
  }

  /** Tells that connecting timed out. */
  async timedOut(ip: string, nowSeconds: number): Promise<void> {
    if (net.isIPv4(ip)) await this.#change((table) => countTimeout(table, ip, nowSeconds));
    else this.#countIpv6(ip, nowSeconds);
  }

  /** Tells that it did not. @param look what was seen before; an address that was not there is not looked for again */
  async reached(ip: string, look: TcptoLook): Promise<void> {
    if (!look.wasThere) return;
    if (net.isIPv4(ip)) await this.#change((table) => clearTimeouts(table, ip));
    else this.#ipv6.delete(ip);
  }

  #countIpv6(ip: string, nowSeconds: number): void {
    const { timeouts, lastSeconds } = this.#ipv6.get(ip) ?? { timeouts: 0, lastSeconds: 0 };
    if (timeouts > 0 && nowSeconds < lastSeconds + 120) return;
    this.#ipv6.delete(ip);
    this.#ipv6.set(ip, { timeouts: Math.min(timeouts + 1, 10), lastSeconds: nowSeconds });
    const [oldest] = this.#ipv6.keys();
    if (this.#ipv6.size > 1000 && oldest !== undefined) this.#ipv6.delete(oldest);
  }

  async #change(next: (table: Buffer) => TcptoChange | undefined): Promise<void> {
    await this.#underLock((fd) => {
      const change = next(readAt(fd, 0, tableBytes));
      if (change !== undefined) fs.writeSync(fd, change.bytes, 0, change.bytes.length, change.offset);
    });
  }

  async #underLock<T>(work: (fd: number) => T): Promise<T | undefined> {
    try {
      return await withLock(this.#path, { kind: 'flock', create: false }, () => {
        const fd = fs.openSync(bytesPath(this.#path), fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
        try {
          return work(fd);
        } finally {
          fs.closeSync(fd);
        }
      });
    } catch {
      return undefined;
    }
  }
}
