// The one place at which the queue of a host is reached. A host may have a server for each protocol (`migrate cutover`), each with a queue process: one of them has the place, by a hard link to a
// socket of its own (`queue.` and a word); it is replaced by rename, so there is always somebody. Who works on the queue goes before those that only put into it, since orders are for him. When one
// ends, another takes the place at once.

import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import type net from 'node:net';
import path from 'node:path';
import { describe } from '../../errors.js';
import type { Log } from '../../log.js';
import { isDead, listenAtPath, livingBeside } from '../../net/unix-socket.js';

/** For what the kernel does not tell: who was killed leaves a socket behind. */
const lookEveryMs = 5000;

export class SocketPlace {
  readonly #server: net.Server;
  readonly #place: string;
  readonly #own: string;
  readonly #isFirst: boolean;
  readonly #log: Log;
  #inode = 0;
  #isTold = false;
  #isClosed = false;
  #watcher: fs.FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param isFirst whether it goes before others that are there */
  constructor(server: net.Server, place: string, isFirst: boolean, log: Log) {
    this.#server = server;
    this.#place = place;
    this.#own = `${place}.${randomBytes(4).toString('hex')}`;
    this.#isFirst = isFirst;
    this.#log = log;
  }

  /** Listens, and takes the place unless somebody has it. @throws the system error */
  async begin(): Promise<void> {
    const directory = path.dirname(this.#place);
    fs.mkdirSync(directory, { recursive: true, mode: 0o755 });
    await livingBeside(this.#place);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).once('listening', resolve);
      listenAtPath(this.#server, { path: this.#own }, 0o666, {});
    });
    this.#inode = fs.lstatSync(this.#own).ino;
    await this.#take();
    const look = (): void => void this.#take().catch((error: unknown) => this.#tell(error));
    this.#watcher = fs.watch(directory, { persistent: false }, look).on('error', () => {});
    this.#timer = setInterval(look, lookEveryMs).unref();
  }

  /** Leaves the place to others. */
  close(): void {
    this.#isClosed = true;
    this.#watcher?.close();
    clearInterval(this.#timer);
    if (this.#holder() === this.#inode) fs.rmSync(this.#place, { force: true });
  }

  async #take(): Promise<void> {
    const isMine = (): boolean => this.#isClosed || this.#holder() === this.#inode;
    if (isMine()) return;
    if (!this.#isFirst && this.#holder() !== undefined && !(await isDead(this.#place))) return;
    if (isMine()) return;
    const beside = `${this.#own}.new`;
    fs.rmSync(beside, { force: true });
    fs.linkSync(this.#own, beside);
    fs.renameSync(beside, this.#place);
  }

  #holder(): number | undefined {
    return fs.lstatSync(this.#place, { throwIfNoEntry: false })?.ino;
  }

  #tell(error: unknown): void {
    if (!this.#isTold) this.#log.alert(`queue: unable to take ${this.#place}: ${describe(error)}`);
    this.#isTold = true;
  }
}
