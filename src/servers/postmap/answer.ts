// The answers of Postfix's socketmap protocol (socketmap_table(5)), as values and as bytes.
//
//   OK data            found
//   NOTFOUND           with a space behind it: not found
//   TEMP reason        cannot be told now: Postfix answers its client 451
//   PERM reason        the question is wrong; Postfix answers 451 too, and logs the reason
//
// (TIMEOUT is for servers that ask another one.) Postfix takes at most 100,000 bytes. A reason goes to Postfix's log, so it is one line without a path.

import { encodeNetstring } from '../../protocols/netstring.js';

export type Answer =
  | { readonly kind: 'found'; readonly data: string }
  | { readonly kind: 'not-found' }
  /** `cause` is for our own log. */
  | { readonly kind: 'temporary'; readonly reason: string; readonly cause?: string | undefined }
  | { readonly kind: 'permanent'; readonly reason: string };

export const notFound: Answer = { kind: 'not-found' };

/** Found, in a map of which only the keys count. */
export const listed: Answer = { kind: 'found', data: 'OK' };

/** What Postfix takes (DICT_SOCKMAP_DEF_MAX_REPLY), less the word in front. */
const longestData = 99_000;
const longestReason = 400;

/** The netstring of an answer. */
export function encodeAnswer(answer: Answer): Buffer {
  return encodeNetstring(answerText(answer));
}

function answerText(answer: Answer): string {
  switch (answer.kind) {
    case 'found':
      return answer.data.length <= longestData ? `OK ${answer.data}` : 'PERM the answer is too long';
    case 'not-found':
      return 'NOTFOUND ';
    case 'temporary':
      return `TEMP ${oneLine(answer.reason)}`;
    case 'permanent':
      return `PERM ${oneLine(answer.reason)}`;
  }
}

function oneLine(reason: string): string {
  return reason.replace(/[^ -~]+/g, ' ').slice(0, longestReason);
}
