// What SEARCH, SORT and THREAD look for (RFC 9051 6.4.4; RFC 5032 WITHIN, 7162 MODSEQ, 8474 ids, 8514 SAVEDATE).
//
//   CHARSET UTF-8 UNSEEN SINCE 1-Nov-2026 OR FROM noel (SUBJECT hello NOT DELETED)
//
// Keys that stand side by side must all hold. Texts are Latin-1 as they came, in the charset that was named; whoever searches decodes them.

import { type CalendarDay, parseDate } from './dates.js';
import { type Decoder, SyntaxProblem } from './decoder.js';
import { parseSequenceSet, type SequenceSet } from './sequence-set.js';

export type DateKey = 'internal' | 'sent' | 'saved';

export type SearchKey =
  | { readonly key: 'all' }
  | { readonly key: 'and'; readonly keys: readonly SearchKey[] }
  | { readonly key: 'or'; readonly keys: readonly [SearchKey, SearchKey] }
  | { readonly key: 'not'; readonly of: SearchKey }
  /** A flag or keyword is set. */
  | { readonly key: 'flag'; readonly flag: string }
  | { readonly key: 'recent' }
  | { readonly key: 'sequence' | 'uid'; readonly set: SequenceSet }
  | {
      readonly key: 'date';
      readonly which: DateKey;
      readonly relation: 'before' | 'on' | 'since';
      readonly day: CalendarDay;
    }
  | { readonly key: 'save-date-supported' }
  | { readonly key: 'older' | 'younger'; readonly seconds: number }
  | { readonly key: 'larger' | 'smaller'; readonly bytes: number }
  /** A field has the text; every field of that name when the text is empty. */
  | { readonly key: 'header'; readonly name: string; readonly text: string }
  | { readonly key: 'body' | 'text'; readonly text: string }
  | { readonly key: 'modseq'; readonly least: bigint }
  | { readonly key: 'email-id' | 'thread-id'; readonly id: string };

const systemFlags: Readonly<Record<string, string>> = {
  ANSWERED: '\\Answered',
  DELETED: '\\Deleted',
  DRAFT: '\\Draft',
  FLAGGED: '\\Flagged',
  SEEN: '\\Seen',
};

const addressFields: ReadonlySet<string> = new Set(['BCC', 'CC', 'FROM', 'SUBJECT', 'TO']);

const dateKeys: Readonly<Record<string, { readonly which: DateKey; readonly relation: 'before' | 'on' | 'since' }>> = {
  BEFORE: { which: 'internal', relation: 'before' },
  ON: { which: 'internal', relation: 'on' },
  SINCE: { which: 'internal', relation: 'since' },
  SENTBEFORE: { which: 'sent', relation: 'before' },
  SENTON: { which: 'sent', relation: 'on' },
  SENTSINCE: { which: 'sent', relation: 'since' },
  SAVEDBEFORE: { which: 'saved', relation: 'before' },
  SAVEDON: { which: 'saved', relation: 'on' },
  SAVEDSINCE: { which: 'saved', relation: 'since' },
};

/** Keys up to the end of the command. @throws SyntaxProblem */
export function parseSearchKeys(decoder: Decoder): SearchKey {
  const keys = [searchKey(decoder)];
  while (decoder.maybeSp()) keys.push(searchKey(decoder));
  return keys.length === 1 ? (keys[0] as SearchKey) : { key: 'and', keys };
}

function searchKey(decoder: Decoder): SearchKey {
  if (decoder.peek() === '(') return { key: 'and', keys: decoder.list(() => searchKey(decoder)) };
  if (/[0-9*$]/.test(decoder.peek())) return { key: 'sequence', set: sequenceSet(decoder) };
  const word = decoder.word();
  return flagKey(word) ?? textKey(word, decoder) ?? numberKey(word, decoder) ?? combinedKey(word, decoder);
}

function flagKey(word: string): SearchKey | undefined {
  const flag = systemFlags[word];
  if (flag !== undefined) return { key: 'flag', flag };
  const unset = word.startsWith('UN') ? systemFlags[word.slice(2)] : undefined;
  if (unset !== undefined) return { key: 'not', of: { key: 'flag', flag: unset } };
  switch (word) {
    case 'ALL':
      return { key: 'all' };
    case 'RECENT':
      return { key: 'recent' };
    case 'OLD':
      return { key: 'not', of: { key: 'recent' } };
    case 'NEW':
      return { key: 'and', keys: [{ key: 'recent' }, { key: 'not', of: { key: 'flag', flag: '\\Seen' } }] };
    case 'SAVEDATESUPPORTED':
      return { key: 'save-date-supported' };
    default:
      return undefined;
  }
}

function textKey(word: string, decoder: Decoder): SearchKey | undefined {
  if (addressFields.has(word)) return { key: 'header', name: word, text: argument(decoder) };
  switch (word) {
    case 'BODY':
      return { key: 'body', text: argument(decoder) };
    case 'TEXT':
      return { key: 'text', text: argument(decoder) };
    case 'HEADER': {
      const name = argument(decoder);
      return { key: 'header', name, text: argument(decoder) };
    }
    case 'KEYWORD':
      return { key: 'flag', flag: argument(decoder) };
    case 'UNKEYWORD':
      return { key: 'not', of: { key: 'flag', flag: argument(decoder) } };
    case 'EMAILID':
      return { key: 'email-id', id: argument(decoder) };
    case 'THREADID':
      return { key: 'thread-id', id: argument(decoder) };
    default:
      return undefined;
  }
}

function numberKey(word: string, decoder: Decoder): SearchKey | undefined {
  const date = dateKeys[word];
  if (date !== undefined) return { key: 'date', ...date, day: day(decoder) };
  switch (word) {
    case 'LARGER':
    case 'SMALLER':
      return { key: word === 'LARGER' ? 'larger' : 'smaller', bytes: Number(number(decoder)) };
    case 'OLDER':
    case 'YOUNGER':
      return { key: word === 'OLDER' ? 'older' : 'younger', seconds: interval(decoder) };
    case 'UID':
      decoder.sp();
      return { key: 'uid', set: sequenceSet(decoder) };
    case 'MODSEQ':
      return modSequence(decoder);
    default:
      return undefined;
  }
}

function combinedKey(word: string, decoder: Decoder): SearchKey {
  switch (word) {
    case 'NOT': {
      return { key: 'not', of: nested(decoder) };
    }
    case 'OR': {
      const one = nested(decoder);
      return { key: 'or', keys: [one, nested(decoder)] };
    }
    // SNIPPET=FUZZY's and RFC 6203's: a search may be exact all the same.
    case 'FUZZY':
      return nested(decoder);
    default:
      throw new SyntaxProblem(`Unknown argument ${word}`);
  }
}

function nested(decoder: Decoder): SearchKey {
  decoder.sp();
  decoder.enter();
  const key = searchKey(decoder);
  decoder.leave();
  return key;
}

function argument(decoder: Decoder): string {
  decoder.sp();
  return decoder.astring();
}

function number(decoder: Decoder): bigint {
  decoder.sp();
  return decoder.number64();
}

/** RFC 5032: a number of seconds that is not 0. */
function interval(decoder: Decoder): number {
  const seconds = Number(number(decoder));
  if (seconds === 0) throw new SyntaxProblem('Invalid interval: 0');
  return seconds;
}

function day(decoder: Decoder): CalendarDay {
  const text = argument(decoder);
  const parsed = parseDate(text);
  if (parsed === undefined) throw new SyntaxProblem('Invalid date');
  return parsed;
}

function sequenceSet(decoder: Decoder): SequenceSet {
  const set = parseSequenceSet(decoder.sequenceText());
  if (set === undefined) throw new SyntaxProblem('Invalid messageset');
  return set;
}

/** `MODSEQ ["/flags/\\Seen" all] 12`: one mod-sequence is kept for all of a message, so what it belongs to does not matter. */
function modSequence(decoder: Decoder): SearchKey {
  decoder.sp();
  if (decoder.peek() === '"') {
    decoder.string();
    decoder.sp();
    if (!['ALL', 'PRIV', 'SHARED'].includes(decoder.word())) throw new SyntaxProblem('Invalid MODSEQ');
    decoder.sp();
  }
  return { key: 'modseq', least: decoder.number64() };
}

/** Whether a key asks for mod-sequences anywhere, which enables them. */
export function usesModSequences(key: SearchKey): boolean {
  return hasKey(key, ({ key }) => key === 'modseq');
}

/** Whether a key names messages by their sequence numbers. */
export function usesSequenceNumbers(key: SearchKey): boolean {
  return hasKey(key, (part) => part.key === 'sequence' && part.set !== 'saved');
}

function hasKey(key: SearchKey, isMeant: (part: SearchKey) => boolean): boolean {
  if (isMeant(key)) return true;
  if (key.key === 'not') return hasKey(key.of, isMeant);
  return (key.key === 'and' || key.key === 'or') && key.keys.some((part) => hasKey(part, isMeant));
}
