// Names of mailboxes as a client writes and reads them, and as the account has them (stores/mailboxes: modified UTF-7, without prefix).
//
//   prefix       client              account
//   ''           INBOX  Work.Proj    INBOX  Work.Proj
//   'INBOX.'     INBOX  INBOX.Work   INBOX  Work             as Courier names folders
//
// A client that has enabled UTF8=ACCEPT or IMAP4rev2 writes and reads UTF-8 (RFC 6855 3, RFC 9051 5.1); its bytes are Latin-1 characters here.

import { inbox, isInbox } from '../../formats/mailbox/folder-names.js';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../formats/mailbox/modified-utf7.js';
import { quotedOrLiteral } from '../../protocols/imap/strings.js';
import type { Extension } from './command.js';
import { ImapProblem } from './command.js';

const plainAtom = /^[A-Za-z0-9.,$&#+\-/:;<=>?@^_`|~!']+$/;

export class MailboxNames {
  readonly prefix: string;
  readonly #enabled: ReadonlySet<Extension>;

  /** @param enabled of the session, as it changes */
  constructor(prefix: string, enabled: ReadonlySet<Extension>) {
    this.prefix = prefix;
    this.#enabled = enabled;
  }

  get isUtf8(): boolean {
    return this.#enabled.has('UTF8=ACCEPT') || this.#enabled.has('IMAP4rev2');
  }

  /** The account's name for what a client wrote. @throws ImapProblem when it is in no namespace, or no UTF-8 */
  fromClient(text: string): string {
    const name = this.encoded(text);
    if (isInbox(name)) return inbox;
    if (this.prefix === '') return name;
    if (!this.#hasPrefix(name))
      throw new ImapProblem('NO', `Mailbox name should probably be prefixed with: ${this.prefix}`, 'CANNOT');
    const rest = name.slice(this.prefix.length);
    if (isInbox(rest)) throw new ImapProblem('NO', 'INBOX has no such folder', 'CANNOT');
    return rest;
  }

  /** Modified UTF-7 of what a client wrote. @throws ImapProblem when it is no UTF-8 where it must be */
  encoded(text: string): string {
    if (!this.isUtf8 && !/[\x80-\xff]/.test(text)) return text;
    const bytes = Buffer.from(text, 'latin1');
    const decoded = bytes.toString('utf8');
    if (!this.isUtf8 || !Buffer.from(decoded, 'utf8').equals(bytes))
      throw new ImapProblem('NO', 'Mailbox name is not valid mUTF-7', 'CANNOT');
    return encodeModifiedUtf7(decoded);
  }

  /** The account's name as the client reads it, as astring. */
  shown(name: string): string {
    const text = this.text(name);
    if (plainAtom.test(text) && text.toUpperCase() !== 'NIL') return text;
    return this.isUtf8 && !/[\r\n\0]/.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : quotedOrLiteral(text);
  }

  /** The same without quotes, as patterns match it. */
  text(name: string): string {
    const prefixed = name === inbox || this.prefix === '' ? name : `${this.prefix}${name}`;
    const decoded = this.isUtf8 ? decodeModifiedUtf7(prefixed) : undefined;
    return decoded === undefined ? prefixed : Buffer.from(decoded, 'utf8').toString('latin1');
  }

  #hasPrefix(name: string): boolean {
    // INBOX. is INBOX in any case too.
    return name.slice(0, this.prefix.length).toUpperCase() === this.prefix.toUpperCase();
  }
}
