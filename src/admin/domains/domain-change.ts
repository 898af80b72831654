// The record of a change of one domain that is under way (formats/vpopmail/domain-change.ts): what a killed tool leaves behind is told apart from what an administrator made, and finished or undone by the
// next tool that changes any domain.
//
// Written before the first change and after each step that matters, a line each with a sync. Whoever changes
// the domain holds an fcntl lock on the record, so two tools do not change one domain at once, and a record that can be locked is that of a dead process.

import fs from 'node:fs';
import path from 'node:path';
import { type HeldLock, takeLock, tryLock } from '../../files/locks/lock.js';
import { bytesPath, fileTrouble, readIfPresent } from '../../files/read.js';
import { syncDirectory } from '../../files/sync.js';
import { type ChangeRecord, parseChange, serializeChange } from '../../formats/vpopmail/domain-change.js';
import type { Layout } from '../../layout.js';

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
    return parseChange(this.domain, readIfPresent(this.#path) ?? Buffer.alloc(0));
  }

  /** Begins the record. @throws TemporaryError */
  async start(record: Omit<ChangeRecord, 'pid' | 'domain' | 'steps'>): Promise<void> {
    this.#write('w', serializeChange({ ...record, domain: this.domain, pid: process.pid }));
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
