// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 6.3.4 to 6.3.8).
//
// CREATE may say what a mailbox is for (RFC 6154 3). Uses go by names here, so it is done where the name says the same. A selected mailbox that is deleted or renamed by its own session is left first.

import { separator } from '../../../formats/mailbox/folder-names.js';
import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { argumentsOf, type Completion, type ImapCommand, ImapProblem, type LoggedInSession, ok } from '../command.js';

export const create: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const name = session.names.fromClient(decoder.astring());
    const uses = decoder.maybeSp() ? readUses(decoder) : [];
    decoder.end();
    const bare = name.endsWith(separator) ? name.slice(0, -1) : name;
    const own = session.services.specialUses.of(bare)?.toLowerCase();
    if (uses.some((use) => use !== own))
      throw new ImapProblem('NO', 'Special uses go by the names of mailboxes here.', 'USEATTR');
    return ok('Create completed.', `MAILBOXID (${await session.account.create(name)})`);
  },
};

/** `(USE (\Sent))` */
function readUses(decoder: Decoder): string[] {
  return decoder
    .list(() => {
      if (decoder.word() !== 'USE') throw new SyntaxProblem('Unknown parameter');
      decoder.sp();
      return decoder.list(() => decoder.flag().toLowerCase());
    })
    .flat();
}

export const deleteMailbox: ImapCommand = withName(async (session, name) => {
  if (session.selected?.view.name === name) leave(session);
  await session.account.delete(name);
  return ok('Delete completed.');
});

export const rename: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const from = session.names.fromClient(decoder.astring());
    decoder.sp();
    const to = session.names.fromClient(decoder.astring());
    decoder.end();
    const open = session.selected?.view.name;
    if (open === from || open?.startsWith(`${from}${separator}`)) leave(session);
    await session.account.rename(from, to);
    return ok('Rename completed.');
  },
};

export const subscribe: ImapCommand = withName(async (session, name) => {
  await session.account.subscribe(name);
  return ok('Subscribe completed.');
});

export const unsubscribe: ImapCommand = withName(async (session, name) => {
  await session.account.unsubscribe(name);
  return ok('Unsubscribe completed.');
});

function withName(act: (session: LoggedInSession, name: string) => Promise<Completion>): ImapCommand {
  return {
    state: 'logged-in',
    async run(session, command) {
      const decoder = argumentsOf(command);
      const name = session.names.fromClient(decoder.astring());
      decoder.end();
      return act(session, name);
    },
  };
}

function leave(session: LoggedInSession): void {
  session.select(undefined);
  session.output.untagged('OK [CLOSED] Previous mailbox closed.');
}
