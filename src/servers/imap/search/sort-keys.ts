// What SORT orders by (RFC 5256 3, RFC 5957 for DISPLAYFROM and DISPLAYTO).

import { parseRfc5322Date } from '../../../mail/dates.js';
import { baseSubject } from '../../../protocols/imap/base-subject.js';
import { compareKeys, orderingKey } from '../../../protocols/imap/collation.js';
import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { type MailAddress, parseAddresses } from '../../../protocols/mime/addresses.js';
import { decodeHeaderText } from '../../../protocols/mime/encoded-words.js';
import type { MessageFacts } from '../../../stores/mailboxes/mailbox-types.js';
import type { SearchedMessage } from './searched-message.js';
import { type NowOrLater, whenRead } from './when-read.js';

export interface SortKey {
  readonly by: SortBy;
  readonly isReverse: boolean;
}

type SortBy = 'ARRIVAL' | 'CC' | 'DATE' | 'DISPLAYFROM' | 'DISPLAYTO' | 'FROM' | 'SIZE' | 'SUBJECT' | 'TO';

const known: ReadonlySet<string> = new Set<SortBy>([
  'ARRIVAL',
  'CC',
  'DATE',
  'DISPLAYFROM',
  'DISPLAYTO',
  'FROM',
  'SIZE',
  'SUBJECT',
  'TO',
]);

/** `(REVERSE DATE SUBJECT)` @throws SyntaxProblem */
export function readSortKeys(decoder: Decoder): SortKey[] {
  const keys: SortKey[] = [];
  let isReverse = false;
  decoder.list(() => {
    const word = decoder.word();
    if (word === 'REVERSE') {
      isReverse = true;
      return;
    }
    if (!known.has(word)) throw new SyntaxProblem(`Unknown sort argument: ${word}`);
    keys.push({ by: word as SortBy, isReverse });
    isReverse = false;
  });
  if (keys.length === 0) throw new SyntaxProblem('Empty sort program');
  return keys;
}

/** A message with the values that it is ordered by. */
export interface Sortable {
  readonly sequence: number;
  readonly values: readonly (string | number)[];
}

export function sortableOf(message: SearchedMessage, keys: readonly SortKey[]): NowOrLater<Sortable> {
  const { sequence } = message;
  const values = keys.map(({ by }) => sortValue(message, by));
  if (values.every((value) => !(value instanceof Promise))) return { sequence, values: values as SortValue[] };
  return Promise.all(values).then((read) => ({ sequence, values: read }));
}

type SortValue = string | number;

function sortValue(message: SearchedMessage, by: SortBy): NowOrLater<SortValue> {
  switch (by) {
    case 'ARRIVAL':
      return whenRead(message.facts(), arrivedAt);
    case 'SIZE':
      return whenRead(message.facts(), (facts) => facts?.wireBytes ?? 0);
    case 'DATE':
      return sentAt(message);
    case 'SUBJECT':
      return whenRead(subjectOf(message), (subject) => orderingKey(baseSubject(subject).text));
    case 'DISPLAYFROM':
      return displayName(message, 'from');
    case 'DISPLAYTO':
      return displayName(message, 'to');
    default:
      return whenRead(message.field(by.toLowerCase()), (values) => orderingKey(firstAddress(values)?.mailbox ?? ''));
  }
}

function arrivedAt(facts: MessageFacts | undefined): number {
  return Math.floor((facts?.internalDateMs ?? 0) / 1000);
}

/** Seconds since 1970: the Date field, or when the message came. */
export function sentAt(message: SearchedMessage): NowOrLater<number> {
  return whenRead(
    message.field('date'),
    ([value = '']) => parseRfc5322Date(value)?.unixSeconds ?? whenRead(message.facts(), arrivedAt),
  );
}

/** Decoded; of several the first, as Dovecot sorts (ENVELOPE tells the last). */
export function subjectOf(message: SearchedMessage): NowOrLater<string> {
  return whenRead(message.field('subject'), ([value = '']) =>
    decodeHeaderText(value.replace(/\r?\n/g, '').trim(), message.world.charsets),
  );
}

/** Of the first field of the name. */
function firstAddress(values: readonly string[]): MailAddress | undefined {
  return parseAddresses((values[0] ?? '').trim())[0];
}

function displayName(message: SearchedMessage, field: 'from' | 'to'): NowOrLater<string> {
  return whenRead(message.field(field), (values) => {
    const address = firstAddress(values);
    if (address === undefined) return '';
    const { name, mailbox = '', domain } = address;
    if (name !== undefined && name !== '') return orderingKey(decodeHeaderText(name, message.world.charsets));
    return orderingKey(domain === undefined ? mailbox : `${mailbox}@${domain}`);
  });
}

/** In order; messages that are equal by all keys keep that of the mailbox. */
export function sortMessages(messages: Sortable[], keys: readonly SortKey[]): void {
  messages.sort((a, b) => {
    for (const [index, { isReverse }] of keys.entries()) {
      const order = compareValues(a.values[index] ?? 0, b.values[index] ?? 0);
      if (order !== 0) return isReverse ? -order : order;
    }
    return a.sequence - b.sequence;
  });
}

function compareValues(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return compareKeys(String(a), String(b));
}
