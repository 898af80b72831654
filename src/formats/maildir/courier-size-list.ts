// courierpop3dsizelist: what Courier's POP3 server told its clients about the messages of a Maildir (formats/dovecot.md 4.6).
//
//   /3 6 1795487263                                            version, next number, a time that goes with new numbers
//   1795485976.M971128P31767.vm,S=133:2,R 141 1:1795487263:0   file name (flags of that moment), size with CRLF, number:time:utf8
//
// Version 2 has no `:utf8`. A first line without `/` is the old form, lines `<name> <size>`, in which the UIDL of every message is its file name: number 0 stands
// for that here. Numbers and time are POP3's own, not the UIDs of IMAP. Lines that do not parse are dropped, as Courier drops them; a header that
// does not is a broken file. Replaced by rename, without a lock.

import { CorruptFileError } from '../../errors.js';

export interface SizeListEntry {
  /** As Courier saw it, with the info of that moment; its base is what counts. */
  readonly name: string;
  /** Octets with CRLF line ends. */
  readonly sizeOctets: number;
  /** 0: the UIDL is made of the file name. */
  readonly number: number;
  /** 0: the UIDL has none. */
  readonly time: number;
  readonly utf8: string;
}

export interface SizeList {
  readonly nextNumber: number;
  readonly time: number;
  readonly entries: readonly SizeListEntry[];
}

/** Reads the file. @throws CorruptFileError when the first line is none that Courier writes */
export function parseSizeList(bytes: Buffer, path: string): SizeList {
  const lines = bytes.toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (!lines[0]?.startsWith('/')) return { nextNumber: 1, time: 0, entries: entriesOf(lines) };
  const header = /^\/[23] ([0-9]{1,15}) ([0-9]{1,15})$/.exec(lines[0] ?? '');
  if (header === null)
    throw new CorruptFileError(path, 0, 'the first line is not that of a size list of version 2 or 3');
  return { nextNumber: Number(header[1]), time: Number(header[2]), entries: entriesOf(lines.slice(1)) };
}

/** The bytes of the file in version 3; the mirror of `parseSizeList` for that version. */
export function serializeSizeList(list: SizeList): Buffer {
  const lines = list.entries.map(
    ({ name, sizeOctets, number, time, utf8 }) => `${name} ${sizeOctets} ${number}:${time}:${utf8}\n`,
  );
  return Buffer.from(`/3 ${list.nextNumber} ${list.time}\n${lines.join('')}`, 'latin1');
}

/** The UIDL of a message in the list. @param base its file name up to the first colon */
export function courierUidl(entry: SizeListEntry, base: string): string {
  if (entry.number === 0) return base.replace(/[^\x21-\x7e]|['"+]/g, escaped);
  return entry.time === 0 ? `UID${entry.number}` : `UID${entry.number}-${entry.time}`;
}

function escaped(byte: string): string {
  return `+${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function entriesOf(lines: readonly string[]): SizeListEntry[] {
  return lines.flatMap((line) => {
    const found = /^(.+?) ([0-9]{1,15})(?: ([0-9]{1,15}):([0-9]{1,15})(?::(.*))?)?$/s.exec(line);
    if (found === null) return [];
    const [, name = '', size, number = '0', time = '0', utf8 = '0'] = found;
    return [{ name, sizeOctets: Number(size), number: Number(number), time: Number(time), utf8 }];
  });
}
