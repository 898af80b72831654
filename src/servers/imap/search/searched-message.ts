// One message that is looked at by SEARCH, SORT or THREAD: what costs a file is read when it is asked for, once. The fields that people search and sort by are kept in the mailbox's cache, as they
// stand in the message: the next search of this kind opens no message.
//
//   LF subject: hello LF date: Mon, 2 Mar 2026 00:00:00 +0000 LF        names in lower case; values as stored, in which every LF has a blank behind it

import type { Charsets } from '../../../protocols/mime/charset.js';
import { headerFields } from '../../../protocols/mime/header-lines.js';
import type { MessageFacts } from '../../../stores/mailboxes/mailbox-types.js';
import type { MailboxView } from '../../../stores/mailboxes/mailbox-view.js';
import type { ViewCache } from '../../../stores/mailboxes/operations/cache.js';
import { MessageText, type TextAccess } from '../fetch/message-text.js';
import { type NowOrLater, whenRead } from './when-read.js';

export interface SearchWorld extends TextAccess {
  readonly view: MailboxView;
  readonly charsets: Charsets;
  readonly cache: ViewCache | undefined;
}

/** Where the cache has them. */
const keptEntry = 'SEARCHED-FIELDS';
const keptFields: ReadonlySet<string> = new Set([
  'bcc',
  'cc',
  'date',
  'from',
  'in-reply-to',
  'message-id',
  'references',
  'reply-to',
  'sender',
  'subject',
  'to',
]);
/** What few messages have more of is not kept. */
const mostKeptBytes = 8 * 1024;

/** Values by names in lower case, as stored and still folded, in their order. */
type Fields = ReadonlyMap<string, readonly string[]>;

export class SearchedMessage {
  readonly sequence: number;
  readonly uid: number;
  readonly world: SearchWorld;
  #text: MessageText | undefined;
  #isOpened = false;
  #fields: Fields | undefined;
  #kept: string | undefined;
  /** Whether something could not be read because another session has expunged it. */
  isGone = false;

  constructor(world: SearchWorld, sequence: number) {
    this.world = world;
    this.sequence = sequence;
    this.uid = world.view.uids[sequence - 1] ?? 0;
  }

  /** undefined when it is gone */
  facts(): NowOrLater<MessageFacts | undefined> {
    return whenRead(this.world.view.facts(this.sequence), (facts) => this.#unlessGone(facts));
  }

  #unlessGone<T>(read: T | undefined): T | undefined {
    if (read === undefined) this.isGone = true;
    return read;
  }

  /** undefined when it is gone */
  async text(): Promise<MessageText | undefined> {
    if (!this.#isOpened) {
      this.#isOpened = true;
      this.#text = this.#unlessGone(await MessageText.open(this.world.view, this.sequence, this.world));
    }
    return this.#text;
  }

  /** The values of a field of the header, as stored and still folded, in their order. @param name in lower case */
  field(name: string): NowOrLater<readonly string[]> {
    if (this.#fields !== undefined) return this.#fields.get(name) ?? [];
    const kept = keptFields.has(name) ? this.#findKept() : '';
    if (kept !== '') return valuesIn(kept, name);
    return this.#readFields().then((fields) => {
      this.#fields = fields;
      return fields.get(name) ?? [];
    });
  }

  /** What the cache has of the header; '' when it has nothing. */
  #findKept(): string {
    if (this.#kept === undefined) {
      const [bytes] = this.world.cache?.find(this.sequence, [keptEntry]) ?? [];
      this.#kept = bytes?.toString('latin1') ?? '';
    }
    return this.#kept;
  }

  async #readFields(): Promise<Fields> {
    const header = await (await this.text())?.header();
    if (header === undefined) return new Map();
    const fields = fieldsOf(header);
    const { cache } = this.world;
    const kept = cache && keep(fields);
    if (kept !== undefined && kept.length <= mostKeptBytes) await cache?.note(this.sequence, [[keptEntry, kept]]);
    return fields;
  }

  close(): void {
    this.#text?.close();
  }
}

function keep(fields: Fields): Buffer {
  let kept = '';
  for (const name of keptFields)
    for (const value of fields.get(name) ?? [])
      kept += `\n${name}:${value.endsWith('\n') ? value.slice(0, -1) : value}`;
  return Buffer.from(`${kept}\n`, 'latin1');
}

/** The values of a field in what `keep` has made, each with its line end. */
function valuesIn(kept: string, name: string): string[] {
  const values: string[] = [];
  const begin = `\n${name}:`;
  for (let at = kept.indexOf(begin); at >= 0; ) {
    let end = at + begin.length;
    do end = kept.indexOf('\n', end) + 1;
    while (kept[end] === ' ' || kept[end] === '\t');
    values.push(kept.slice(at + begin.length, end));
    at = kept.indexOf(begin, end - 1);
  }
  return values;
}

function fieldsOf(header: Buffer): Fields {
  const fields = new Map<string, string[]>();
  for (const { name, valueStart, end } of headerFields(header)) {
    const value = header.toString('latin1', valueStart, end);
    const known = fields.get(name);
    if (known === undefined) fields.set(name, [value]);
    else known.push(value);
  }
  return fields;
}
