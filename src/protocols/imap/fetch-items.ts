// What FETCH asks for (RFC 9051 6.4.5; RFC 3516 BINARY, 7162 MODSEQ, 8474 EMAILID, 8514 SAVEDATE, 8970 PREVIEW).
//
//   FLAGS
//   (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (From "X Y")] BODY[1.2]<0.100> BINARY.SIZE[1])
//   ALL, FAST, FULL            macros, alone and without parentheses
//
// An answer repeats the name of the section with field names in upper case, and the origin of a part of it: `BODY[HEADER.FIELDS (FROM "X Y")]`, `BODY[1.2]<0>`.

import { type Decoder, SyntaxProblem } from './decoder.js';
import { quotedOrLiteral } from './strings.js';

export type PlainItem =
  | 'UID'
  | 'FLAGS'
  | 'INTERNALDATE'
  | 'RFC822.SIZE'
  | 'ENVELOPE'
  | 'BODYSTRUCTURE'
  | 'BODY'
  | 'MODSEQ'
  | 'EMAILID'
  | 'THREADID'
  | 'SAVEDATE'
  | 'RFC822'
  | 'RFC822.HEADER'
  | 'RFC822.TEXT';

export interface Section {
  /** Numbers of parts, outermost first; none: the message. */
  readonly part: readonly number[];
  readonly what: 'ALL' | 'HEADER' | 'TEXT' | 'MIME' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT';
  readonly fields: readonly FieldName[];
}

export interface FieldName {
  readonly name: string;
  /** The answer spells it as the client did. */
  readonly isQuoted: boolean;
}

export interface Partial {
  readonly start: number;
  readonly bytes: number;
}

export type FetchItem =
  | { readonly kind: 'plain'; readonly name: PlainItem }
  | { readonly kind: 'preview'; readonly isLazy: boolean }
  | {
      readonly kind: 'body';
      readonly section: Section;
      readonly isPeek: boolean;
      readonly partial: Partial | undefined;
    }
  | {
      readonly kind: 'binary';
      readonly section: Section;
      readonly isPeek: boolean;
      readonly partial: Partial | undefined;
    }
  | { readonly kind: 'binary-size'; readonly section: Section };

const plainItems: ReadonlySet<string> = new Set<PlainItem>([
  'UID',
  'FLAGS',
  'INTERNALDATE',
  'RFC822.SIZE',
  'ENVELOPE',
  'BODYSTRUCTURE',
  'MODSEQ',
  'EMAILID',
  'THREADID',
  'SAVEDATE',
  'RFC822',
  'RFC822.HEADER',
  'RFC822.TEXT',
]);

const plain = (...names: PlainItem[]): FetchItem[] => names.map((name) => ({ kind: 'plain', name }));

const macros: Readonly<Record<string, readonly FetchItem[]>> = {
  ALL: plain('FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'),
  FAST: plain('FLAGS', 'INTERNALDATE', 'RFC822.SIZE'),
  FULL: plain('FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY'),
};

/** @throws SyntaxProblem */
export function parseFetchItems(decoder: Decoder): readonly FetchItem[] {
  if (decoder.peek() === '(') return decoder.list(() => fetchItem(decoder, decoder.word()));
  const word = decoder.word();
  return macros[word] ?? [fetchItem(decoder, word)];
}

function fetchItem(decoder: Decoder, word: string): FetchItem {
  if (plainItems.has(word)) return { kind: 'plain', name: word as PlainItem };
  switch (word) {
    case 'BODY':
      if (decoder.peek() !== '[') return { kind: 'plain', name: 'BODY' };
      return { kind: 'body', isPeek: false, ...sectionOf(decoder) };
    case 'BODY.PEEK':
      return { kind: 'body', isPeek: true, ...sectionOf(decoder) };
    case 'BINARY':
      return { kind: 'binary', isPeek: false, ...partOf(decoder) };
    case 'BINARY.PEEK':
      return { kind: 'binary', isPeek: true, ...partOf(decoder) };
    case 'BINARY.SIZE':
      return { kind: 'binary-size', section: partOf(decoder).section };
    case 'PREVIEW':
      return { kind: 'preview', isLazy: isLazyPreview(decoder) };
    default:
      throw new SyntaxProblem(`Unknown parameter: ${word}`);
  }
}

interface Asked {
  readonly section: Section;
  readonly partial: Partial | undefined;
}

function sectionOf(decoder: Decoder): Asked {
  const section = parseSection(decoder);
  return { section, partial: parsePartial(decoder) };
}

/** Of BINARY, which knows parts alone. */
function partOf(decoder: Decoder): Asked {
  const asked = sectionOf(decoder);
  if (asked.section.what !== 'ALL') throw new SyntaxProblem('BINARY takes the number of a part');
  return asked;
}

const endings: readonly string[] = ['HEADER', 'TEXT', 'MIME', 'HEADER.FIELDS', 'HEADER.FIELDS.NOT'];
const deepestPart = 100;

/** `[1.2.HEADER.FIELDS (a b)]` */
export function parseSection(decoder: Decoder): Section {
  decoder.expect('[');
  const words = decoder.maybeWord().split('.');
  const part: number[] = [];
  while (/^\d{1,9}$/.test(words[0] ?? '')) part.push(Number(words.shift()));
  const what = words.join('.');
  if (part.length > deepestPart || part.includes(0)) throw new SyntaxProblem('Invalid section');
  if (what === '') {
    decoder.expect(']');
    return { part, what: 'ALL', fields: [] };
  }
  if (!endings.includes(what) || (what === 'MIME' && part.length === 0)) throw new SyntaxProblem('Invalid section');
  const fields = what.startsWith('HEADER.FIELDS') ? fieldNames(decoder) : [];
  decoder.expect(']');
  return { part, what: what as Section['what'], fields };
}

function fieldNames(decoder: Decoder): FieldName[] {
  decoder.sp();
  const names = decoder.list(() => ({ isQuoted: decoder.peek() === '"', name: decoder.astring() }));
  if (names.length === 0) throw new SyntaxProblem('Invalid section: no field');
  return names;
}

/** `<0.100>` */
function parsePartial(decoder: Decoder): Partial | undefined {
  if (!decoder.take('<')) return undefined;
  const found = /^(\d{1,10})\.(\d{1,10})$/.exec(decoder.word());
  decoder.expect('>');
  if (found === null) throw new SyntaxProblem('Invalid partial');
  return { start: Number(found[1]), bytes: Number(found[2]) };
}

/** `PREVIEW (LAZY)` */
function isLazyPreview(decoder: Decoder): boolean {
  if (decoder.peek() !== ' ') return false;
  const isModifier = decoder.maybeSp() && decoder.peek() === '(';
  if (!isModifier) return false;
  const words = decoder.list(() => decoder.word());
  if (words.some((word) => word !== 'LAZY')) throw new SyntaxProblem('Unknown parameter: PREVIEW');
  return words.length > 0;
}

const nameOf: Readonly<Record<'body' | 'binary' | 'binary-size', string>> = {
  body: 'BODY',
  binary: 'BINARY',
  'binary-size': 'BINARY.SIZE',
};

/** The name in front of an answer: `BODY[1.HEADER.FIELDS (FROM)]<0>`. */
export function formatItemName(item: FetchItem): string {
  if (item.kind === 'plain') return item.name;
  if (item.kind === 'preview') return 'PREVIEW';
  const { part, what, fields } = item.section;
  const names = fields.map(({ name, isQuoted }) =>
    isQuoted || !/^[!#$&'+\-.0-9A-Z^_`a-z|~]+$/.test(name) ? quotedOrLiteral(name.toUpperCase()) : name.toUpperCase(),
  );
  const list = names.length === 0 ? '' : ` (${names.join(' ')})`;
  const ending = what === 'ALL' ? [] : [`${what}${list}`];
  const origin = item.kind === 'binary-size' || item.partial === undefined ? '' : `<${item.partial.start}>`;
  return `${nameOf[item.kind]}[${[...part, ...ending].join('.')}]${origin}`;
}

/** Whether the item marks the message as read. */
export function marksSeen(item: FetchItem): boolean {
  if (item.kind === 'plain') return item.name === 'RFC822' || item.name === 'RFC822.TEXT';
  return (item.kind === 'body' || item.kind === 'binary') && !item.isPeek;
}
