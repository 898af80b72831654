// The two numbers that matter of Dovecot's own index of a mailbox, dovecot.index and dovecot.index.log (formats/dovecot.md 2.6). Dovecot's files are private to its version and byte order; they are
// asked only when dovecot-uidlist is missing beside them, so that no UID is given twice under one UIDVALIDITY.
//
//   dovecot.index        byte 0: 7. u32 at 24: UIDVALIDITY. u32 at 28: next UID.
//   dovecot.index.log    byte 0: 1, u16 at 2: size of the header. Then records of a size (u32, seven bits a byte, the top bit of each set) and a type (u32):
//                        0x20 changes bytes of the index: u16 offset, u16 length, the bytes (padded to 4), again; 0x02 and 0x2000...: other changes, of which appended UIDs count
//
// Young mailboxes have only the log.

export interface DovecotIndexHeader {
  readonly uidValidity: number;
  readonly nextUid: number;
}

const uidValidityOffset = 24;
const nextUidOffset = 28;
const headerUpdate = 0x20;
const append = 0x02;
const typeMask = 0xfffff;

/** What the files say; undefined when they do not know a UIDVALIDITY. Every input has a value. */
export function dovecotIndexHeader(index: Buffer | undefined, log: Buffer | undefined): DovecotIndexHeader | undefined {
  const numbers = { uidValidity: 0, nextUid: 1 };
  if (index !== undefined && index.length >= nextUidOffset + 4 && index[0] === 7) {
    numbers.uidValidity = index.readUInt32LE(uidValidityOffset);
    numbers.nextUid = index.readUInt32LE(nextUidOffset);
  }
  if (log !== undefined) readLog(log, numbers);
  return numbers.uidValidity === 0 ? undefined : { ...numbers, nextUid: Math.max(1, numbers.nextUid) };
}

function readLog(log: Buffer, numbers: { uidValidity: number; nextUid: number }): void {
  if (log.length < 8 || log[0] !== 1) return;
  for (let at = log.readUInt16LE(2); at + 8 <= log.length && at >= 8; ) {
    const size = recordSize(log, at);
    if (size < 8 || at + size > log.length) return;
    const type = log.readUInt32LE(at + 4) & typeMask;
    const body = log.subarray(at + 8, at + size);
    if ((type & headerUpdate) !== 0) readUpdates(body, numbers);
    else if ((type & append) !== 0) readAppended(body, numbers);
    at += size;
  }
}

/** Of four bytes with the top bit set, the seven others each, the first the highest. */
function recordSize(log: Buffer, at: number): number {
  let size = 0;
  for (let byte = at; byte < at + 4; byte++) size = size * 128 + ((log[byte] ?? 0) & 0x7f);
  return size * 4;
}

function readUpdates(body: Buffer, numbers: { uidValidity: number; nextUid: number }): void {
  for (let at = 0; at + 4 <= body.length; ) {
    const [offset, length] = [body.readUInt16LE(at), body.readUInt16LE(at + 2)];
    const fieldAt = (field: number): number | undefined => {
      const from = at + 4 + field - offset;
      return field >= offset && field + 4 <= offset + length && from + 4 <= body.length
        ? body.readUInt32LE(from)
        : undefined;
    };
    numbers.uidValidity = fieldAt(uidValidityOffset) ?? numbers.uidValidity;
    numbers.nextUid = Math.max(numbers.nextUid, fieldAt(nextUidOffset) ?? 0);
    at += 4 + Math.ceil(length / 4) * 4;
  }
}

function readAppended(body: Buffer, numbers: { nextUid: number }): void {
  for (let at = 0; at + 8 <= body.length; at += 8) {
    const uid = body.readUInt32LE(at);
    if (uid < 0xffff_fff0) numbers.nextUid = Math.max(numbers.nextUid, uid + 1);
  }
}
