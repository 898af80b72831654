// How a local delivery fails: qmail-local's words and exit codes (formats/qmail.md 6.1 to 6.8). 111 is temporary, 100 is for good.

import { errnoOf, temporaryErrnos } from '../../errors.js';
import { systemErrorText } from '../../mail/system-errors.js';

export class LocalFailure extends Error {
  readonly exitCode: 100 | 111;
  /** @param text one line without LF, empty for none, as a program has said all there is to say */
  constructor(exitCode: 100 | 111, text: string, cause?: unknown) {
    super(text, { cause });
    this.exitCode = exitCode;
  }
}

/** `Unable to open .qmail: access denied. (#4.3.0)` and its kind. @param status the code in front of the closing bracket */
export function systemFailure(words: string, error: unknown, status = '4.3.0'): LocalFailure {
  return new LocalFailure(111, `${words}: ${systemErrorText(innermost(error))}. (#${status})`, error);
}

/** Whether a system error may pass by itself, as qmail sees it. */
export function isTemporary(error: unknown): boolean {
  return temporaryErrnos.has(errnoOf(innermost(error)) ?? '');
}

/** The system error at the bottom of an error's causes; the error itself when there is none. */
function innermost(error: unknown): unknown {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (errnoOf(at) !== undefined) return at;
  return error;
}
