// One message that is looked at by SEARCH, SORT or THREAD: what costs a file is read when it is asked for, once.

import type { Charsets } from '../../../protocols/mime/charset.js';
import { headerFields } from '../../../protocols/mime/header-lines.js';
import type { MessageFacts } from '../../../stores/mailboxes/mailbox-types.js';
import type { MailboxView } from '../../../stores/mailboxes/mailbox-view.js';
import { MessageText, type TextAccess } from '../fetch/message-text.js';

export interface SearchWorld extends TextAccess {
  readonly view: MailboxView;
  readonly charsets: Charsets;
}

export class SearchedMessage {
  readonly sequence: number;
  readonly uid: number;
  readonly world: SearchWorld;
  #text: MessageText | undefined;
  #isOpened = false;
  #fields: Map<string, string[]> | undefined;
  /** Whether something could not be read because another session has expunged it. */
  isGone = false;

  constructor(world: SearchWorld, sequence: number) {
    this.world = world;
    this.sequence = sequence;
    this.uid = world.view.uids[sequence - 1] ?? 0;
  }

  /** undefined when it is gone */
  facts(): MessageFacts | undefined | Promise<MessageFacts | undefined> {
    const facts = this.world.view.facts(this.sequence);
    return facts instanceof Promise ? facts.then((read) => this.#unlessGone(read)) : this.#unlessGone(facts);
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
  async field(name: string): Promise<readonly string[]> {
    if (this.#fields === undefined) this.#fields = await this.#readFields();
    return this.#fields.get(name) ?? [];
  }

  async #readFields(): Promise<Map<string, string[]>> {
    const fields = new Map<string, string[]>();
    const header = await (await this.text())?.header();
    if (header === undefined) return fields;
    for (const { name, valueStart, end } of headerFields(header)) {
      const value = header.toString('latin1', valueStart, end);
      const known = fields.get(name);
      if (known === undefined) fields.set(name, [value]);
      else known.push(value);
    }
    return fields;
  }

  close(): void {
    this.#text?.close();
  }
}
