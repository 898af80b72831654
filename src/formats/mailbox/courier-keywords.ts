// Courier's keywords of one folder: the directory courierimapkeywords (formats/dovecot.md 4.3).
//
//   :list                 $Label1            names, one a line
//                         Junk
//                         <empty line>
//                         1795486.M9P7.vm,S=116:0 1      base of a message and the numbers of its keywords (0 is the first name)
//   .5984961.<base>       names of the keywords of one message, one a line (empty: none), changed in that period of five minutes
//   <base>                the same, the latest
//
// A file <base> stands above all .<N>.<base>, the highest N above the others, and any of them above :list. `.tmp.*` is being written. Only read here: Courier's files are taken over once.

import { lineTexts } from '../text-lines.js';

/** One file of the directory: its name and contents. */
export interface KeywordFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Keyword names by base of a message. Messages without keywords may be among them. */
export function parseCourierKeywords(files: Iterable<KeywordFile>): Map<string, readonly string[]> {
  const keywords = new Map<string, { readonly rank: number; readonly names: readonly string[] }>();
  const enter = (base: string, rank: number, names: readonly string[]): void => {
    const before = keywords.get(base);
    if (before === undefined || rank > before.rank) keywords.set(base, { rank, names });
  };
  for (const { name, bytes } of files) {
    if (name === ':list') for (const [base, names] of parseList(bytes)) enter(base, -1, names);
    else if (!name.startsWith('.')) enter(name, Number.POSITIVE_INFINITY, namesIn(bytes));
    else {
      const found = /^\.([0-9]{1,15})\.(.+)$/s.exec(name);
      if (found?.[2] !== undefined) enter(found[2], Number(found[1]), namesIn(bytes));
    }
  }
  return new Map([...keywords].map(([base, { names }]) => [base, names]));
}

function parseList(bytes: Buffer): [string, string[]][] {
  const lines = lineTexts(bytes);
  const end = lines.indexOf('');
  if (end < 0) return [];
  return lines.slice(end + 1).flatMap((line): [string, string[]][] => {
    const colon = line.lastIndexOf(':');
    if (colon < 1) return [];
    const numbers = line
      .slice(colon + 1)
      .split(' ')
      .filter((digits) => /^[0-9]{1,6}$/.test(digits));
    const names = numbers.flatMap((digits) => (Number(digits) < end ? [lines[Number(digits)] ?? ''] : []));
    return [[line.slice(0, colon), [...new Set(names)]]];
  });
}

function namesIn(bytes: Buffer): string[] {
  return [...new Set(lineTexts(bytes).filter((name) => name !== ''))];
}
