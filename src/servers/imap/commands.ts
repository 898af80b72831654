// The commands of IMAP by their names in upper case; `UID FETCH` is one of its own.

import { authenticate } from './authentication/authenticate.js';
import { enable } from './authentication/enable.js';
import { capability, id, logout, noop } from './authentication/general.js';
import { login } from './authentication/login.js';
import { startTls } from './authentication/start-tls.js';
import type { ImapCommand } from './command.js';
import { examine, select } from './mailboxes/select.js';

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
]);
