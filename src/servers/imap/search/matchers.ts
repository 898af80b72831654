// SEARCH keys made into tests of messages (RFC 9051 6.4.4). Of keys that must all hold the cheap ones are tested first: flags and numbers, then what a name or a stat tells, then headers, then texts.

import { keywordKey } from '../../../formats/mailbox/dovecot-keywords.js';
import { flagBits } from '../../../formats/mailbox/message-flags.js';
import { parseRfc5322Date } from '../../../mail/dates.js';
import { collationKey } from '../../../protocols/imap/collation.js';
import { secondsOfDay } from '../../../protocols/imap/dates.js';
import type { SearchKey } from '../../../protocols/imap/search-keys.js';
import { parseAddresses } from '../../../protocols/mime/addresses.js';
import { decodeHeaderText } from '../../../protocols/mime/encoded-words.js';
import { searchableValue } from '../../../protocols/mime/searchable-header.js';
import type { MessageFacts } from '../../../stores/mailboxes/mailbox-types.js';
import type { Selected } from '../command.js';
import { emailId } from '../fetch/fetch-answer.js';
import { membershipOf } from '../messages/message-set.js';
import type { SearchedMessage } from './searched-message.js';
import { hasText, type TextPattern } from './text-match.js';
import { whenRead } from './when-read.js';

export interface Matcher {
  readonly cost: number;
  matches(message: SearchedMessage): boolean | Promise<boolean>;
}

export interface SearchContext {
  readonly selected: Selected;
  readonly nowMs: number;
  /** What the client wrote, in its charset. */
  decode(text: string): string;
}

const costs = { number: 0, facts: 1, header: 2, text: 3 } as const;
const daySeconds = 86_400;

const systemFlags: ReadonlyMap<string, number> = new Map([
  ['\\Answered', flagBits.answered],
  ['\\Deleted', flagBits.deleted],
  ['\\Draft', flagBits.draft],
  ['\\Flagged', flagBits.flagged],
  ['\\Seen', flagBits.seen],
]);

export function matcherOf(key: SearchKey, context: SearchContext): Matcher {
  switch (key.key) {
    case 'all':
    case 'save-date-supported':
      return cheap(() => true);
    case 'and':
      return allOf(key.keys.map((part) => matcherOf(part, context)));
    case 'or':
      return anyOf(key.keys.map((part) => matcherOf(part, context)));
    case 'not':
      return notOf(matcherOf(key.of, context));
    case 'header':
    case 'body':
    case 'text':
      return textMatcher(key, context);
    case 'date':
      return dateMatcher(key);
    case 'older':
    case 'younger':
    case 'larger':
    case 'smaller':
      return factsMatcher(key, context.nowMs);
    default:
      return numberMatcher(key, context.selected);
  }
}

/** Whether a test asks for more of a message than its number and flags. */
export function looksInside({ cost }: Matcher): boolean {
  return cost > costs.number;
}

function cheap(matches: (message: SearchedMessage) => boolean): Matcher {
  return { cost: costs.number, matches };
}

type NumberKey = Extract<
  SearchKey,
  { key: 'flag' | 'recent' | 'sequence' | 'uid' | 'modseq' | 'email-id' | 'thread-id' }
>;

function numberMatcher(key: NumberKey, selected: Selected): Matcher {
  const { view } = selected;
  switch (key.key) {
    case 'flag':
      return flagMatcher(key.flag, selected);
    case 'recent':
      return cheap(({ sequence }) => view.isRecentAt(sequence));
    case 'modseq': {
      const least = Number(key.least);
      return cheap(({ sequence }) => view.modSeqAt(sequence) >= least);
    }
    case 'email-id':
      return cheap(({ sequence }) => emailId(view.guidAt(sequence)) === key.id);
    case 'thread-id':
      return cheap(() => false);
    default: {
      const has = membershipOf(selected, key.set, key.key === 'uid');
      return cheap(({ sequence }) => has(sequence));
    }
  }
}

function flagMatcher(flag: string, { view }: Selected): Matcher {
  const bit = systemFlags.get(flag);
  if (bit !== undefined) return cheap(({ sequence }) => ((view.flagsAt(sequence) ?? 0) & bit) !== 0);
  const wanted = keywordKey(flag);
  const number = view.keywords.findIndex((name) => name !== undefined && keywordKey(name) === wanted);
  if (number >= 0 && number < 26) return cheap(({ sequence }) => ((view.flagsAt(sequence) ?? 0) & (1 << number)) !== 0);
  return cheap(({ sequence }) => view.otherKeywordsAt(sequence).some((name) => keywordKey(name) === wanted));
}

function withFacts(test: (facts: MessageFacts) => boolean): Matcher {
  const check = (facts: MessageFacts | undefined): boolean => facts !== undefined && test(facts);
  return {
    cost: costs.facts,
    matches: (message) => whenRead(message.facts(), check),
  };
}

type FactsKey = Extract<SearchKey, { key: 'older' | 'younger' | 'larger' | 'smaller' }>;

function factsMatcher(key: FactsKey, nowMs: number): Matcher {
  switch (key.key) {
    case 'larger':
      return withFacts(({ wireBytes }) => wireBytes > key.bytes);
    case 'smaller':
      return withFacts(({ wireBytes }) => wireBytes < key.bytes);
    case 'older':
      return withFacts(({ internalDateMs }) => internalDateMs <= nowMs - key.seconds * 1000);
    default:
      return withFacts(({ internalDateMs }) => internalDateMs >= nowMs - key.seconds * 1000);
  }
}

type DateKey = Extract<SearchKey, { key: 'date' }>;

/** Dates count in the zone of whoever wrote them: the sender's for the Date field, the server's for the others. */
function dateMatcher({ which, relation, day }: DateKey): Matcher {
  const start = secondsOfDay(day);
  const test = (localSeconds: number): boolean => {
    if (relation === 'before') return localSeconds < start;
    return localSeconds >= start && (relation === 'since' || localSeconds < start + daySeconds);
  };
  if (which === 'internal') return withFacts(({ internalDateMs }) => test(localSecondsOf(internalDateMs)));
  if (which === 'saved') return withFacts(({ savedMs }) => test(localSecondsOf(savedMs)));
  return {
    cost: costs.header,
    matches: (message) =>
      whenRead(message.field('date'), ([value = '']) => {
        const sent = parseRfc5322Date(value);
        // As Dovecot: what says no date was sent at the beginning of time.
        return test(sent === undefined ? 0 : sent.unixSeconds + sent.offsetMinutes * 60);
      }),
  };
}

function localSecondsOf(timeMs: number): number {
  return Math.floor(timeMs / 1000) - new Date(timeMs).getTimezoneOffset() * 60;
}

type TextKey = Extract<SearchKey, { key: 'header' | 'body' | 'text' }>;

function textMatcher(key: TextKey, context: SearchContext): Matcher {
  const wanted = collationKey(context.decode(key.text));
  if (key.key === 'header') return headerMatcher(key.name.toLowerCase(), wanted);
  if (wanted === '') return cheap(() => true);
  const pattern: TextPattern = { key: wanted, inHeaders: key.key === 'text' };
  return {
    cost: costs.text,
    async matches(message) {
      const text = await message.text();
      return text !== undefined && hasText(text, pattern, message.world.charsets);
    },
  };
}

/** Fields of addresses are searched as they are, and as an address without its quoting and comments: `Smith, J. <j@example.jp>`. */
const addressFields: ReadonlySet<string> = new Set(['from', 'to', 'cc', 'bcc']);

function headerMatcher(name: string, wanted: string): Matcher {
  const isOfAddresses = addressFields.has(name);
  return {
    cost: costs.header,
    matches(message) {
      const { charsets } = message.world;
      const isIn = (text: string): boolean => collationKey(text).includes(wanted);
      return whenRead(message.field(name), (values) =>
        values.some(
          (value) =>
            isIn(searchableValue(name, value, charsets)) ||
            (isOfAddresses && isIn(decodeHeaderText(plainAddresses(value), charsets))),
        ),
      );
    },
  };
}

function notOf(matcher: Matcher): Matcher {
  return {
    cost: matcher.cost,
    matches: (message) => whenRead(matcher.matches(message), (matches) => !matches),
  };
}

function allOf(matchers: readonly Matcher[]): Matcher {
  return inOrder(matchers, false);
}

function anyOf(matchers: readonly Matcher[]): Matcher {
  return inOrder(matchers, true);
}

/** The cheapest first, until one gives the answer that decides. */
function inOrder(matchers: readonly Matcher[], decides: boolean): Matcher {
  const sorted = [...matchers].sort((a, b) => a.cost - b.cost);
  const from = (index: number, message: SearchedMessage): boolean | Promise<boolean> => {
    for (let at = index; at < sorted.length; at++) {
      const found = sorted[at]?.matches(message) ?? false;
      if (found instanceof Promise)
        return found.then((matches) => (matches === decides ? decides : from(at + 1, message)));
      if (found === decides) return decides;
    }
    return !decides;
  };
  return { cost: sorted.at(-1)?.cost ?? costs.number, matches: (message) => from(0, message) };
}

function plainAddresses(value: string): string {
  return parseAddresses(value.trim())
    .map(({ name, mailbox, domain }) => `${name ?? ''} <${mailbox ?? ''}@${domain ?? ''}>`)
    .join(', ');
}
