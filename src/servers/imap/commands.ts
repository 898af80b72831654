// The commands of IMAP by their names in upper case; `UID FETCH` is one of its own.

import { authenticate } from './authentication/authenticate.js';
import { enable } from './authentication/enable.js';
import { capability, id, logout, noop } from './authentication/general.js';
import { login } from './authentication/login.js';
import { startTls } from './authentication/start-tls.js';
import type { ImapCommand } from './command.js';
import { fetch, uidFetch } from './fetch/fetch.js';
import { examine, select } from './mailboxes/select.js';
import { copy, move, uidCopy, uidMove } from './messages/copy.js';
import { expunge, uidExpunge } from './messages/expunge.js';
import { store, uidStore } from './messages/store.js';

export const commands: ReadonlyMap<string, ImapCommand> = new Map<string, ImapCommand>([
  ['CAPABILITY', capability],
  ['NOOP', noop],
  ['LOGOUT', logout],
  ['ID', id],
  ['STARTTLS', startTls],
  ['LOGIN', login],
  ['AUTHENTICATE', authenticate],
  ['ENABLE', enable],
  ['SELECT', select],
  ['EXAMINE', examine],
  ['FETCH', fetch],
  ['UID FETCH', uidFetch],
  ['STORE', store],
  ['UID STORE', uidStore],
  ['COPY', copy],
  ['UID COPY', uidCopy],
  ['MOVE', move],
  ['UID MOVE', uidMove],
  ['EXPUNGE', expunge],
  ['UID EXPUNGE', uidExpunge],
]);
