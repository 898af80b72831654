// NAMESPACE (RFC 2342): one for the user's own mailboxes, none for others'.

import { separator } from '../../../formats/mailbox/folder-names.js';
import { type ImapCommand, mustHaveNoArguments, ok } from '../command.js';

export const namespace: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    mustHaveNoArguments(command);
    session.output.untagged(`NAMESPACE (("${session.names.prefix}" "${separator}")) NIL NIL`);
    return ok('Namespace completed.');
  },
};
