// The message of an attempt, read from its file in pieces and encoded for the wire as it goes (protocols/smtp-body.ts).
//
// A message up to 64 KiB is read once and kept encoded, for all sessions of the attempt. A larger one is never in memory as a whole: it is read once for what has to be known before
// it is sent (8-bit bytes, the size on the wire, whether the last line is ended) and again for each sending. Nobody changes a file of the queue; one that became shorter meanwhile
// is a read error, and the end mark is not sent.

import fs from 'node:fs';
import { errnoOf } from '../../errors.js';
import { bytesPath } from '../../files/read.js';
import { SmtpBodyEncoder } from '../../protocols/smtp-body.js';
import { fixedReports, type MessageReport } from './reports.js';

/** What has to be known before a message is sent. */
export interface MessageTraits {
  readonly hasEightBit: boolean;
  /** Without the end mark. */
  readonly wireBytes: number;
  /** Whether the last line is ended; SMTP cannot send it otherwise. */
  readonly isComplete: boolean;
}

/** The message cannot be sent; the report says why. */
export class MessageTrouble extends Error {
  readonly report: MessageReport;
  constructor(report: MessageReport, cause?: unknown) {
    super(report.text, { cause });
    this.report = report;
  }
}

const smallBytes = 64 * 1024;
const pieceBytes = 256 * 1024;

/** Where the bytes are: an open file, or a buffer. */
type Source = { readonly fd: number; readonly sizeBytes: number } | { readonly bytes: Buffer };

export class OutgoingMessage {
  readonly #source: Source;
  #traits: MessageTraits | undefined;
  /** Encoded, where it is small. */
  #encoded: Buffer | undefined;

  private constructor(source: Source) {
    this.#source = source;
  }

  /** Opens a file of the queue by its disk path. @throws MessageTrouble */
  static open(path: string): OutgoingMessage {
    let fd: number;
    try {
      fd = fs.openSync(bytesPath(path), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    } catch (error) {
      throw new MessageTrouble(fixedReports.unopenedMessage, error);
    }
    try {
      return OutgoingMessage.ofDescriptor(fd);
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
  }

  /** The whole of an open file, which belongs to the message from here on. @throws MessageTrouble */
  static ofDescriptor(fd: number): OutgoingMessage {
    const status = fs.fstatSync(fd);
    if (!status.isFile()) throw new MessageTrouble(fixedReports.wrongType);
    return new OutgoingMessage({ fd, sizeBytes: status.size });
  }

  static ofBytes(bytes: Buffer): OutgoingMessage {
    return new OutgoingMessage({ bytes });
  }

  /** @throws MessageTrouble when it cannot be read */
  async traits(): Promise<MessageTraits> {
    if (this.#traits !== undefined) return this.#traits;
    const encoder = new SmtpBodyEncoder();
    const kept: Buffer[] = [];
    for await (const piece of this.#pieces()) {
      const encoded = encoder.encode(piece);
      if (this.#isSmall) kept.push(encoded);
    }
    const isComplete = encoder.isComplete;
    kept.push(encoder.end());
    if (this.#isSmall) this.#encoded = Buffer.concat(kept);
    this.#traits = { hasEightBit: encoder.hasEightBit, wireBytes: encoder.wireBytes, isComplete };
    return this.#traits;
  }

  /** What is sent, without the end mark. @throws MessageTrouble when it cannot be read to its end */
  async *wire(): AsyncGenerator<Buffer, void, undefined> {
    if (this.#isSmall) await this.traits();
    if (this.#encoded !== undefined) return void (yield this.#encoded);
    const encoder = new SmtpBodyEncoder();
    for await (const piece of this.#pieces()) yield encoder.encode(piece);
    yield encoder.end();
  }

  close(): void {
    if ('fd' in this.#source) fs.closeSync(this.#source.fd);
  }

  get #isSmall(): boolean {
    return 'bytes' in this.#source || this.#source.sizeBytes <= smallBytes;
  }

  async *#pieces(): AsyncGenerator<Buffer, void, undefined> {
    if ('bytes' in this.#source) return void (yield this.#source.bytes);
    const { fd, sizeBytes } = this.#source;
    for (let position = 0; position < sizeBytes; ) {
      const piece = Buffer.allocUnsafe(Math.min(pieceBytes, sizeBytes - position));
      const count = await this.#read(fd, piece, position);
      if (count === 0) throw new MessageTrouble(fixedReports.unreadableMessage);
      yield piece.subarray(0, count);
      position += count;
    }
  }

  /** A small message is in the kernel's memory most of the time: asking the thread pool for it takes longer than reading it. */
  #read(fd: number, piece: Buffer, position: number): number | Promise<number> {
    if (!this.#isSmall) return readLater(fd, piece, position);
    try {
      return fs.readSync(fd, piece, 0, piece.length, position);
    } catch (error) {
      throw unreadable(error);
    }
  }
}

function readLater(fd: number, piece: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, piece, 0, piece.length, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(unreadable(error));
    });
  });
}

function unreadable(error: unknown): MessageTrouble {
  return new MessageTrouble(fixedReports.unreadableMessage, new Error(errnoOf(error) ?? 'unknown', { cause: error }));
}
