// The flags of a message as one number of 32 bits, and the letters of a Maildir file name that stand for them (formats/dovecot.md 1.5 and 2.4).
//
//   bit 0 to 25     keyword letters a to z: keyword number 0 to 25 of the folder's dovecot-keywords
//   bit 26 to 31    D \Draft   F \Flagged   P passed (no flag of IMAP)   R \Answered   S \Seen   T \Deleted
//
// Letters are read in any order and repeated; written each once in ASCII order, so that capitals stand before keywords. A letter that is none of these is kept where a
// name is changed. A file in new/ has no flags whatever its name says.

/** The bits of the flags that have a letter of their own. */
export const flagBits = {
  draft: 1 << 26,
  flagged: 1 << 27,
  passed: 1 << 28,
  answered: 1 << 29,
  seen: 1 << 30,
  deleted: 1 << 31,
} as const;

/** All bits that are IMAP's system flags. */
export const systemFlagBits = flagBits.draft | flagBits.flagged | flagBits.answered | flagBits.seen | flagBits.deleted;

/** All bits of keywords. */
export const keywordBits = (1 << 26) - 1;

const capitals = 'DFPRST';
const firstCapitalBit = 26;
const comma = 0x2c;

/** The bits of the letters that have one. @param letters as `flagsOf` of formats/maildir/maildir-name.ts gives them */
export function bitsOfLetters(letters: string): number {
  let bits = 0;
  for (let at = 0; at < letters.length; at++) bits |= bitOfLetter(letters.charCodeAt(at));
  return bits;
}

/** The bits of what stands behind the first colon of a file name: `bitsOfLetters` of the whole name's `flagsOf`. */
export function bitsOfInfo(info: string): number {
  let at = info.lastIndexOf(':') + 1;
  if (!info.startsWith('2,', at)) return 0;
  let bits = 0;
  for (at += 2; at < info.length && info.charCodeAt(at) !== comma; at++) bits |= bitOfLetter(info.charCodeAt(at));
  return bits;
}

/** The letters of bits, in the order in which they are written. */
export function lettersOfBits(bits: number): string {
  let letters = '';
  for (let at = 0; at < capitals.length; at++) if (bits & (1 << (firstCapitalBit + at))) letters += capitals[at];
  for (let number = 0; number < firstCapitalBit; number++)
    if (bits & (1 << number)) letters += String.fromCharCode(0x61 + number);
  return letters;
}

/** Letters after a change: those with a bit by the bits, the others as they were. Sorted, each once. */
export function changedLetters(letters: string, bits: number): string {
  const others = [...letters].filter((letter) => bitOfLetter(letter.charCodeAt(0)) === 0).join('');
  const known = lettersOfBits(bits);
  return others === '' ? known : [...new Set(others + known)].sort().join('');
}

function bitOfLetter(code: number): number {
  if (code >= 0x61 && code <= 0x7a) return 1 << (code - 0x61);
  for (let at = 0; at < capitals.length; at++) if (capitals.charCodeAt(at) === code) return 1 << (firstCapitalBit + at);
  return 0;
}
