// How mailboxes are shown to IMAP clients, as the administrator says.

import { PermanentError } from '../../errors.js';
import { folderNameProblem } from '../../formats/mailbox/folder-names.js';
import { encodeModifiedUtf7 } from '../../formats/mailbox/modified-utf7.js';
import { specialUses, type UseName } from './mailboxes/special-use.js';

export interface ImapSettings {
  /** In front of all names but INBOX: '' or `INBOX.`. */
  readonly prefix: '' | 'INBOX.';
  /** Names for special uses before those that are known. */
  readonly specialUses: readonly UseName[];
  /** Mailboxes that every account has, by the account's names: made when a session begins; those of the second list are subscribed then. */
  readonly autocreate: readonly string[];
  readonly autosubscribe: readonly string[];
  /** Whether what is costly to work out is kept in a file beside the messages. */
  readonly hasCache: boolean;
  /** The largest message that APPEND takes: bytes, or what control/databytes says. */
  readonly appendLimit: number | 'databytes';
}

/** Where nothing else is said. */
export const defaultAppendLimit = 1024 * 1024 * 1024;

export const defaultImapSettings: ImapSettings = {
  prefix: '',
  specialUses: [],
  autocreate: [],
  autosubscribe: [],
  hasCache: true,
  appendLimit: defaultAppendLimit,
};

/** The options as the command line has them. Names of mailboxes are text, without a prefix. */
export interface ImapOptions {
  readonly imapNamespace?: string;
  /** `Sent=Sent Messages` */
  readonly imapSpecialUse?: readonly string[];
  readonly imapAutocreate?: readonly string[];
  readonly imapAutosubscribe?: readonly string[];
  readonly imapCache?: string;
  readonly imapAppendLimit?: string;
}

/** @throws PermanentError with one line for the command line */
export function parseImapSettings(options: ImapOptions): ImapSettings {
  const { imapNamespace = 'none', imapSpecialUse = [], imapAutocreate = [], imapAutosubscribe = [] } = options;
  return {
    prefix: parsePrefix(imapNamespace),
    specialUses: imapSpecialUse.map(parseUse),
    autocreate: imapAutocreate.map((name) => mailboxOf('--imap-autocreate', name)),
    autosubscribe: imapAutosubscribe.map((name) => mailboxOf('--imap-autosubscribe', name)),
    hasCache: parseCache(options.imapCache ?? 'on'),
    appendLimit: parseAppendLimit(options.imapAppendLimit),
  };
}

function parsePrefix(text: string): ImapSettings['prefix'] {
  if (text === 'none') return '';
  if (text.toUpperCase() === 'INBOX.') return 'INBOX.';
  throw refuse(`--imap-namespace ${text}`, 'choose one of none and INBOX.');
}

function parseCache(text: string): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw refuse(`--imap-cache ${text}`, 'choose one of on and off.');
}

function parseAppendLimit(text: string | undefined): ImapSettings['appendLimit'] {
  if (text === undefined) return defaultAppendLimit;
  if (text === 'databytes') return text;
  if (/^[1-9][0-9]{0,11}$/.test(text)) return Number(text);
  throw refuse(`--imap-append-limit ${text}`, 'give a number of bytes, or databytes for what control/databytes says.');
}

function parseUse(text: string): UseName {
  const equals = text.indexOf('=');
  const use = specialUses.find((known) => known.toLowerCase() === `\\${text.slice(0, equals).toLowerCase()}`);
  const name = text.slice(equals + 1);
  const words = specialUses.map((known) => known.slice(1)).join(', ');
  if (equals < 0 || use === undefined || name === '')
    throw refuse(`--imap-special-use ${text}`, `write it as Sent=NAME; the uses are ${words}`);
  return { use, name };
}

function mailboxOf(option: string, text: string): string {
  const name = encodeModifiedUtf7(text);
  const problem = folderNameProblem(name);
  if (problem !== undefined) throw refuse(`${option} ${text}`, `it cannot be the name of a mailbox: ${problem}`);
  return name;
}

function refuse(what: string, why: string): PermanentError {
  return new PermanentError('5.5.4', `${what}: ${why}`);
}
