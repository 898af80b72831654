// The outcomes of a resolution, made and put together in one place.
//
// The instructions of a file are done in order, and each failure stops what follows (formats/qmail.md 6.1). Here nothing is done unless everything can be:
//
//   a refusal or deferral, no program before it    that is the recipient's fate: qmail-local would get there whatever the message is
//   a program                                      the recipient is for the queue, and what follows is not looked at: the program decides
//   a forward or mbox                              the recipient is for the queue, unless a later line refuses or defers: forwards are sent last
//   otherwise                                      the Maildirs of all; with none, the message is discarded

import { CorruptFileError, describe, errnoOf, TemporaryError, troubleWith } from '../../errors.js';
import type { LoopLines, MaildirTarget, Outcome, QueueReason } from './resolution.js';

type Deliver = Extract<Outcome, { kind: 'deliver' }>;
type Discard = Extract<Outcome, { kind: 'discard' }>;

/** A temporary failure. `cause` is for the log and may hold a path. */
export function defer(status: string, text: string, cause?: string): Outcome {
  return { kind: 'defer', code: 451, status, text, ...(cause !== undefined && { cause }) };
}

export function refuse(code: number, status: string, text: string): Outcome {
  return { kind: 'refuse', code, status, text };
}

/** There is no .qmail file for an address behind a dash. */
export function noMailbox(): Outcome {
  return refuse(550, '5.1.1', 'sorry, no mailbox here by that name. (#5.1.1)');
}

/** `what` names what is to be done, such as `a forward`; the reply is for a host that has no queue at the moment. */
export function needsQueue(reason: QueueReason, what: string): Outcome {
  const text = `sorry, this leads to ${what}, which needs the queue, and this host has none now. (#4.3.5)`;
  return { kind: 'queue', reason, code: 451, status: '4.3.5', text };
}

/** What a program line needs; ezmlm's are told apart because people know them as lists. */
export function needsProgram(command: string): Outcome {
  return /\bezmlm-/.test(command) ? needsQueue('list', 'a mailing list') : needsQueue('program', 'a program');
}

export function discard(reason: string, loopLines: Partial<LoopLines> = {}): Discard {
  return { kind: 'discard', reason, loopLines: { exact: [], anyCase: [], ...loopLines } };
}

export function deliverTo(target: MaildirTarget, loopLines: Partial<LoopLines> = {}): Deliver {
  return { kind: 'deliver', maildirs: [target], loopLines: { exact: [], anyCase: [], ...loopLines } };
}

/** One outcome of the instructions of a file, in their order. @param loopLines those that the file's reader looks for */
export function combine(outcomes: readonly Outcome[], loopLines: Partial<LoopLines>): Outcome {
  let queued: Outcome | undefined;
  const done: (Deliver | Discard)[] = [];
  for (const outcome of outcomes) {
    if (outcome.kind === 'refuse' || outcome.kind === 'defer') return outcome;
    if (outcome.kind === 'queue') queued ??= outcome;
    else done.push(outcome);
    if (outcome.kind === 'queue' && (outcome.reason === 'program' || outcome.reason === 'list')) break;
  }
  return queued ?? unite(done, loopLines);
}

function unite(done: readonly (Deliver | Discard)[], own: Partial<LoopLines>): Outcome {
  const [only] = done;
  // By far the most frequent case.
  if (only !== undefined && done.length === 1) {
    const exact = own.exact === undefined ? only.loopLines.exact : [...own.exact, ...only.loopLines.exact];
    const anyCase = own.anyCase === undefined ? only.loopLines.anyCase : [...own.anyCase, ...only.loopLines.anyCase];
    return { ...only, loopLines: { exact, anyCase } };
  }
  const loopLines: LoopLines = {
    exact: [...(own.exact ?? []), ...done.flatMap((outcome) => outcome.loopLines.exact)],
    anyCase: [...(own.anyCase ?? []), ...done.flatMap((outcome) => outcome.loopLines.anyCase)],
  };
  const maildirs = done.flatMap((outcome) => (outcome.kind === 'deliver' ? outcome.maildirs : []));
  if (maildirs.length > 0) return { kind: 'deliver', maildirs, loopLines };
  const reason = done.find((outcome) => outcome.kind === 'discard')?.reason;
  return discard(reason ?? 'nothing is to be done with it', loopLines);
}

/** What a thrown error means for a recipient: never a refusal. */
export function trouble(error: unknown): Outcome {
  if (error instanceof TemporaryError) {
    const code = error.status === '4.3.1' || error.status === '4.2.2' ? 452 : 451;
    return { kind: 'defer', code, status: error.status, text: error.message, cause: describe(error) };
  }
  const text = 'temporary trouble with a file of this host. (#4.3.0)';
  if (errnoOf(error) !== undefined) return trouble(troubleWith(text, error));
  if (error instanceof CorruptFileError) return defer('4.3.0', text, describe(error));
  return defer('4.3.0', text, error instanceof Error ? (error.stack ?? error.message) : String(error));
}

/**
 * A text for senders (.no-user.msg, .over-quota.msg) as one line of a reply: its lines joined, printable ASCII, at most 400 characters, ended by the
 * status as qmail writes it. undefined when nothing is left of it.
 */
export function replyText(text: Buffer | undefined, status: string): string | undefined {
  const line = text
    ?.toString('latin1')
    .replace(/\s+/g, ' ')
    .replace(/[^ -~]/g, '?')
    .trim()
    .slice(0, 400);
  if (line === undefined || line === '') return undefined;
  return /\(#\d\.\d+\.\d+\)$/.test(line) ? line : `${line} (#${status})`;
}
