// The messages that sessions of a test append: each has a text that follows from its subject, so that whoever finds one knows whether it is whole.

import assert from 'node:assert/strict';

export const fetchAll = 'UID FETCH 1:* (UID FLAGS BODY.PEEK[])';

export interface Message {
  readonly subject: string;
  /** Sorted, with blanks between. */
  readonly flags: string;
}

/** The text of a message, from which its size follows. */
export function textOf(subject: string): string {
  const number = Number(subject.split('-').at(-1));
  const length = number % 12 === 7 ? 150_000 : (number * 37) % 2000;
  return `Subject: ${subject}\r\n\r\n${`${subject} `.repeat(Math.ceil(length / (subject.length + 1)))}\r\nEND\r\n`;
}

export function sortedFlags(names: Iterable<string>): string {
  return [...new Set(names)]
    .filter((name) => name !== '' && name !== '\\Recent')
    .sort()
    .join(' ');
}

/** UID -> message, of the answers to `fetchAll`; each message must be whole. */
export function messagesOf(responses: readonly string[]): Map<string, Message> {
  const messages = new Map<string, Message>();
  for (const response of responses) {
    if (!/^\* \d+ FETCH /.test(response)) continue;
    const [uid = '', flags = '', subject = ''] = [/UID (\d+)/, /FLAGS \(([^)]*)\)/, /Subject: (\S+)\r\n/].map(
      (field) => field.exec(response)?.[1],
    );
    assert.ok(response.endsWith(`\r\n${textOf(subject)})`), `not whole: ${response.slice(0, 300)}`);
    messages.set(uid, { subject, flags: sortedFlags(flags.split(' ')) });
  }
  return messages;
}

/** `1:3,7` as numbers. */
export function numbersOf(set: string): number[] {
  return set
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const [first = 0, last = first] = range.split(':').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}
