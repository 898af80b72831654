// STATUS (RFC 9051 6.3.11; RFC 7162 HIGHESTMODSEQ, 8438 SIZE, 8474 MAILBOXID, 7889 APPENDLIMIT), and the same for LIST RETURN (STATUS) (RFC 5819).

import { type Decoder, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import type { MailboxStatus } from '../../../stores/mailboxes/mailbox-types.js';
import { appendLimit } from '../append-limit.js';
import { argumentsOf, type ImapCommand, type LoggedInSession, ok } from '../command.js';

const items = [
  'MESSAGES',
  'RECENT',
  'UIDNEXT',
  'UIDVALIDITY',
  'UNSEEN',
  'DELETED',
  'SIZE',
  'HIGHESTMODSEQ',
  'MAILBOXID',
  'APPENDLIMIT',
] as const;
export type StatusItem = (typeof items)[number];

export const status: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const name = decoder.astring();
    decoder.sp();
    const wanted = readStatusItems(decoder);
    decoder.end();
    await tellStatus(session, session.names.fromClient(name), wanted);
    return ok('Status completed.');
  },
};

export function readStatusItems(decoder: Decoder): readonly StatusItem[] {
  const read = decoder.list(() => {
    const word = decoder.word();
    const item = items.find((known) => known === word);
    if (item === undefined) throw new SyntaxProblem(`Invalid status item ${word}`);
    return item;
  });
  if (read.length === 0) throw new SyntaxProblem('Empty status list');
  return [...new Set(read)];
}

/** @param name the account's */
export async function tellStatus(session: LoggedInSession, name: string, wanted: readonly StatusItem[]): Promise<void> {
  if (wanted.includes('HIGHESTMODSEQ')) session.enable('CONDSTORE');
  const { account, output, names, services } = session;
  const found = await account.status(name);
  const size = wanted.includes('SIZE') ? await account.totalSize(name) : 0;
  const values = wanted.map((item) => `${item} ${valueOfItem(item, found, size, appendLimit(services))}`);
  output.untagged(`STATUS ${names.shown(name)} (${values.join(' ')})`);
}

function valueOfItem(item: StatusItem, found: MailboxStatus, size: number, largest: number): string {
  switch (item) {
    case 'MESSAGES':
      return String(found.messages);
    case 'RECENT':
      return String(found.recent);
    case 'UIDNEXT':
      return String(found.uidNext);
    case 'UIDVALIDITY':
      return String(found.uidValidity);
    case 'UNSEEN':
      return String(found.unseen);
    case 'DELETED':
      return String(found.deleted);
    case 'SIZE':
      return String(size);
    case 'HIGHESTMODSEQ':
      return String(found.highestModSeq);
    case 'MAILBOXID':
      return `(${found.mailboxId})`;
    case 'APPENDLIMIT':
      return String(largest);
  }
}
