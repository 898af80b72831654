// The commands of IMAP by their names in upper case; `UID FETCH` is one of its own.

import { authenticate } from './authentication/authenticate.js';
import { compress } from './authentication/compress.js';
import { enable } from './authentication/enable.js';
import { capability, id, logout, noop } from './authentication/general.js';
import { login } from './authentication/login.js';
import { startTls } from './authentication/start-tls.js';
import type { ImapCommand } from './command.js';
import { fetch, uidFetch } from './fetch/fetch.js';
import { create, deleteMailbox, rename, subscribe, unsubscribe } from './mailboxes/folders.js';
import { idle } from './mailboxes/idle.js';
import { check, close, unselect } from './mailboxes/leave.js';
import { list, lsub } from './mailboxes/list.js';
import { namespace } from './mailboxes/namespace.js';
import { getQuota, getQuotaRoot } from './mailboxes/quota.js';
import { examine, select } from './mailboxes/select.js';
import { status } from './mailboxes/status.js';
import { append, replace, uidReplace } from './messages/append.js';
import { copy, move, uidCopy, uidMove } from './messages/copy.js';
import { expunge, uidExpunge } from './messages/expunge.js';
import { store, uidStore } from './messages/store.js';
import { search, uidSearch } from './search/search.js';
import { sort, uidSort } from './search/sort.js';
import { thread, uidThread } from './search/thread.js';

export const commands: ReadonlyMap<string, ImapCommand> = new Map<string, ImapCommand>([
  ['CAPABILITY', capability],
  ['NOOP', noop],
  ['LOGOUT', logout],
  ['ID', id],
  ['STARTTLS', startTls],
  ['LOGIN', login],
  ['AUTHENTICATE', authenticate],
  ['ENABLE', enable],
  ['COMPRESS', compress],
  ['SELECT', select],
  ['EXAMINE', examine],
  ['CREATE', create],
  ['DELETE', deleteMailbox],
  ['RENAME', rename],
  ['SUBSCRIBE', subscribe],
  ['UNSUBSCRIBE', unsubscribe],
  ['LIST', list],
  ['LSUB', lsub],
  ['NAMESPACE', namespace],
  ['STATUS', status],
  ['GETQUOTA', getQuota],
  ['GETQUOTAROOT', getQuotaRoot],
  ['APPEND', append],
  ['REPLACE', replace],
  ['UID REPLACE', uidReplace],
  ['IDLE', idle],
  ['CHECK', check],
  ['CLOSE', close],
  ['UNSELECT', unselect],
  ['FETCH', fetch],
  ['UID FETCH', uidFetch],
  ['SEARCH', search],
  ['UID SEARCH', uidSearch],
  ['SORT', sort],
  ['UID SORT', uidSort],
  ['THREAD', thread],
  ['UID THREAD', uidThread],
  ['STORE', store],
  ['UID STORE', uidStore],
  ['COPY', copy],
  ['UID COPY', uidCopy],
  ['MOVE', move],
  ['UID MOVE', uidMove],
  ['EXPUNGE', expunge],
  ['UID EXPUNGE', uidExpunge],
]);
