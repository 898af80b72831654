// Queueing a message through a program: the host's own bin/qmail-queue, or one that takes its place (QMAILQUEUE: a virus scanner, a signer). The protocol is qmail's (formats/qmail.md 2.7):
//
//   descriptor 0    the message
//   descriptor 1    F sender \0 T recipient \0 ... \0
//   descriptor 6    where the program may say why not (exit code 82)
//   exit code       0: it is queued
//
// Giving up closes the envelope early, on which the program removes what it wrote. The pid of the program is the number by which the log joins the message (qp).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex, Readable, Writable } from 'node:stream';
import { errnoOf } from '../../errors.js';
import { type Envelope, serializeEnvelope } from '../../formats/queue/queue-envelope.js';
import { queueCrashed, queueError } from './exit-codes.js';

export interface QueueProgram {
  /** Disk path. */
  readonly path: string;
  /** Disk path of qmail's home, where it is started. */
  readonly directory: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** As whom it runs; as whoever this process is unless given. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/** A message that is being given to the program. */
export class ProgramMessage {
  readonly #child: ChildProcess;
  readonly #message: Writable;
  readonly #envelope: Duplex;
  readonly #ended: Promise<number | string>;
  #said = '';
  #isCutShort = false;
  #failure: unknown;

  /** Starts the program. What goes wrong with that is thrown by `commit`. */
  constructor({ path, directory, environment = process.env, owner }: QueueProgram) {
    const pipe = 'pipe' as const;
    const stdio = [pipe, pipe, 'inherit', 'ignore', 'ignore', 'ignore', pipe] as const;
    this.#child = spawn(path, [], { cwd: directory, env: { ...environment }, stdio: [...stdio], ...owner });
    this.#message = this.#child.stdio[0] as Writable;
    this.#envelope = this.#child.stdio[1] as Duplex;
    const words = [...this.#child.stdio][6] as Readable | undefined;
    words?.on('data', (bytes: Buffer) => {
      if (this.#said.length < 255) this.#said += bytes.toString('latin1');
    });
    // A program that ends early breaks the pipes; its exit code says why. One that then says that all is well has not had all.
    for (const stream of [this.#message, this.#envelope])
      stream.on('error', (error) => {
        this.#isCutShort ||= errnoOf(error) === 'EPIPE';
      });
    words?.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#failure = error;
        resolve(120);
      });
      this.#child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
  }

  /** Gives the next bytes of the message; a promise is to be waited for. */
  write(chunk: Buffer): void | Promise<void> {
    if (!this.#message.writable || this.#message.write(chunk)) return;
    return Promise.race([once(this.#message, 'drain'), this.#ended]).then(
      () => {},
      () => {},
    );
  }

  /** Gives the envelope and waits for the program. @returns its pid @throws PermanentError or TemporaryError in qmail's words */
  async commit(envelope: Envelope): Promise<number> {
    this.#message.end();
    if (this.#envelope.writable) this.#envelope.end(serializeEnvelope(envelope));
    const end = await this.#ended;
    if (typeof end === 'string') throw queueCrashed(new Error(end));
    if (end === 0 && this.#isCutShort) throw queueError(54);
    if (end !== 0) throw queueError(end, this.#said, this.#failure);
    return this.#child.pid ?? 0;
  }

  /** Lets the program clean up. Resolves when it has ended. */
  async abort(): Promise<void> {
    this.#envelope.destroy();
    this.#message.destroy();
    await this.#ended;
  }
}
