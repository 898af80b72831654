// Envelopes of qmail's queue: who sent a message and whom it is for. Records of one letter and a text, each ended by NUL; addresses are raw bytes, without quotes
// or angle brackets, and may hold anything but NUL (formats/qmail.md 3.5).
//
//   descriptor 1 of qmail-queue     F sender NUL  T recipient NUL ...  NUL              F first, exactly one; an extra NUL at the end
//   intd/N, todo/N                  u uid NUL  p pid NUL  F sender NUL  T recipient NUL ...
//   info/S/N                        F sender NUL                                        only the first record counts
//
//   u1001 p12871 Fjoe@example.jp Tann@example.org          (a todo file, NULs shown as blanks)
//
// A todo file is written once by whoever injects, complete before it gets its name in todo/, and never changed. Readers take its records in any order; a record whose
// NUL is missing at the end of the file is ignored. A message without recipients is legal.

/** The longest address in an envelope, in bytes: qmail-queue refuses the next longer one with exit 11. */
export const longestAddress = 1002;

export interface Envelope {
  readonly sender: string;
  readonly recipients: readonly string[];
}

/** One record of a todo file: `u` uid, `p` pid, `F` sender, `T` recipient, or a letter that nobody knows. */
export interface EnvelopeRecord {
  readonly letter: string;
  readonly text: string;
}

/** Why an envelope on descriptor 1 is no envelope: qmail-queue's exit status. 11 address too long, 54 it ends too early, 91 wrong letter. */
export type EnvelopeProblem = 11 | 54 | 91;

/** The records of a todo or info file in file order. What follows the last NUL is left out. */
export function parseEnvelopeRecords(bytes: Buffer): EnvelopeRecord[] {
  return completeRecords(bytes).map((record) => ({ letter: record.slice(0, 1), text: record.slice(1) }));
}

/** A todo file. The mirror of `parseEnvelopeRecords` for files that qmail-queue wrote. */
export function serializeTodo(envelope: Envelope & { readonly uid: number; readonly pid: number }): Buffer {
  return Buffer.concat([todoHead(envelope), todoAddresses(envelope)]);
}

/** The first two records of a todo file, which qmail-queue writes before it has seen the envelope. */
export function todoHead({ uid, pid }: { readonly uid: number; readonly pid: number }): Buffer {
  return Buffer.from(`u${uid}\0p${pid}\0`, 'latin1');
}

/** Sender and recipients as they stand in a todo file. */
export function todoAddresses({ sender, recipients }: Envelope): Buffer {
  return Buffer.from(`F${sender}\0${recipients.map((recipient) => `T${recipient}\0`).join('')}`, 'latin1');
}

/** An info file. */
export function serializeInfo(sender: string): Buffer {
  return Buffer.from(`F${sender}\0`, 'latin1');
}

/** The sender in an info file; undefined when its first record is none (an unfinished file). */
export function parseInfo(bytes: Buffer): string | undefined {
  const end = bytes.indexOf(0);
  return end > 0 && bytes[0] === 0x46 ? bytes.toString('latin1', 1, end) : undefined;
}

/**
 * The envelope that was written to descriptor 1 of qmail-queue, whole; bytes behind its end are not looked at.
 * @param longest the longest address, in bytes: qmail-qmqpc leaves that to the queue host
 */
export function parseEnvelope(bytes: Buffer, longest = longestAddress): Envelope | EnvelopeProblem {
  let at = 0;
  const next = (letter: string): string | EnvelopeProblem | undefined => {
    if (at >= bytes.length) return 54;
    if (letter === 'T' && bytes[at] === 0) return undefined;
    if (bytes[at] !== letter.charCodeAt(0)) return 91;
    const end = bytes.indexOf(0, at + 1);
    const length = (end < 0 ? bytes.length : end) - at - 1;
    if (length > longest) return 11;
    if (end < 0) return 54;
    const text = bytes.toString('latin1', at + 1, end);
    at = end + 1;
    return text;
  };
  const sender = next('F');
  if (typeof sender !== 'string') return sender ?? 91;
  const recipients: string[] = [];
  for (let recipient = next('T'); recipient !== undefined; recipient = next('T')) {
    if (typeof recipient !== 'string') return recipient;
    recipients.push(recipient);
  }
  return { sender, recipients };
}

/** What is written to descriptor 1 of qmail-queue; the mirror of `parseEnvelope`. */
export function serializeEnvelope(envelope: Envelope): Buffer {
  return Buffer.concat([todoAddresses(envelope), Buffer.from([0])]);
}

/** Why an envelope cannot be queued; undefined when it can. */
export function envelopeProblem({ sender, recipients }: Envelope): EnvelopeProblem | undefined {
  for (const address of [sender, ...recipients]) {
    if (address.length > longestAddress) return 11;
    if (address.includes('\0')) return 91;
  }
  return undefined;
}

function completeRecords(bytes: Buffer): string[] {
  const records = bytes.toString('latin1').split('\0');
  records.pop();
  return records;
}
