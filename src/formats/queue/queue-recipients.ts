// The recipients of a queued message on one channel: local/S/N and remote/S/N of qmail's queue (formats/qmail.md 3.5).
//
//   Tjoe@example.jp NUL          to do
//   Dann@example.jp NUL          done: delivered, or failed for good and noted in bounce/N
//
// Addresses are already rewritten. The file is written once, when the message is preprocessed; afterwards only letters change, one byte in place, by whoever holds
// lock/sendmutex. Any other letter is trouble: nothing behind it can be trusted. A last record without its NUL is ignored. When no `T` is left the file is removed.
//
// A file may hold tens of thousands of recipients, so it is read record by record.

export interface RecipientRecord {
  /** `unknown`: another letter than T and D. */
  readonly state: 'todo' | 'done' | 'unknown';
  readonly address: string;
  /** Where its letter stands in the file. */
  readonly offset: number;
}

/** The letters that a record begins with. */
export const letters = { todo: 0x54, done: 0x44 } as const;

/** The record that begins at `offset`; undefined at the end of the file. */
export function recipientAt(bytes: Buffer, offset: number): RecipientRecord | undefined {
  const end = bytes.indexOf(0, offset);
  if (end < 0) return undefined;
  return { state: stateOf(bytes[offset]), address: bytes.toString('latin1', offset + 1, end), offset };
}

/** Where the next record begins. */
export function offsetBehind(record: RecipientRecord): number {
  return record.offset + record.address.length + 2;
}

/** All records of a file in file order, up to one with an unknown letter, which is the last then. */
export function parseRecipients(bytes: Buffer): RecipientRecord[] {
  const records: RecipientRecord[] = [];
  for (let record = recipientAt(bytes, 0); record !== undefined; record = recipientAt(bytes, offsetBehind(record))) {
    records.push(record);
    if (record.state === 'unknown') break;
  }
  return records;
}

/** The bytes of a file with these recipients, none of them done, or as their states say; the mirror of `parseRecipients`. */
export function serializeRecipients(
  records: Iterable<string | { readonly state: 'todo' | 'done'; readonly address: string }>,
): Buffer {
  let text = '';
  for (const record of records) {
    if (typeof record === 'string') text += `T${record}\0`;
    else text += `${record.state === 'done' ? 'D' : 'T'}${record.address}\0`;
  }
  return Buffer.from(text, 'latin1');
}

function stateOf(letter: number | undefined): RecipientRecord['state'] {
  if (letter === letters.todo) return 'todo';
  return letter === letters.done ? 'done' : 'unknown';
}
