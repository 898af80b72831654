// What stands before each message of APPEND and REPLACE (RFC 9051 6.3.12, RFC 3502, RFC 3516, RFC 6855 4).
//
//   APPEND Sent (\Seen $Label1) "24-Nov-2026 02:49:18 +0000" {310}           the message follows
//   APPEND Sent (\Seen) {310+}  ...  () {12+}  ...                           two messages
//   APPEND Sent ~{310}          UTF8 (~{310}  ...  )                         with bytes of any kind; with headers in UTF-8

import { parseDateTime } from '../../../protocols/imap/dates.js';
import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import type { NamedFlags } from '../../../stores/mailboxes/mailbox-types.js';
import { namedFlags } from './named-flags.js';

export interface MessageArguments extends NamedFlags {
  readonly internalDateMs: number | undefined;
  /** Whether a parenthesis follows the message: of `UTF8 (`. */
  readonly isUtf8: boolean;
}

/** Reads up to the message; the decoder stands behind the blank before it. */
export function readMessageArguments(decoder: Decoder): MessageArguments {
  let named: NamedFlags = { flags: 0, keywords: [] };
  if (decoder.peek() === '(') {
    named = namedFlags(decoder.list(() => decoder.flag()));
    decoder.sp();
  }
  let internalDateMs: number | undefined;
  if (decoder.peek() === '"') {
    const seconds = parseDateTime(decoder.string());
    if (seconds === undefined) throw new SyntaxProblem('Invalid date');
    internalDateMs = seconds * 1000;
    decoder.sp();
  }
  const isUtf8 = decoder.peek().toUpperCase() === 'U';
  if (isUtf8) {
    if (decoder.word() !== 'UTF8') throw new SyntaxProblem('A message is needed');
    decoder.sp();
    decoder.expect('(');
  }
  if (decoder.peek() !== '') throw new SyntaxProblem('A message is needed');
  return { ...named, internalDateMs, isUtf8 };
}
