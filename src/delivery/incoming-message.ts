// One message on its way into the Maildirs of its recipients.
//
//   write ... write      in memory up to 256 KiB; from then on in the tmp/ of the first Maildir, with back-pressure
//   prepare              loops and quotas checked; written whole and synced in the tmp/ of every Maildir; nothing is seen yet
//   commit               linked into every new/, one fsync of each new/ for all messages of the moment, maildirsize appended to
//
// All recipients or none: one answer ends DATA, so one Maildir that cannot take the message means that none gets it and the client keeps it. Where a move into
// new/ fails after others were done, those are taken back; one that a reader has taken meanwhile stays, and the error is temporary, so the worst is a copy too many.
// A crash before the fsync of new/ leaves files that nobody was promised.
//
// Above the message: Return-Path, Delivered-To, for each forward by a catch-all its two lines, then the Received lines (formats/qmail.md 6.7).

import { describe, errnoOf, PermanentError, TemporaryError, troubleWith } from '../errors.js';
import { deliveredToLine, lower, returnPathLine } from '../mail/address.js';
import { HeaderScanner } from '../mail/header.js';
import { queueReceivedLine } from '../mail/received.js';
import type { Host } from '../stores/host.js';
import { makeAccountDirectory } from '../stores/maildir.js';
import { MessageFile } from '../stores/maildir-message.js';
import { accountingRoot, addMessage } from '../stores/maildirsize.js';
import type { Envelope, IncomingMessage } from './accept.js';
import { hasQuota, overQuotaText, type QuotaState, quotaState, warnOwner } from './quota.js';
import type { MaildirTarget } from './resolution.js';

/** What stays in memory of one message. */
const memoryBytes = 256 * 1024;
/** How much is copied at once from one Maildir's file into another's. */
const pieceBytes = 256 * 1024;

/** A message that is being received for delivery on this host by this process. */
export class LocalMessage implements IncomingMessage {
  readonly #host: Host;
  readonly #envelope: Envelope;
  readonly #targets: readonly MaildirTarget[];
  readonly #scanner = new HeaderScanner();
  #chunks: Buffer[] = [];
  #bodyBytes = 0;
  /** The first Maildir's file of a message that is too large for memory. */
  #large: MessageFile | undefined;
  #largeHeadBytes = 0;
  #failure: unknown;
  #files: MessageFile[] | undefined;
  #nearlyFull: MaildirTarget[] = [];

  constructor(host: Host, envelope: Envelope) {
    this.#host = host;
    this.#envelope = envelope;
    this.#targets = envelope.recipients.flatMap(({ outcome }) => (outcome.kind === 'deliver' ? outcome.maildirs : []));
  }

  write(chunk: Buffer): void | Promise<void> {
    this.#bodyBytes += chunk.length;
    if (!this.#scanner.ended) this.#scanner.write(chunk);
    if (this.#failure !== undefined || this.#targets.length === 0) return;
    if (this.#large !== undefined) return this.#append([chunk]);
    this.#chunks.push(chunk);
    if (this.#bodyBytes > memoryBytes) return this.#spill();
  }

  async prepare(): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      this.#scanner.end();
      this.#checkLoops();
      await this.#makeHomes();
      await this.#checkQuotas();
      this.#files = await this.#writeAll();
    } catch (error) {
      await this.abort();
      throw asAnswer(error);
    }
  }

  async commit(): Promise<void> {
    if (this.#files === undefined) await this.prepare();
    const files = this.#files ?? [];
    for (const target of this.#nearlyFull) await warnOwner(this.#host, target, Date.now());
    try {
      for (const [index, file] of files.entries()) {
        file.move(this.#targets[index]?.style === 'vdelivermail' ? 'with-size' : 'plain');
      }
      await Promise.all(files.map((file) => file.syncEntry()));
    } catch (error) {
      const stayed = files.filter((file) => !file.discard());
      if (stayed.length > 0)
        this.#host.log.warning(`not taken back from ${stayed.length} mailboxes: ${describe(error)}`);
      throw asAnswer(error);
    }
    for (const [index, file] of files.entries()) this.#account(this.#targets[index], file);
  }

  async abort(): Promise<void> {
    for (const file of this.#files ?? []) file.discard();
    this.#large?.discard();
    this.#chunks = [];
  }

  /** A message that has passed one of its recipients before is going round in a circle: nobody gets it. */
  #checkLoops(): void {
    const seen = this.#scanner.deliveredToLines;
    if (seen.length === 0) return;
    const seenAnyCase = new Set(seen.map(lower));
    for (const { outcome } of this.#envelope.recipients) {
      if (outcome.kind !== 'deliver' && outcome.kind !== 'discard') continue;
      const { exact, anyCase } = outcome.loopLines;
      if (exact.some((line) => seen.includes(line))) {
        throw new PermanentError('5.4.6', 'This message is looping: it already has my Delivered-To line. (#5.4.6)');
      }
      if (anyCase.some((line) => seenAnyCase.has(lower(line))))
        throw new PermanentError('5.4.6', 'mail is looping (#5.4.6)');
    }
  }

  async #makeHomes(): Promise<void> {
    for (const { missingHome, domainDirectory, owner } of this.#targets) {
      if (missingHome === undefined || domainDirectory === undefined) continue;
      await makeAccountDirectory(missingHome, domainDirectory, owner);
    }
  }

  async #checkQuotas(): Promise<void> {
    const messageBytes = this.#envelope.receivedLines.length + this.#bodyBytes;
    for (const target of this.#targets) {
      if (!hasQuota(target) && target.missingHome === undefined) continue;
      const state: QuotaState = await quotaState(target, messageBytes, Date.now());
      if (state === 'over') {
        await warnOwner(this.#host, target, Date.now());
        throw new PermanentError('5.2.2', overQuotaText(this.#host, target));
      }
      if (state === 'nearly-full') this.#nearlyFull.push(target);
    }
  }

  async #writeAll(): Promise<MessageFile[]> {
    const files: MessageFile[] = [];
    try {
      await allOrNone(
        this.#targets.map(async (target, index) => {
          const isLarge = index === 0 && this.#large !== undefined;
          const file = isLarge && this.#large ? this.#large : MessageFile.create(target.maildir, target.owner);
          files[index] = file;
          if (!isLarge) await this.#fill(file, target);
        }),
      );
      await allOrNone(files.map((file) => file.sync()));
      return files;
    } catch (error) {
      for (const file of files) file?.discard();
      throw error;
    }
  }

  async #fill(file: MessageFile, target: MaildirTarget): Promise<void> {
    const head = this.#head(target);
    if (this.#large === undefined) {
      file.write([head, ...this.#chunks]);
      return;
    }
    await file.writeLater([head]);
    for (let position = this.#largeHeadBytes; ; ) {
      const piece = await this.#large.read(position, pieceBytes);
      if (piece.length === 0) return;
      await file.writeLater([piece]);
      position += piece.length;
    }
  }

  #head(target: MaildirTarget): Buffer {
    const unixSeconds = Math.floor(Date.now() / 1000);
    const { sender, receivedLines } = this.#envelope;
    const traces = (target.forwards ?? []).map(({ uid, deliveredTo }) => {
      return queueReceivedLine({ pid: process.pid, invokedBy: { uid }, unixSeconds }) + deliveredToLine(deliveredTo);
    });
    const lines = [returnPathLine(sender), deliveredToLine(target.deliveredTo), ...traces, receivedLines];
    return Buffer.from(lines.join(''), 'latin1');
  }

  /** Moves a message that has grown too large from memory into the first Maildir. */
  async #spill(): Promise<void> {
    const first = this.#targets[0];
    if (first === undefined) return;
    try {
      await this.#makeHomes();
      this.#large = MessageFile.create(first.maildir, first.owner);
    } catch (error) {
      this.#fail(error);
      return;
    }
    const chunks = this.#chunks;
    this.#chunks = [];
    const head = this.#head(first);
    this.#largeHeadBytes = head.length;
    await this.#append([head, ...chunks]);
  }

  async #append(parts: readonly Buffer[]): Promise<void> {
    try {
      await this.#large?.writeLater(parts);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure = error;
    this.#large?.discard();
    this.#large = undefined;
    this.#chunks = [];
  }

  #account(target: MaildirTarget | undefined, file: MessageFile): void {
    if (target === undefined || target.style !== 'vdelivermail') return;
    try {
      addMessage(accountingRoot(target.maildir), file.sizeBytes);
    } catch (error) {
      // The message is delivered; the next recount sets the sums right.
      this.#host.log.warning(`maildirsize of ${target.deliveredTo}: ${describe(error)}`);
    }
  }
}

/** Waits for all of them, then throws what the first that failed threw: files of a failed message are removed only when nobody writes to them any more. */
async function allOrNone(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === 'rejected') throw result.reason;
}

/** What a failure means for the client. */
function asAnswer(error: unknown): Error {
  if (error instanceof PermanentError || error instanceof TemporaryError) return error;
  if (errnoOf(error) === undefined && error instanceof Error) return error;
  return troubleWith('temporary error on maildir delivery. (#4.3.0)', error);
}
