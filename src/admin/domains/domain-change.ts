// The record of a change of one domain that is under way: what a killed tool leaves behind is told apart from what an administrator made, and finished or undone by the
// next tool that changes any domain.
//
//   ~vpopmail/etc/.domain_change.example.jp         mode 0600; the originals know nothing of it, and it is there for the time of the change alone
//
//   add 30976                                       what, and the process's number, which its temporary files carry
//   domain example.jp:6020:6020:/home/vpopmail/domains/example.jp     the real domain, its uid, gid and directory (a host path)
//   made                                            one word for each step that is done
//
// Written before the first change and after each step that matters, a line each with a sync; a last line without LF was cut off and does not count. Whoever changes
// the domain holds an fcntl lock on the record, so two tools do not change one domain at once, and a record that can be locked is that of a dead process.

import fs from 'node:fs';
import path from 'node:path';
import { namesIn } from '../../files/list.js';
import { type HeldLock, takeLock, tryLock } from '../../files/lock.js';
import { bytesPath, fileTrouble, readIfPresent } from '../../files/read.js';
import { syncDirectory } from '../../files/sync.js';
import type { Layout } from '../../layout.js';

export type ChangeKind = 'add' | 'alias' | 'delete';

/** What a record says. `directory` is a host path; `realDomain` is the domain itself but for an alias. */
export interface ChangeRecord {
  readonly kind: ChangeKind;
  readonly pid: number;
  readonly domain: string;
  readonly realDomain: string;
  readonly uid: number;
  readonly gid: number;
  readonly directory: string;
  /** The steps that were done. */
  readonly steps: readonly string[];
}

/** A change that this process makes. */
export class DomainChange {
  readonly domain: string;
  readonly #path: string;
  readonly #lock: HeldLock;
  #isKept = false;

  private constructor(domain: string, path: string, lock: HeldLock) {
    this.domain = domain;
    this.#path = path;
    this.#lock = lock;
  }

  /**
   * Waits until nobody else changes the domain. The record is made by `start`.
   * @throws TemporaryError
   */
  static async take(layout: Layout, domain: string): Promise<DomainChange> {
    const file = layout.domainChange(domain);
    fs.mkdirSync(bytesPath(path.dirname(file)), { recursive: true });
    return new DomainChange(domain, file, await takeLock(file, { kind: 'fcntl' }));
  }

  /** As `take`; undefined when somebody is at work. @throws TemporaryError */
  static tryTake(layout: Layout, domain: string): DomainChange | undefined {
    const file = layout.domainChange(domain);
    const lock = tryLock(file, { kind: 'fcntl', create: false });
    return lock === undefined ? undefined : new DomainChange(domain, file, lock);
  }

  /** What a dead process left; undefined when there is nothing. @throws TemporaryError */
  left(): ChangeRecord | undefined {
    return parseRecord(this.domain, readIfPresent(this.#path) ?? Buffer.alloc(0));
  }

  /** Begins the record. @throws TemporaryError */
  async start(record: Omit<ChangeRecord, 'pid' | 'domain' | 'steps'>): Promise<void> {
    const { kind, realDomain, uid, gid, directory } = record;
    this.#write('w', `${kind} ${process.pid}\ndomain ${realDomain}:${uid}:${gid}:${directory}\n`);
    await syncDirectory(path.dirname(this.#path));
  }

  /** Notes a step. @throws TemporaryError */
  note(step: string): void {
    this.#write('a', `${step}\n`);
  }

  /** Something is left to do, though the change went well: `finish` leaves the record to the next tool. */
  keep(): void {
    this.#isKept = true;
  }

  /** Removes the record: nothing is left to do. Does not throw: a record that stays is looked at again. */
  finish(): void {
    try {
      if (!this.#isKept) fs.rmSync(bytesPath(this.#path), { force: true });
    } catch {
      // As if the process had died here.
    }
    this.#lock.release();
  }

  /** Leaves the record to the next tool. */
  leave(): void {
    this.#lock.release();
  }

  #write(flags: 'w' | 'a', text: string): void {
    try {
      const fd = fs.openSync(bytesPath(this.#path), flags);
      try {
        fs.writeSync(fd, text, null, 'latin1');
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    } catch (error) {
      throw fileTrouble(error);
    }
  }
}

/** The domains whose change is under way or was left. @throws TemporaryError */
export function domainsInChange(layout: Layout): string[] {
  const prefix = path.basename(layout.domainChange(''));
  return [...namesIn(path.dirname(layout.domainChange('')))]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

function parseRecord(domain: string, bytes: Buffer): ChangeRecord | undefined {
  const lines = bytes.toString('latin1').split('\n').slice(0, -1);
  const [, kind, pid] = /^(add|alias|delete) ([0-9]+)$/.exec(lines[0] ?? '') ?? [];
  const [, realDomain, uid, gid, directory] = /^domain ([^:]*):([0-9]+):([0-9]+):(.+)$/.exec(lines[1] ?? '') ?? [];
  if (kind === undefined || realDomain === undefined || directory === undefined) return undefined;
  return {
    kind: kind as ChangeKind,
    pid: Number(pid),
    domain,
    realDomain,
    uid: Number(uid),
    gid: Number(gid),
    directory,
    steps: lines.slice(2),
  };
}
