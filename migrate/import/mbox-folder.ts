// An mbox file as the source of a copy. Nothing in it is changed. A message is known by the hash of its text, and by which of those with the same text it is: the file has nothing else that
// stays when messages are deleted or marked. The file should not be written to meanwhile; it is locked for nobody.

import fs from 'node:fs';
import { bytesPath } from '../../src/files/read.js';
import type { ListedMessage, SourceFolder } from '../copy/ends.js';
import { hashedText } from '../text-hash.js';
import { declaredEnd, MboxScanner, parseMboxMessage } from './mbox.js';

const pieceBytes = 1024 * 1024;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** @param file disk path @throws the system error */
export async function openMboxFolder(file: string): Promise<SourceFolder> {
  const fd = fs.openSync(bytesPath(file), 'r');
  try {
    const ranges = rangesIn(fd);
    const { mtimeMs } = fs.fstatSync(fd);
    const places = new Map<string, Range>();
    const messages: ListedMessage[] = [];
    const seen = new Map<string, number>();
    for (const range of ranges) {
      const { unixSeconds, text, flags, keywords, isInternal } = parseMboxMessage(readRange(fd, range));
      if (isInternal) continue;
      const { hash } = hashedText(text);
      const count = (seen.get(hash) ?? 0) + 1;
      seen.set(hash, count);
      const id = count === 1 ? hash : `${hash}/${count}`;
      places.set(id, range);
      const internalDateMs = unixSeconds === undefined ? mtimeMs : unixSeconds * 1000;
      messages.push({ id, flags, keywords, internalDateMs, sizeBytes: text.length });
    }
    return {
      generation: 'mbox',
      messages,
      async *texts(wanted) {
        for (const { id } of wanted) {
          const range = places.get(id);
          const text = range === undefined ? undefined : parseMboxMessage(readRange(fd, range)).text;
          const isSame = text !== undefined && id.startsWith(hashedText(text).hash);
          yield isSame ? text : new Error('the file was changed meanwhile; repeat the command');
        }
      },
      close: async () => fs.closeSync(fd),
    };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function rangesIn(fd: number): Range[] {
  const scanner = new MboxScanner();
  let size = 0;
  for (const piece = Buffer.allocUnsafe(pieceBytes); ; ) {
    const count = fs.readSync(fd, piece, 0, piece.length, size);
    if (count === 0) break;
    scanner.add(piece.subarray(0, count));
    size += count;
  }
  const ends = [...scanner.starts.slice(1), size];
  const ranges: Range[] = [];
  for (const [index, start] of scanner.starts.entries()) {
    if (start < (ranges.at(-1)?.end ?? 0)) continue;
    const end = ends[index] ?? size;
    const declared = start + (declaredEnd(readRange(fd, { start, end })) ?? 0);
    // The empty line before the next message may be counted or not.
    const further = declared > end ? ends.find((each) => each >= declared && each <= declared + 2) : undefined;
    ranges.push({ start, end: further ?? end });
  }
  return ranges;
}

function readRange(fd: number, { start, end }: Range): Buffer {
  const bytes = Buffer.alloc(end - start);
  const count = fs.readSync(fd, bytes, 0, bytes.length, start);
  return bytes.subarray(0, count);
}
