// The text of one message while a command answers for it. A small message is read once as a whole; of a large one only pieces are in memory at any time.
//
// Octets that are sent are told before they are sent, so they are counted in the file itself: what a file name says of its size may be wrong.

import type { FileReads } from '../../../files/file-reads.js';
import type { SectionPlace } from '../../../protocols/imap/section-place.js';
import { WireLines, wireText } from '../../../protocols/imap/wire-lines.js';
import { bodyStartIn } from '../../../protocols/mime/header-lines.js';
import { type MimePart, parseStructure, StructureParser } from '../../../protocols/mime/structure.js';
import type { OpenedMessage } from '../../../stores/mailboxes/mailbox-types.js';
import type { MailboxView } from '../../../stores/mailboxes/mailbox-view.js';

/** A message up to this is read as a whole. */
const wholeBytes = 256 * 1024;
const pieceBytes = 64 * 1024;
/** Of a header that is looked at as a whole. */
const mostHeaderBytes = 4 * 1024 * 1024;

/** What is kept of the large message that was asked for last: clients take large messages in pieces. */
export interface LargeMessageMemory {
  uid: number;
  sizeBytes: number;
  internalDateMs: number;
  structure: MimePart | undefined;
  /** Where a piece ended: at so many sent octets behind the beginning of a place there are so many stored bytes. */
  cursor: { readonly start: number; readonly octets: number; readonly bytes: number } | undefined;
}

export function noLargeMessage(): LargeMessageMemory {
  return { uid: 0, sizeBytes: 0, internalDateMs: 0, structure: undefined, cursor: undefined };
}

export interface TextAccess {
  readonly reads: FileReads;
  readonly memory: LargeMessageMemory;
  /** Where small messages are read to, one after the other: nothing of one may be kept when the next is opened. */
  readonly room: ReadingRoom;
}

/** Memory that is used again and again: to make and drop it for each message costs more than to read the message. */
export class ReadingRoom {
  #bytes: Buffer = Buffer.alloc(0);

  /** @returns so many bytes, of any value */
  of(bytes: number): Buffer {
    if (bytes > this.#bytes.length)
      this.#bytes = Buffer.allocUnsafeSlow(Math.min(wholeBytes, Math.max(pieceBytes, 2 * bytes)));
    return this.#bytes.subarray(0, bytes);
  }
}

export class MessageText {
  readonly #message: OpenedMessage;
  readonly #access: TextAccess;
  /** The file, when it is small. */
  readonly whole: Buffer | undefined;
  #structure: MimePart | undefined;
  #header: Buffer | undefined;

  /** @returns undefined when the message is gone @throws TemporaryError */
  static async open(view: MailboxView, sequence: number, access: TextAccess): Promise<MessageText | undefined> {
    const message = await view.openMessage(sequence);
    if (message === undefined) return undefined;
    try {
      const whole = message.sizeBytes <= wholeBytes ? await readWhole(message, access) : undefined;
      if (whole === undefined) remember(access.memory, view.uids[sequence - 1] ?? 0, message);
      return new MessageText(message, whole, access);
    } catch (error) {
      message.close();
      throw error;
    }
  }

  private constructor(message: OpenedMessage, whole: Buffer | undefined, access: TextAccess) {
    this.#message = message;
    this.whole = whole;
    this.#access = access;
  }

  /** Bytes of the file. */
  get sizeBytes(): number {
    return this.#message.sizeBytes;
  }

  /** Octets of the message as IMAP sends it; undefined when its structure was not asked for. */
  get wireBytes(): number | undefined {
    const root = this.#structure;
    return root && root.header.crlfBytes + root.body.crlfBytes;
  }

  close(): void {
    this.#message.close();
  }

  /** The parts of the message. */
  async structure(): Promise<MimePart> {
    if (this.#structure === undefined) {
      this.#structure = this.whole === undefined ? await this.#structureOfLarge() : parseStructure(this.whole);
    }
    return this.#structure;
  }

  async #structureOfLarge(): Promise<MimePart> {
    const { memory } = this.#access;
    if (memory.structure !== undefined) return memory.structure;
    const parser = new StructureParser();
    for await (const piece of this.#pieces(0, this.#message.sizeBytes)) parser.write(piece);
    memory.structure = parser.end();
    return memory.structure;
  }

  /** The header with its empty line, as stored; the beginning of one that is absurdly long. */
  async header(): Promise<Buffer> {
    if (this.#header === undefined)
      this.#header = this.whole === undefined ? await this.#headerOfLarge() : headOf(this.whole);
    return this.#header;
  }

  async #headerOfLarge(): Promise<Buffer> {
    let head = Buffer.alloc(0);
    for await (const piece of this.#pieces(0, mostHeaderBytes)) {
      head = Buffer.concat([head, piece]);
      const end = bodyStartIn(head);
      if (end >= 0) return head.subarray(0, end);
    }
    return head;
  }

  /** Stored bytes, whole. For parts that are small. */
  async stored(start: number, bytes: number): Promise<Buffer> {
    if (this.whole !== undefined) return this.whole.subarray(start, start + bytes);
    const pieces: Buffer[] = [];
    for await (const piece of this.#pieces(start, bytes)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  }

  /** Stored bytes in pieces, which are good until the next is asked for. */
  async *pieces(place: SectionPlace): AsyncGenerator<Buffer, void, undefined> {
    if (this.whole === undefined) yield* this.#pieces(place.start, place.bytes);
    else yield this.whole.subarray(place.start, place.start + place.bytes);
  }

  /** What is sent for a place, from an octet on: exactly as many octets as were asked for and are there, unless the file changes meanwhile. */
  async *octets(place: SectionPlace, first: number, count: number): AsyncGenerator<Buffer, void, undefined> {
    if (this.whole !== undefined) {
      const sent = wireText(this.whole.subarray(place.start, place.start + place.bytes));
      yield sent.subarray(first, first + count);
      return;
    }
    const { memory } = this.#access;
    const known = memory.cursor;
    const isKnown = known !== undefined && known.start === place.start && known.octets <= first;
    let [octets, bytes] = isKnown ? [known.octets, known.bytes] : [0, 0];
    const lines = new WireLines();
    // What stands before the place where a piece ended decides whether a line feed there is bare.
    if (bytes > 0) lines.take(await this.stored(place.start + bytes - 1, 1));
    for await (const piece of this.#pieces(place.start + bytes, place.bytes - bytes)) {
      if (octets <= first) memory.cursor = { start: place.start, octets, bytes };
      const sent = lines.take(piece);
      const from = Math.max(0, first - octets);
      const to = Math.min(sent.length, first + count - octets);
      if (to > from) yield from === 0 && to === sent.length ? sent : sent.subarray(from, to);
      octets += sent.length;
      bytes += piece.length;
      if (octets <= first + count) memory.cursor = { start: place.start, octets, bytes };
      if (octets >= first + count) return;
    }
  }

  async *#pieces(start: number, bytes: number): AsyncGenerator<Buffer, void, undefined> {
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, bytes));
    for (let at = 0; at < bytes; ) {
      const wanted = Math.min(piece.length, bytes - at);
      const count = await this.#access.reads.read(this.#message.fd, piece.subarray(0, wanted), start + at);
      if (count === 0) return;
      yield piece.subarray(0, count);
      at += count;
    }
  }
}

async function readWhole(message: OpenedMessage, { reads, room }: TextAccess): Promise<Buffer> {
  const whole = room.of(message.sizeBytes);
  let at = 0;
  while (at < whole.length) {
    const count = await reads.read(message.fd, whole.subarray(at, at + pieceBytes), at);
    if (count === 0) break;
    at += count;
  }
  return whole.subarray(0, at);
}

function headOf(whole: Buffer): Buffer {
  const end = bodyStartIn(whole);
  return end < 0 ? whole : whole.subarray(0, end);
}

function remember(memory: LargeMessageMemory, uid: number, { sizeBytes, internalDateMs }: OpenedMessage): void {
  if (memory.uid === uid && memory.sizeBytes === sizeBytes && memory.internalDateMs === internalDateMs) return;
  Object.assign(memory, { uid, sizeBytes, internalDateMs, structure: undefined, cursor: undefined });
}
