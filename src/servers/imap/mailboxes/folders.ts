// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 6.3.4 to 6.3.8).
//
// CREATE may say what a mailbox is for (RFC 6154 3): it is written down with the mailbox. A use that another mailbox was created for is refused, as are uses that no mailbox has here (\All). A selected mailbox that is deleted or renamed by its own session is left first.

import { separator } from '../../../formats/mailbox/folder-names.js';
import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { argumentsOf, type Completion, type ImapCommand, ImapProblem, type LoggedInSession, ok } from '../command.js';
import { specialUses } from './special-use.js';

export const create: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const name = session.names.fromClient(decoder.astring());
    const uses = decoder.maybeSp() ? readUses(decoder) : [];
    decoder.end();
    if (uses.length > 0) await mustBeFree(session, uses);
    return ok('Create completed.', `MAILBOXID (${await session.account.create(name, uses)})`);
  },
};

/** `(USE (\Sent))` @throws ImapProblem USEATTR */
function readUses(decoder: Decoder): string[] {
  const named = decoder
    .list(() => {
      if (decoder.word() !== 'USE') throw new SyntaxProblem('Unknown parameter');
      decoder.sp();
      return decoder.list(() => decoder.flag());
    })
    .flat();
  return [...new Set(named)].map((name) => {
    const use = specialUses.find((known) => known.toLowerCase() === name.toLowerCase());
    if (use === undefined) throw new ImapProblem('NO', `No mailbox can be for ${name} here.`, 'USEATTR');
    return use;
  });
}

/** @throws ImapProblem USEATTR when another mailbox was created for one of these */
async function mustBeFree({ account, names }: LoggedInSession, uses: readonly string[]): Promise<void> {
  for (const { name, createdFor } of await account.list())
    if (createdFor.some((use) => uses.includes(use)))
      throw new ImapProblem('NO', `There is a mailbox for that: ${names.shown(name)}.`, 'USEATTR');
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
