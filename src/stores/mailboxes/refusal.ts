// Why an operation on a mailbox is not done: an answer for the client, with IMAP's response code for it (RFC 5530, 4315, 9208, 7889). Nothing was changed.

import { PermanentError } from '../../errors.js';

export type RefusalCode =
  /** There is no such mailbox. Whether TRYCREATE is said is the command's affair. */
  | 'NONEXISTENT'
  | 'ALREADYEXISTS'
  /** A name that cannot be, or an operation that this mailbox does not have. */
  | 'CANNOT'
  | 'OVERQUOTA'
  | 'TOOBIG'
  /** Another program holds the mailbox. */
  | 'INUSE'
  | 'NOPERM'
  /** A keyword that cannot be stored. */
  | 'LIMIT'
  /** A message that is not there any more. */
  | 'EXPUNGEISSUED'
  /** The mailbox that a session has open is not the same any more (deleted, renamed, new UIDVALIDITY): the session must give it up. */
  | 'LOST';

export class MailboxRefusal extends PermanentError {
  readonly code: RefusalCode;

  /** @param text what the client reads; without paths */
  constructor(code: RefusalCode, text: string, cause?: unknown) {
    super(code === 'OVERQUOTA' ? '5.2.2' : '5.2.0', text, cause);
    this.code = code;
  }
}
