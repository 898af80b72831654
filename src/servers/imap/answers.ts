// Tagged answers, and what errors become in them.

import { CorruptFileError, describe, errnoOf, PermanentError, TemporaryError } from '../../errors.js';
import { SyntaxProblem } from '../../protocols/imap/decoder.js';
import { MailboxRefusal } from '../../stores/mailboxes/refusal.js';
import { bad, type Completion, ImapProblem, no } from './command.js';

/** @returns `a1 OK [READ-WRITE] Select completed.` */
export function taggedLine(tag: string, { status, code, text }: Completion): string {
  return code === undefined ? `${tag} ${status} ${text}` : `${tag} ${status} [${code}] ${text}`;
}

/** What the log is told of an error besides; undefined: nothing. */
export interface Trouble {
  readonly completion: Completion;
  readonly warning?: string;
  readonly alert?: string;
}

/** @param name of the command that threw it */
export function answerToError(error: unknown, name: string): Trouble {
  if (error instanceof ImapProblem) return { completion: error.completion };
  if (error instanceof SyntaxProblem) return { completion: bad(`Error in IMAP command ${name}: ${error.message}.`) };
  if (error instanceof MailboxRefusal) return { completion: no(`${error.message}.`, error.code) };
  if (error instanceof TemporaryError) {
    const warning = describe(error);
    return { completion: no(`${error.message}.`, error.status === '4.3.1' ? 'OVERQUOTA' : 'UNAVAILABLE'), warning };
  }
  if (error instanceof PermanentError) return { completion: no(`${error.message}.`, 'CANNOT') };
  const broken = no('Internal error occurred. Refer to server log for more information.', 'SERVERBUG');
  if (error instanceof CorruptFileError || errnoOf(error) !== undefined)
    return { completion: broken, warning: describe(error) };
  return { completion: broken, alert: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
