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
import { wireString, wireText } from '../../../protocols/imap/wire-lines.js';
import type { Charsets } from '../../../protocols/mime/charset.js';
import { filterFields } from '../../../protocols/mime/header-lines.js';
import type { MessageFacts } from '../../../stores/mailboxes/mailbox-types.js';
import type { MailboxView } from '../../../stores/mailboxes/mailbox-view.js';
import { sizesEntry, type ViewCache } from '../../../stores/mailboxes/operations/cache.js';
import { flagsLines } from '../changes.js';
import type { FlagLists } from '../flag-lists.js';
import type { AnswerBuffer } from './answer-buffer.js';
import { binaryPieces, clip, measure, UnknownEncoding } from './binary.js';
import { type FetchPlan, isCached, type PlannedItem } from './fetch-plan.js';
import { MessageText, type TextAccess } from './message-text.js';
import { previewText } from './preview.js';

/** The connection cannot go on: a literal is not as long as it was announced. */
export class BrokenAnswer extends Error {}

export interface FetchWorld extends TextAccess {
  readonly charsets: Charsets;
  readonly flags: FlagLists;
  /** Answers name messages by their UIDs. */
  readonly isUidOnly?: boolean;
  /** Open while there is something in it that may be asked for; undefined: nothing is. */
  readonly cache?: ViewCache | undefined;
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
  readonly #cheap: readonly PlannedItem[];
  readonly #costly: readonly PlannedItem[];
  /** Of the entries of the cache. */
  readonly #previewAt: number;

  constructor(view: MailboxView, plan: FetchPlan, out: AnswerBuffer, world: FetchWorld) {
    this.#view = view;
    this.#plan = plan;
    this.#out = out;
    this.#world = world;
    this.#cheap = plan.items.filter(({ item }) => isCheapItem(item));
    this.#costly = plan.items.filter(({ item }) => !isCheapItem(item));
    this.#previewAt = plan.cached?.indexOf('PREVIEW') ?? -1;
  }

  /**
   * Answers for one message; at once where no file has to be opened.
   * @param showsFlags the flags are told although they were not asked for: \Seen was set
   * @throws TemporaryError with nothing written, BrokenAnswer
   */
  message(sequence: number, showsFlags: boolean): Answered | Promise<Answered> {
    if (!this.#plan.needsFacts) return this.#withFacts(sequence, undefined, showsFlags);
    const facts = this.#view.facts(sequence);
    if (facts === undefined) return 'gone';
    if (facts instanceof Promise)
      return facts.then((read) => (read === undefined ? 'gone' : this.#withFacts(sequence, read, showsFlags)));
    return this.#withFacts(sequence, facts, showsFlags);
  }

  #withFacts(sequence: number, facts: MessageFacts | undefined, showsFlags: boolean): Answered | Promise<Answered> {
    const { cached } = this.#plan;
    const values = cached === undefined ? [] : this.#world.cache?.find(sequence, cached);
    if (values === undefined || (this.#plan.needsText && cached === undefined))
      return this.#reading(sequence, facts, showsFlags);
    return this.#known(sequence, facts, values, showsFlags) ? 'answered' : 'gone';
  }

  /** The answer of a message whose text need not be read. @param values as `plan.cached` names them */
  #known(sequence: number, facts: MessageFacts | undefined, values: readonly Buffer[], showsFlags: boolean): boolean {
    if (!this.#start(sequence, facts, values[this.#previewAt], showsFlags)) return false;
    let isFirst = this.#cheap.length === 0 && !showsFlags;
    for (const [index, name] of (this.#plan.cached ?? []).entries()) {
      if (index === this.#previewAt) continue;
      this.#name(name, isFirst);
      this.#out.bytes(values[index] ?? nothing);
      isFirst = false;
    }
    this.#out.text(')\r\n');
    return true;
  }

  async #reading(sequence: number, facts: MessageFacts | undefined, showsFlags: boolean): Promise<Answered> {
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
    const preview = this.#plan.hasPreview ? await this.#preview(text) : undefined;
    const prepared: PreparedValue[] = [];
    try {
      for (const planned of this.#costly) prepared.push(await this.#prepare(planned, text));
    } catch (error) {
      if (error instanceof UnknownEncoding) return 'unknown encoding';
      throw error;
    }
    if (!this.#start(sequence, facts, preview, showsFlags)) return 'gone';
    const isBare = this.#cheap.length === 0 && !showsFlags;
    try {
      for (const [index, value] of prepared.entries()) {
        this.#name(this.#costly[index]?.name ?? '', isBare && index === 0);
        if (typeof value === 'function') await value();
        else this.#out.bytes(value);
      }
    } catch (error) {
      throw new BrokenAnswer('a message could not be sent as announced', { cause: error });
    }
    this.#out.text(')\r\n');
    await this.#keep(sequence, text, preview, prepared);
    return 'answered';
  }

  /** What was worked out is there the next time. */
  async #keep(
    sequence: number,
    text: MessageText,
    preview: Buffer | undefined,
    prepared: readonly PreparedValue[],
  ): Promise<void> {
    const { cache } = this.#world;
    if (cache === undefined) return;
    const entries: (readonly [string, Buffer])[] = preview === undefined ? [] : [['PREVIEW', preview]];
    for (const [index, value] of prepared.entries()) {
      const planned = this.#costly[index];
      if (planned !== undefined && typeof value !== 'function' && isCached(planned.item))
        entries.push([planned.name, value]);
    }
    if (entries.length === 0) return;
    const { sizeBytes, wireBytes } = text;
    if (wireBytes !== undefined) entries.push(sizesEntry({ sizeBytes, wireBytes }));
    await cache.note(sequence, entries);
  }

  #name(name: string, isFirst: boolean): void {
    if (!isFirst) this.#out.text(' ');
    this.#out.text(name);
    this.#out.text(' ');
  }

  async #preview(text: MessageText): Promise<Buffer> {
    return Buffer.from(utf8String(await previewText(text, this.#world.charsets)), 'latin1');
  }

  /** Up to the items that need the text. @returns false, with nothing written, when the message is gone */
  #start(sequence: number, facts: MessageFacts | undefined, preview: Buffer | undefined, showsFlags: boolean): boolean {
    const flags = this.#world.flags.of(sequence);
    if (flags === undefined) return false;
    const out = this.#out;
    // A keyword of another session is told before it is used.
    if (this.#view.takeNewKeywords()) for (const line of flagsLines(this.#view)) out.text(`* ${line}\r\n`);
    out.text('* ');
    // RFC 9586.
    out.number(this.#world.isUidOnly ? (this.#view.uids[sequence - 1] ?? 0) : sequence);
    out.text(this.#world.isUidOnly ? ' UIDFETCH (' : ' FETCH (');
    let isFirst = true;
    for (const { item, name } of this.#cheap) {
      this.#name(name, isFirst);
      isFirst = false;
      if (item.kind === 'preview') out.bytes(preview ?? nothing);
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

  /** Does what may fail before anything is written. */
  async #prepare({ item }: PlannedItem, text: MessageText): Promise<PreparedValue> {
    switch (item.kind) {
      case 'body':
        return this.#section(text, item.section, item.partial);
      case 'binary':
        return this.#binary(text, item.section, item.partial);
      case 'binary-size': {
        const { octets } = await measure(await binaryPieces(text, item.section));
        return Buffer.from(String(octets), 'latin1');
      }
      case 'plain':
        return this.#ofText(item.name, text);
      default:
        return nothing;
    }
  }

  async #ofText(name: PlainItem, text: MessageText): Promise<PreparedValue> {
    if (name === 'RFC822' || name === 'RFC822.HEADER' || name === 'RFC822.TEXT')
      return this.#section(text, oldItems[name], undefined);
    const root = await text.structure();
    return Buffer.from(
      name === 'ENVELOPE' ? formatEnvelope(root.fields) : formatBodyStructure(root, name === 'BODYSTRUCTURE'),
      'latin1',
    );
  }

  async #section(text: MessageText, section: Section, partial: Partial | undefined): Promise<PreparedValue> {
    const isWhole = section.part.length === 0 && section.what === 'ALL';
    if (isWhole && text.whole !== undefined) return this.#whole(text.whole, partial);
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

  #whole(stored: Buffer, partial: Partial | undefined): PreparedValue {
    const sent = stored.length > joinedBytes && partial === undefined ? wireString(stored) : undefined;
    if (sent === undefined) return this.#literal(wireText(stored), partial);
    return async () => {
      this.#out.text(`{${sent.length}}\r\n`);
      this.#out.largeText(sent);
    };
  }

  #literal(octets: Buffer, partial: Partial | undefined): PreparedValue {
    const { first, count } = clipped(octets.length, partial);
    const head = Buffer.from(`{${count}}\r\n`, 'latin1');
    const sent = octets.subarray(first, first + count);
    if (count <= joinedBytes) return Buffer.concat([head, sent]);
    return async () => {
      this.#out.bytes(head);
      this.#out.bytes(sent);
    };
  }

  async #binary(text: MessageText, section: Section, partial: Partial | undefined): Promise<PreparedValue> {
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

/** A value that is at hand, as it stands in the answer, or what writes it. */
type PreparedValue = Buffer | (() => Promise<void>);

const nothing = Buffer.alloc(0);
/** A literal up to this is copied behind its length, and may be kept. */
const joinedBytes = 16 * 1024;

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
