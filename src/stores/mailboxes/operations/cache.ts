// The cache of a mailbox (message-cache/) as one command of a session uses it: by the sequence numbers of its view. Where there is none, nothing is known and nothing is kept.

import type { Mailbox } from '../folder/mailbox.js';
import type { MessageFacts } from '../mailbox-types.js';

const sizes = 'RFC822.SIZE';

export class ViewCache {
  readonly #mailbox: Mailbox;
  readonly #rowOf: (sequence: number) => number;

  /** To be followed by `close`. @param rowOf -1 for a message that is gone */
  static async open(mailbox: Mailbox, rowOf: (sequence: number) => number): Promise<ViewCache> {
    await mailbox.cache?.open(mailbox.uidValidity);
    return new ViewCache(mailbox, rowOf);
  }

  private constructor(mailbox: Mailbox, rowOf: (sequence: number) => number) {
    this.#mailbox = mailbox;
    this.#rowOf = rowOf;
  }

  /** Entries of a message; undefined when not all are known. Good for as long as they are kept. */
  find(sequence: number, names: readonly string[]): readonly Buffer[] | undefined {
    const { cache, table } = this.#mailbox;
    const row = this.#rowOf(sequence);
    return row < 0 ? undefined : cache?.findAll(table.uidAt(row), table.baseAt(row), names);
  }

  /** Keeps entries of a message. @returns to be awaited if it is a promise */
  note(sequence: number, entries: Iterable<readonly [name: string, value: Buffer]>): Promise<void> | undefined {
    const { cache, table } = this.#mailbox;
    const row = this.#rowOf(sequence);
    return row < 0 ? undefined : cache?.note(table.uidAt(row), table.baseAt(row), entries);
  }

  async close(): Promise<void> {
    await this.#mailbox.cache?.close();
  }
}

/** Both sizes of a message as an entry. */
export function sizesEntry({
  sizeBytes,
  wireBytes,
}: Pick<MessageFacts, 'sizeBytes' | 'wireBytes'>): readonly [name: string, value: Buffer] {
  const value = Buffer.allocUnsafe(16);
  value.writeDoubleLE(sizeBytes, 0);
  value.writeDoubleLE(wireBytes, 8);
  return [sizes, value];
}

/** RFC822.SIZE of a message with this size on disk, where it is known. For who has opened the cache. */
export function cachedWireBytes({ cache, table }: Mailbox, row: number, sizeBytes: number): number | undefined {
  const value = cache?.isOpen ? cache.find(table.uidAt(row), table.baseAt(row), sizes) : undefined;
  return value?.length === 16 && value.readDoubleLE(0) === sizeBytes ? value.readDoubleLE(8) : undefined;
}
