// One message on its way into the Maildirs of its recipients.
//
//   write ... write      in memory; a large one in the tmp/ of the first Maildir (delivery/spooled-body)
//   prepare              loops and quotas checked; written whole and synced in the tmp/ of every Maildir; nothing is seen yet
//   commit               linked into every new/, one fsync of each new/ for all messages of the moment, then maildirsize appended to
//
// All recipients or none: one answer ends DATA, so one Maildir that cannot take the message means that none gets it and the client keeps it. Where a move into
// new/ fails after others were done, those are taken back; one that a reader has taken meanwhile stays, and the error is temporary, so the worst is a copy
// too many, never a loss. The same holds for a message that loops or does not fit for one of several recipients: the reply names that recipient.
//
//   a crash                        leaves
//   before commit                  files in tmp/, which readers remove after 36 hours
//   before new/ is synced          the message in some of the Maildirs, and a client that was not answered and sends it again
//   after                          the message in all of them, at worst with a maildirsize that does not count it, until the next count

import { describe, errnoOf, PermanentError, TemporaryError, troubleWith } from '../errors.js';
import type { Log } from '../log.js';
import { lower } from '../mail/address.js';
import { HeaderScanner } from '../mail/header.js';
import { makeAccountDirectory } from '../stores/maildir/maildir.js';
import { MessageFile } from '../stores/maildir/maildir-message.js';
import { accountingRoot, addMessage } from '../stores/maildir/maildirsize.js';
import type { Envelope, IncomingMessage } from './accept.js';
import { countedHeadBytes, messageHead } from './message-head.js';
import type { QuotaKeeper } from './quota.js';
import type { MaildirTarget, Resolution } from './resolution/resolution.js';
import { SpooledBody } from './spooled-body.js';
import type { Workload } from './workload.js';

/** What a message needs of the delivery it came to. */
export interface DeliveryTools {
  readonly log: Log;
  readonly quotas: QuotaKeeper;
  readonly workload: Workload;
}

/** A written copy of the message and where it is to go. */
interface Copy {
  readonly target: MaildirTarget;
  readonly file: MessageFile;
}

/** A message that is being received for delivery on this host by this process. */
export class LocalMessage implements IncomingMessage {
  readonly #tools: DeliveryTools;
  readonly #envelope: Envelope;
  readonly #unixSeconds = Math.floor(Date.now() / 1000);
  readonly #scanner = new HeaderScanner();
  #targets: readonly MaildirTarget[];
  #chunks: Buffer[] = [];
  #heldBytes = 0;
  #bodyBytes = 0;
  #spooled: SpooledBody | undefined;
  #failure: { readonly error: unknown } | undefined;
  #preparing: Promise<void> | undefined;
  #copies: readonly Copy[] = [];
  #nearlyFull: MaildirTarget[] = [];
  #isOver = false;

  constructor(tools: DeliveryTools, envelope: Envelope) {
    this.#tools = tools;
    this.#envelope = envelope;
    this.#targets = envelope.recipients.flatMap(targetsOf);
  }

  write(chunk: Buffer): void | Promise<void> {
    this.#bodyBytes += chunk.length;
    if (!this.#scanner.ended) this.#scanner.write(chunk);
    if (this.#isOver || this.#failure !== undefined || this.#targets.length === 0) return;
    if (this.#spooled !== undefined) return this.#spooled.write(chunk);
    this.#chunks.push(chunk);
    this.#heldBytes += chunk.length;
    this.#tools.workload.hold(chunk.length);
    if (this.#heldBytes > this.#tools.workload.messageBytes) return this.#spool();
  }

  prepare(): Promise<void> {
    this.#preparing ??= this.#prepare();
    return this.#preparing;
  }

  async commit(): Promise<void> {
    await this.prepare();
    if (this.#isOver) throw new TemporaryError('4.3.0', 'the message was given up');
    this.#isOver = true;
    for (const target of this.#nearlyFull) await this.#tools.quotas.warn(target);
    try {
      for (const { target, file } of this.#copies) file.move(target.style === 'vdelivermail' ? 'with-size' : 'plain');
      const byMaildir = new Map(this.#copies.map(({ file }) => [file.maildir, file]));
      const { workload } = this.#tools;
      await allOrNone([...byMaildir.values()].map((file) => workload.withFile(() => file.syncEntry())));
    } catch (error) {
      this.#takeBack(error);
      throw asAnswer(error);
    }
    for (const copy of this.#copies) this.#account(copy);
  }

  async abort(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#preparing?.catch(() => {});
    await this.#discard();
  }

  async #prepare(): Promise<void> {
    try {
      if (this.#isOver) throw new TemporaryError('4.3.0', 'the message was given up');
      if (this.#failure !== undefined) throw this.#failure.error;
      this.#checkLoops();
      // vdelivermail drops a message without a byte. One that came by SMTP has its Received lines.
      if (this.#bodyBytes + this.#envelope.receivedLines.length === 0)
        this.#targets = this.#targets.filter((target) => target.style === 'qmail-local');
      await this.#makeHomes();
      await this.#checkQuotas();
      await this.#spooled?.finish();
      this.#copies = await this.#writeAll();
    } catch (error) {
      this.#isOver = true;
      await this.#discard();
      throw asAnswer(error);
    } finally {
      this.#forgetChunks();
    }
  }

  /** A message that has passed one of its recipients before is going round in a circle: nobody gets it. */
  #checkLoops(): void {
    const seen = this.#scanner.deliveredToLines;
    if (seen.length === 0) return;
    const seenAnyCase = new Set(seen.map(lower));
    for (const { recipient, outcome } of this.#envelope.recipients) {
      if (outcome.kind !== 'deliver' && outcome.kind !== 'discard') continue;
      const { exact, anyCase } = outcome.loopLines;
      if (exact.some((line) => seen.includes(line))) {
        const text = 'This message is looping: it already has my Delivered-To line. (#5.4.6)';
        throw new PermanentError('5.4.6', this.#about(recipient, text));
      }
      if (anyCase.some((line) => seenAnyCase.has(lower(line))))
        throw new PermanentError('5.4.6', this.#about(recipient, 'mail is looping (#5.4.6)'));
    }
  }

  async #makeHomes(): Promise<void> {
    for (const { missingHome, domainDirectory, owner } of this.#targets) {
      if (missingHome !== undefined) await makeAccountDirectory(missingHome, domainDirectory ?? missingHome, owner);
    }
  }

  async #checkQuotas(): Promise<void> {
    const { quotas } = this.#tools;
    for (const { recipient, outcome } of this.#envelope.recipients) {
      if (outcome.kind !== 'deliver') continue;
      for (const target of outcome.maildirs) {
        if (!quotas.isKept(target)) continue;
        const bytes = countedHeadBytes(this.#envelope, target, this.#unixSeconds) + this.#bodyBytes;
        const state = await quotas.state(target, bytes);
        if (state === 'nearly-full') this.#nearlyFull.push(target);
        if (state !== 'over') continue;
        await quotas.warn(target);
        throw quotas.overQuota(target, (text) => this.#about(recipient, text));
      }
    }
  }

  async #writeAll(): Promise<Copy[]> {
    const copies: Copy[] = [];
    const write = async (target: MaildirTarget, index: number): Promise<void> => {
      const isSpooled = index === 0 && this.#spooled !== undefined;
      const file = isSpooled && this.#spooled ? this.#spooled.file : MessageFile.create(target.maildir, target.owner);
      copies[index] = { target, file };
      if (!isSpooled) await this.#fill(file, target);
      // The first file of a large message is still read by those who copy it.
      if (!isSpooled) await file.sync();
    };
    const { workload } = this.#tools;
    try {
      await allOrNone(this.#targets.map((target, index) => workload.withFile(() => write(target, index))));
      await this.#spooled?.file.sync();
      return copies;
    } catch (error) {
      for (const copy of copies) copy?.file.discard();
      throw error;
    }
  }

  async #fill(file: MessageFile, target: MaildirTarget): Promise<void> {
    const head = messageHead(this.#envelope, target, this.#unixSeconds);
    if (this.#spooled === undefined) return file.write([head, ...this.#chunks]);
    await file.writeLater([head]);
    await this.#spooled.copyInto(file);
  }

  /** Moves a message that has grown too large from memory into the first Maildir. */
  async #spool(): Promise<void> {
    const [first] = this.#targets;
    if (first === undefined) return;
    try {
      await this.#makeHomes();
      const file = MessageFile.create(first.maildir, first.owner);
      this.#spooled = new SpooledBody(file, messageHead(this.#envelope, first, this.#unixSeconds), this.#chunks);
    } catch (error) {
      this.#failure = { error };
    }
    this.#forgetChunks();
  }

  #takeBack(error: unknown): void {
    const stayed = this.#copies.filter(({ file }) => !file.discard());
    if (stayed.length === 0) return;
    const where = stayed.map(({ target }) => target.deliveredTo).join(' ');
    this.#tools.log.warning(
      `a message that was not acknowledged stays in the mailboxes of ${where}: ${describe(error)}`,
    );
  }

  async #discard(): Promise<void> {
    for (const { file } of this.#copies) file.discard();
    await this.#spooled?.discard();
    this.#forgetChunks();
  }

  #forgetChunks(): void {
    this.#chunks = [];
    this.#tools.workload.release(this.#heldBytes);
    this.#heldBytes = 0;
  }

  #account({ target, file }: Copy): void {
    if (target.style !== 'vdelivermail') return;
    try {
      addMessage(accountingRoot(target.maildir), file.sizeBytes);
    } catch (error) {
      // The message is delivered; the next count sets the sums right.
      this.#tools.log.warning(`maildirsize of ${target.deliveredTo}: ${describe(error)}`);
    }
  }

  /** A text about one recipient, named where there are several. */
  #about(recipient: string, text: string): string {
    return this.#envelope.recipients.length > 1 ? `<${recipient}>: ${text}` : text;
  }
}

function targetsOf({ outcome }: Resolution): readonly MaildirTarget[] {
  return outcome.kind === 'deliver' ? outcome.maildirs : [];
}

/** Waits for all of them, then throws what the first that failed threw: files of a failed message are removed only when nobody writes to them any more. */
async function allOrNone(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === 'rejected') throw result.reason;
}

/** What a failure means for the client. A file system that limits this host's user is full for a while: nobody's mail is refused for good by it. */
function asAnswer(error: unknown): Error {
  if (error instanceof PermanentError || error instanceof TemporaryError) return error;
  const code = errnoOf(error);
  if (code === undefined && error instanceof Error) return error;
  if (code === 'EDQUOT') return new TemporaryError('4.2.2', 'user is over quota (#4.2.2)', error);
  return troubleWith('Temporary error on maildir delivery. (#4.3.0)', error);
}
