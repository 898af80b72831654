// The outcomes of a resolution, made and put together in one place.
//
// When a file has several instructions, the message is delivered only if each of them can be done now:
//
//   one defers         the recipient is deferred, since qmail-local would stop there and try again
//   one needs the queue         so does the recipient
//   one refuses        the recipient is refused
//   otherwise          the Maildirs of all; with none, the message is discarded

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

/** `what` names in the reply what would be done, such as `a forward`. */
export function needsQueue(reason: QueueReason, what: string): Outcome {
  const text = `sorry, this leads to ${what}, which needs the queue, and this server has none yet. (#4.3.5)`;
  return { kind: 'queue', reason, code: 451, status: '4.3.5', text };
}

/** @param exact the loop line of qmail-local, @param anyCase that of vdelivermail */
export function discard(reason: string, exact: readonly string[], anyCase: readonly string[] = []): Discard {
  return { kind: 'discard', reason, loopLines: { exact, anyCase } };
}

export function deliverTo(target: MaildirTarget, anyCase: readonly string[]): Deliver {
  return { kind: 'deliver', maildirs: [target], loopLines: { exact: [], anyCase } };
}

/** One outcome of all instructions of a file. @param exact loop lines that the file's reader looks for */
export function combine(outcomes: readonly Outcome[], exact: readonly string[]): Outcome {
  for (const kind of ['defer', 'queue', 'refuse'] as const) {
    const first = outcomes.find((outcome) => outcome.kind === kind);
    if (first !== undefined) return first;
  }
  const done = outcomes.filter((outcome) => outcome.kind === 'deliver' || outcome.kind === 'discard');
  const loopLines: LoopLines = {
    exact: [...exact, ...done.flatMap((outcome) => outcome.loopLines.exact)],
    anyCase: done.flatMap((outcome) => outcome.loopLines.anyCase),
  };
  const maildirs = done.flatMap((outcome) => (outcome.kind === 'deliver' ? outcome.maildirs : []));
  if (maildirs.length > 0) return { kind: 'deliver', maildirs, loopLines };
  const reason = done.find((outcome) => outcome.kind === 'discard')?.reason ?? 'nothing is to be done with it';
  return { kind: 'discard', reason, loopLines };
}
