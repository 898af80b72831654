// What users have sent (servers/smtp/submission/user-rates.ts), kept over a restart: in a file that is read at the start, and written at the end and every half minute in which something was sent. A daemon
// that was killed has lost that much of it. What cannot be read or written is a line in the log, and nobody is held up for it.

import fs from 'node:fs';
import path from 'node:path';
import { describe } from '../../errors.js';
import { readIfPresent } from '../../files/read.js';
import { replaceFile } from '../../files/replace.js';
import { parseSentNumbers, serializeSentNumbers } from '../../formats/maildir/sent-numbers.js';
import type { Log } from '../../log.js';
import { hasRateLimits, RateKeeper, type RateLimits } from '../../servers/smtp/submission/user-rates.js';

const writeEveryMs = 30_000;

export class KeptRates {
  readonly keeper: RateKeeper;
  readonly #file: string;
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout | undefined;
  #written: Buffer = Buffer.alloc(0);
  #writing: Promise<void> = Promise.resolve();

  /** Without limits nothing is counted, read or written. @param file a disk path */
  constructor(limits: RateLimits, file: string, log: Log) {
    this.keeper = new RateKeeper(limits, log);
    this.#file = file;
    this.#log = log;
    if (!hasRateLimits(limits)) return;
    this.#read();
    this.#timer = setInterval(() => this.#write(), writeEveryMs).unref();
  }

  /** Writes for the last time. Never rejects. */
  async close(): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#write();
    await this.#writing;
  }

  #read(): void {
    try {
      this.#written = readIfPresent(this.#file) ?? this.#written;
      this.keeper.remember(parseSentNumbers(this.#written));
    } catch (error) {
      this.#log.warning(`${this.#file}: what users have sent before is not known: ${describe(error)}`);
    }
  }

  #write(): void {
    const bytes = serializeSentNumbers(this.keeper.sent());
    if (bytes.equals(this.#written)) return;
    this.#written = bytes;
    this.#writing = this.#writing.then(() => this.#replace(bytes));
  }

  async #replace(bytes: Buffer): Promise<void> {
    try {
      fs.mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o755 });
      await replaceFile(this.#file, bytes, { mode: 0o600, temporaryName: `${path.basename(this.#file)}.tmp` });
    } catch (error) {
      this.#log.warning(`${this.#file}: what users have sent is not kept: ${describe(error)}`);
    }
  }
}
