// Writes the answer of FETCH for one message after the other (RFC 9051 7.5.2).
//
//   * 2 FETCH (UID 7 FLAGS (\Seen) BODY[1]<0> {5}
//   Hello)
//
// A message that is gone is not answered for. One whose file changes or cannot be read while its octets are being sent leaves the client with a broken answer: the connection must end.

import { createHash } from 'node:crypto';
import { formatDateTime } from '../../../protocols/imap/dates.js';
import { formatBodyStructure, formatEnvelope } from '../../../protocols/imap/envelope.js';
import type { FetchItem, Partial, PlainItem, Section } from '../../../protocols/imap/fetch-items.js';
import { placeOfSection } from '../../../protocols/imap/section-place.js';
import { quotedOrLiteral } from '../../../protocols/imap/strings.js';
import { wireText } from '../../../protocols/imap/wire-lines.js';
import type { Charsets } from '../../../protocols/mime/charset.js';
import { filterFields } from '../../../protocols/mime/header-lines.js';
import type { MessageFacts } from '../../../stores/mailboxes/mailbox-types.js';
import type { MailboxView } from '../../../stores/mailboxes/mailbox-view.js';
import type { FlagLists } from '../flag-lists.js';
import type { AnswerBuffer } from './answer-buffer.js';
import { binaryPieces, clip, measure, UnknownEncoding } from './binary.js';
import type { FetchPlan, PlannedItem } from './fetch-plan.js';
import { MessageText, type TextAccess } from './message-text.js';
import { previewText } from './preview.js';

/** The connection cannot go on: a literal is not as long as it was announced. */
export class BrokenAnswer extends Error {}

export interface FetchWorld extends TextAccess {
  readonly charsets: Charsets;
  readonly flags: FlagLists;
}

/** What became of a message. */
export type Answered = 'answered' | 'gone' | 'unknown encoding';

const wholeMessage: Section = { part: [], what: 'ALL', fields: [] };
const oldItems: Readonly<Record<'RFC822' | 'RFC822.HEADER' | 'RFC822.TEXT', Section>> = {
  RFC822: wholeMessage,
  'RFC822.HEADER': { ...wholeMessage, what: 'HEADER' },
  'RFC822.TEXT': { ...wholeMessage, what: 'TEXT' },
};

export class FetchAnswer {
  readonly #view: MailboxView;
  readonly #plan: FetchPlan;
  readonly #out: AnswerBuffer;
  readonly #world: FetchWorld;

  constructor(view: MailboxView, plan: FetchPlan, out: AnswerBuffer, world: FetchWorld) {
    this.#view = view;
    this.#plan = plan;
    this.#out = out;
    this.#world = world;
  }

  /**
   * Answers for one message; at once where no file has to be opened.
   * @param showsFlags the flags are told although they were not asked for: \Seen was set
   * @throws TemporaryError with nothing written, BrokenAnswer
   */
  message(sequence: number, showsFlags: boolean): Answered | Promise<Answered> {
    if (this.#plan.needsText || this.#plan.needsFacts) return this.#withMore(sequence, showsFlags);
    return this.#cheap(sequence, undefined, '', showsFlags) ? 'answered' : 'gone';
  }

  async #withMore(sequence: number, showsFlags: boolean): Promise<Answered> {
    const known = this.#plan.needsFacts ? this.#view.facts(sequence) : undefined;
    const facts = known instanceof Promise ? await known : known;
    if (this.#plan.needsFacts && facts === undefined) return 'gone';
    if (!this.#plan.needsText) return this.#cheap(sequence, facts, '', showsFlags) ? 'answered' : 'gone';
    const text = await MessageText.open(this.#view, sequence, this.#world);
    if (text === undefined) return 'gone';
    try {
      return await this.#withText(sequence, facts, text, showsFlags);
    } finally {
      text.close();
    }
  }

  async #withText(
    sequence: number,
    facts: MessageFacts | undefined,
    text: MessageText,
    showsFlags: boolean,
  ): Promise<Answered> {
    const hasPreview = this.#plan.items.some(({ item }) => item.kind === 'preview');
    const preview = hasPreview ? await previewText(text, this.#world.charsets) : '';
    const costly = this.#plan.items.filter(({ item }) => !isCheapItem(item));
    const prepared: (() => Promise<void>)[] = [];
    try {
      for (const planned of costly) prepared.push(await this.#prepare(planned, text));
    } catch (error) {
      if (error instanceof UnknownEncoding) return 'unknown encoding';
      throw error;
    }
    if (!this.#start(sequence, facts, preview, showsFlags)) return 'gone';
    const isBare = costly.length === this.#plan.items.length && !showsFlags;
    try {
      for (const [index, write] of prepared.entries()) {
        this.#out.text(`${isBare && index === 0 ? '' : ' '}${costly[index]?.name} `);
        await write();
      }
    } catch (error) {
      throw new BrokenAnswer('a message could not be sent as announced', { cause: error });
    }
    this.#out.text(')\r\n');
    return 'answered';
  }

  #cheap(sequence: number, facts: MessageFacts | undefined, preview: string, showsFlags: boolean): boolean {
    if (!this.#start(sequence, facts, preview, showsFlags)) return false;
    this.#out.text(')\r\n');
    return true;
  }

  /** Up to the items that need the text. @returns false, with nothing written, when the message is gone */
  #start(sequence: number, facts: MessageFacts | undefined, preview: string, showsFlags: boolean): boolean {
    const flags = this.#world.flags.of(sequence);
    if (flags === undefined) return false;
    const out = this.#out;
    out.text('* ');
    out.number(sequence);
    out.text(' FETCH (');
    let isFirst = true;
    for (const { item, name } of this.#plan.items) {
      if (!isCheapItem(item)) continue;
      if (!isFirst) out.text(' ');
      out.text(name);
      out.text(' ');
      isFirst = false;
      if (item.kind === 'preview') out.bytes(Buffer.from(utf8String(preview), 'latin1'));
      else if (item.kind === 'plain') this.#plain(item.name, sequence, facts, flags);
    }
    if (showsFlags && !this.#plan.hasFlags) {
      out.text(isFirst ? 'FLAGS ' : ' FLAGS ');
      out.bytes(flags);
    }
    return true;
  }

  #plain(name: PlainItem, sequence: number, facts: MessageFacts | undefined, flags: Buffer): void {
    const out = this.#out;
    if (name === 'UID') out.number(this.#view.uids[sequence - 1] ?? 0);
    else if (name === 'FLAGS') out.bytes(flags);
    else if (name === 'MODSEQ') {
      out.text('(');
      out.number(this.#view.modSeqAt(sequence));
      out.text(')');
    } else if (name === 'RFC822.SIZE') out.number(facts?.wireBytes ?? 0);
    else if (name === 'INTERNALDATE') out.text(localDateTime(facts?.internalDateMs ?? 0));
    else if (name === 'SAVEDATE') out.text(localDateTime(facts?.savedMs ?? 0));
    else if (name === 'EMAILID') out.text(`(${emailId(this.#view.guidAt(sequence))})`);
    else out.text('NIL');
  }

  /** Does what may fail before anything is written. @returns writes the value */
  async #prepare({ item }: PlannedItem, text: MessageText): Promise<() => Promise<void>> {
    switch (item.kind) {
      case 'body':
        return this.#section(text, item.section, item.partial);
      case 'binary':
        return this.#binary(text, item.section, item.partial);
      case 'binary-size': {
        const { octets } = await measure(await binaryPieces(text, item.section));
        return async () => this.#out.number(octets);
      }
      case 'plain':
        return this.#costly(item.name, text);
      default:
        return async () => {};
    }
  }

  async #costly(name: PlainItem, text: MessageText): Promise<() => Promise<void>> {
    if (name === 'RFC822' || name === 'RFC822.HEADER' || name === 'RFC822.TEXT')
      return this.#section(text, oldItems[name], undefined);
    const root = await text.structure();
    const answer =
      name === 'ENVELOPE' ? formatEnvelope(root.fields) : formatBodyStructure(root, name === 'BODYSTRUCTURE');
    return async () => this.#out.text(answer);
  }

  async #section(text: MessageText, section: Section, partial: Partial | undefined): Promise<() => Promise<void>> {
    const isWhole = section.part.length === 0 && section.what === 'ALL';
    if (isWhole && text.whole !== undefined) return this.#literal(wireText(text.whole), partial);
    const place = placeOfSection(await text.structure(), section);
    if (place === undefined) return this.#literal(Buffer.alloc(0), undefined);
    if (section.what.startsWith('HEADER.FIELDS')) {
      const names = new Set(section.fields.map(({ name }) => name.toLowerCase()));
      const header = await text.stored(place.start, Math.min(place.bytes, mostHeaderBytes));
      return this.#literal(wireText(filterFields(header, names, section.what === 'HEADER.FIELDS')), partial);
    }
    const { first, count } = clipped(place.crlfBytes, partial);
    return async () => {
      this.#out.text(`{${count}}\r\n`);
      await this.#send(text.octets(place, first, count), count);
    };
  }

  #literal(octets: Buffer, partial: Partial | undefined): () => Promise<void> {
    const { first, count } = clipped(octets.length, partial);
    return async () => {
      this.#out.text(`{${count}}\r\n`);
      this.#out.bytes(octets.subarray(first, first + count));
    };
  }

  async #binary(text: MessageText, section: Section, partial: Partial | undefined): Promise<() => Promise<void>> {
    const pieces = await binaryPieces(text, section);
    const { octets, hasNul } = await measure(pieces);
    const { first, count } = clipped(octets, partial);
    return async () => {
      this.#out.text(`${hasNul ? '~' : ''}{${count}}\r\n`);
      await this.#send(clip(pieces(), first, count), count);
    };
  }

  async #send(pieces: AsyncIterable<Buffer>, count: number): Promise<void> {
    let sent = 0;
    for await (const piece of pieces) {
      sent += piece.length;
      this.#out.bytes(piece);
      const taken = this.#out.taken();
      if (taken !== undefined) await taken;
    }
    if (sent !== count) throw new Error(`${sent} octets instead of ${count}`);
  }
}

/** Of a header of which fields are picked. */
const mostHeaderBytes = 16 * 1024 * 1024;

function isCheapItem(item: FetchItem): boolean {
  if (item.kind === 'preview') return true;
  return item.kind === 'plain' && !textItems.has(item.name);
}

const textItems: ReadonlySet<PlainItem> = new Set<PlainItem>([
  'ENVELOPE',
  'BODYSTRUCTURE',
  'BODY',
  'RFC822',
  'RFC822.HEADER',
  'RFC822.TEXT',
]);

function clipped(octets: number, partial: Partial | undefined): { readonly first: number; readonly count: number } {
  const first = Math.min(octets, partial?.start ?? 0);
  return { first, count: Math.min(octets - first, partial?.bytes ?? octets) };
}

/** In the server's zone, as Dovecot shows it. */
function localDateTime(timeMs: number): string {
  return formatDateTime(Math.floor(timeMs / 1000), -new Date(timeMs).getTimezoneOffset());
}

/** RFC 8474 4.2: characters that an id may have, the same for every copy of a message. */
export function emailId(guid: string): string {
  return `M${createHash('sha256').update(guid, 'latin1').digest('hex').slice(0, 32)}`;
}

/** The bytes of UTF-8 as a Latin-1 string of IMAP. */
function utf8String(text: string): string {
  return quotedOrLiteral(Buffer.from(text, 'utf8').toString('latin1'));
}
