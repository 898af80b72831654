// Which messages a queue command is about: by number, or by what they are.
//
//   --to ann@example.org   a recipient that is left; * stands for anything, @example.org for everybody there; case does not count
//   --from ...             the envelope sender, likewise; <> or nothing for the null sender
//   --older 36h            queued that long ago or longer: s, m, h, d; seconds without a letter
//   --held                 held back
//   --all                  all

import { PermanentError } from '../../../errors.js';
import { withoutPrefix } from '../../../formats/queue/queue-bounce.js';
import { lower } from '../../../mail/address.js';
import type { ListedMessage } from '../../../queue/listing.js';

export interface SelectionOptions {
  readonly to?: string;
  readonly from?: string;
  readonly older?: string;
  readonly held?: boolean;
  readonly all?: boolean;
}

export interface Selection {
  readonly ids: ReadonlySet<string>;
  /** Whether anything is chosen; without that a list has all, and an order is refused. */
  readonly isAny: boolean;
  readonly matches: (message: ListedMessage) => boolean;
}

/** @param virtualDomains by which recipients are shown as their senders wrote them @throws PermanentError for options that cannot be understood */
export function selectionOf(
  ids: readonly string[],
  options: SelectionOptions,
  virtualDomains: ReadonlyMap<string, string>,
  nowSeconds: number,
): Selection {
  const numbers = new Set(ids.map(numberOf));
  const tests: ((message: ListedMessage) => boolean)[] = [];
  const { to, from, older, held, all } = options;
  if (numbers.size > 0) tests.push(({ id }) => numbers.has(id));
  if (to !== undefined) {
    const isTo = patternOf(to);
    tests.push(({ recipients }) =>
      recipients.some(
        ({ address, isDone }) => !isDone && (isTo(address) || isTo(withoutPrefix(address, virtualDomains))),
      ),
    );
  }
  if (from !== undefined) {
    const isFrom = patternOf(from.replace(/^<(.*)>$/s, '$1'));
    tests.push(({ sender }) => isFrom(sender));
  }
  if (older !== undefined) {
    const before = nowSeconds - secondsOf(older);
    tests.push(({ birthSeconds }) => birthSeconds <= before);
  }
  if (held === true) tests.push(({ isHeld }) => isHeld);
  return {
    ids: numbers,
    isAny: tests.length > 0 || all === true,
    matches: (message) => tests.every((test) => test(message)),
  };
}

function numberOf(text: string): string {
  const number = text.replace(/^#/, '');
  if (!/^(?:0|[1-9]\d{0,19})$/.test(number)) throw new PermanentError('5.5.4', `queue: ${text} is no message number`);
  return number;
}

function patternOf(text: string): (address: string) => boolean {
  const pattern = lower(text.startsWith('@') ? `*${text}` : text);
  const source = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  const expression = new RegExp(`^${source.join('.*')}$`, 's');
  return (address) => expression.test(lower(address));
}

const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

function secondsOf(text: string): number {
  const [, number, unit = ''] = /^(\d{1,9})([smhdw]?)$/.exec(text) ?? [];
  if (number === undefined) throw new PermanentError('5.5.4', `queue: --older ${text}: write it as 45m, 36h or 2d`);
  return Number(number) * (units[unit] ?? 1);
}
