// Messages on their way into a mailbox: all of them enter it, or none.

import type { AppendedMessages, NewMessage } from './mailbox-types.js';

/** One call at a time. After a failure everything is given up; `abort` may be called at any time and any number of times. */
export class MailboxAppend {
  /** Begins the next message. @throws MailboxRefusal OVERQUOTA, TOOBIG, LIMIT (keywords) before its bytes are taken */
  next(_message: NewMessage): Promise<void> {
    throw new Error('not built yet');
  }

  /** Bytes of the message, as the client sends them; CRLF is stored as LF. The chunk may be used again when it resolves. */
  write(_chunk: Buffer): Promise<void> {
    throw new Error('not built yet');
  }

  /** The message is whole and durable in tmp/. @throws MailboxRefusal CANNOT when it is empty */
  finish(): Promise<void> {
    throw new Error('not built yet');
  }

  /** The messages enter the mailbox and have UIDs; durable when it resolves. */
  commit(): Promise<AppendedMessages> {
    throw new Error('not built yet');
  }

  /** Removes what there is in tmp/. Does not throw. */
  abort(): Promise<void> {
    throw new Error('not built yet');
  }
}
