// What qmail-queue's exit code means to whoever gave it a message (formats/qmail.md 2.7): qmail's own words, which peers read after 451 and 554 and people grep for.

import { PermanentError, TemporaryError } from '../../errors.js';

const temporary: Readonly<Record<number, string>> = {
  51: 'qq out of memory (#4.3.0)',
  52: 'qq timeout (#4.3.0)',
  53: 'qq write error or disk full (#4.3.0)',
  54: 'qq read error (#4.3.0)',
  55: 'qq unable to read configuration (#4.3.0)',
  56: 'qq trouble making network connection (#4.3.0)',
  61: 'qq trouble in home directory (#4.3.0)',
  62: 'qq trouble creating files in queue (#4.3.0)',
  63: 'qq trouble creating files in queue (#4.3.0)',
  64: 'qq trouble creating files in queue (#4.3.0)',
  65: 'qq trouble creating files in queue (#4.3.0)',
  66: 'qq trouble creating files in queue (#4.3.0)',
  71: 'mail server temporarily rejected message (#4.3.0)',
  72: 'connection to mail server timed out (#4.4.1)',
  73: 'connection to mail server rejected (#4.4.1)',
  74: 'communication with mail server failed (#4.4.2)',
  81: 'qq internal bug (#4.3.0)',
  91: 'qq internal bug (#4.3.0)',
  120: 'unable to exec qq (#4.3.0)',
};
const forGood: Readonly<Record<number, string>> = {
  11: 'envelope address too long for qq (#5.1.3)',
  115: 'envelope address too long for qq (#5.1.3)',
  31: 'mail server permanently rejected message (#5.3.0)',
};

/** The exit code 82, with which a program says in its own words on descriptor 6 why not. */
const ownWords = 82;

/**
 * The error that an exit code other than 0 means.
 * @param said what the program wrote on descriptor 6 @param cause for the log
 */
export function queueError(exitCode: number, said = '', cause?: unknown): PermanentError | TemporaryError {
  return Object.assign(errorFor(exitCode, said, cause), { exitCode });
}

/** The exit code for what a way into the queue threw: its own where it is one of qmail-queue's, else what stands for its kind. */
export function exitCodeFor(error: unknown): number {
  if (error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number') return error.exitCode;
  return error instanceof PermanentError ? 31 : 71;
}

function errorFor(exitCode: number, said: string, cause: unknown): PermanentError | TemporaryError {
  if (exitCode === ownWords && said.length > 2) {
    const text = said
      .slice(1, 255)
      .replace(/[^ -~]+/g, ' ')
      .trim();
    return said.startsWith('D') ? new PermanentError('5.3.0', text, cause) : new TemporaryError('4.3.0', text, cause);
  }
  const permanent = forGood[exitCode];
  if (permanent !== undefined) return new PermanentError(statusIn(permanent), permanent, cause);
  if (exitCode >= 11 && exitCode <= 40) return new PermanentError('5.3.0', 'qq permanent problem (#5.3.0)', cause);
  const text = temporary[exitCode] ?? 'qq temporary problem (#4.3.0)';
  return new TemporaryError(statusIn(text), text, cause);
}

/** The error when the program was killed. */
export function queueCrashed(cause?: unknown): TemporaryError {
  return Object.assign(new TemporaryError('4.3.0', 'qq crashed (#4.3.0)', cause), { exitCode: 71 });
}

/** Whether this is a way into the queue that failed, so that the error's words are qmail's, or those of a program in the place of qmail-queue. */
export function isQueueError(error: PermanentError | TemporaryError): boolean {
  return 'exitCode' in error;
}

function statusIn(text: string): string {
  return /#(\d\.\d\.\d)/.exec(text)?.[1] ?? '4.3.0';
}
