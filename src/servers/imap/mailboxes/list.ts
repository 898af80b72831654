// LIST (list-arguments.ts) and LSUB (RFC 3501 6.3.9): which mailboxes there are, and which are subscribed.
//
//   * LIST (\HasNoChildren \Sent) "." Sent
//   * LIST (\HasChildren \NonExistent) "." Deep ("CHILDINFO" ("SUBSCRIBED"))
//
// A name that is there only because mailboxes below it are is \NonExistent to those who know that word, else \Noselect. Children and special uses are told whether asked for or not.

import { inbox, separator } from '../../../formats/mailbox/folder-names.js';
import type { ListedMailbox } from '../../../stores/mailboxes/mailbox-types.js';
import { MailboxRefusal } from '../../../stores/mailboxes/refusal.js';
import { argumentsOf, type ImapCommand, type LoggedInSession, ok } from '../command.js';
import { type ListArguments, readListArguments } from './list-arguments.js';
import { matchPatterns, type NameMatch } from './patterns.js';
import { tellStatus } from './status.js';

const noMailbox = `(\\Noselect) "${separator}" ""`;

export const list: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const asked = readListArguments(argumentsOf(command));
    // Asked for no name, the separator is told.
    if (!asked.isExtended && asked.patterns[0] === '') session.output.untagged(`LIST ${noMailbox}`);
    else await tellList(session, asked);
    return ok('List completed.');
  },
};

export const lsub: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const decoder = argumentsOf(command);
    const reference = decoder.astring();
    decoder.sp();
    const pattern = decoder.listMailbox();
    decoder.end();
    if (pattern === '') session.output.untagged(`LSUB ${noMailbox}`);
    else await tellSubscribed(session, reference + pattern);
    return ok('Lsub completed.');
  },
};

async function tellList(session: LoggedInSession, asked: ListArguments): Promise<void> {
  const { account, names, output, services } = session;
  const matches = matchPatterns(asked.patterns.map((pattern) => asked.reference + pattern));
  const mailboxes = await account.list();
  const subscribed = new Set(asked.tell.subscribed ? await account.subscriptions() : []);
  const uses = services.specialUses.among(mailboxes.filter(({ isSelectable }) => isSelectable));
  // With a prefix all other mailboxes are below INBOX.
  const isAboveAll = names.prefix !== '' && mailboxes.length > 1;
  const knowsNonExistent = asked.isExtended || session.enabled.has('IMAP4rev2');
  for (const { name, isSelectable, hasChildren } of withMissing(mailboxes, asked, subscribed)) {
    if (!matches(names.text(name))) continue;
    const use = uses.get(name) ?? [];
    const isWanted = (!asked.select.subscribed || subscribed.has(name)) && (!asked.select.specialUse || use.length > 0);
    const below =
      asked.select.recursiveMatch && hasSubscribedBelow(name, subscribed, (other) => matches(names.text(other)));
    if (!isWanted && !below) continue;
    const attributes = subscribed.has(name) ? ['\\Subscribed'] : [];
    if (!isSelectable) attributes.push(knowsNonExistent ? '\\NonExistent' : '\\Noselect');
    attributes.push(hasChildren || (name === inbox && isAboveAll) ? '\\HasChildren' : '\\HasNoChildren');
    attributes.push(...use);
    const more = below ? ' ("CHILDINFO" ("SUBSCRIBED"))' : '';
    output.untagged(`LIST (${attributes.join(' ')}) "${separator}" ${names.shown(name)}${more}`);
    if (isSelectable && asked.tell.status.length > 0) await tellStatusIfThere(session, name, asked);
    const pause = output.breathe();
    if (pause !== undefined) await pause;
  }
}

/** Subscribed names are told whether there are such mailboxes or not. */
function withMissing(
  mailboxes: readonly ListedMailbox[],
  { select }: ListArguments,
  subscribed: ReadonlySet<string>,
): readonly ListedMailbox[] {
  if (!select.subscribed) return mailboxes;
  const there = new Set(mailboxes.map(({ name }) => name));
  const missing = [...subscribed].filter((name) => !there.has(name));
  return [...mailboxes, ...missing.map((name) => ({ name, isSelectable: false, hasChildren: false, createdFor: [] }))];
}

function hasSubscribedBelow(name: string, subscribed: ReadonlySet<string>, matches: NameMatch): boolean {
  const start = `${name}${separator}`;
  return [...subscribed].some((other) => other.startsWith(start) && !matches(other));
}

/** A mailbox that goes meanwhile has no numbers, and its line stands. */
async function tellStatusIfThere(session: LoggedInSession, name: string, { tell }: ListArguments): Promise<void> {
  try {
    await tellStatus(session, name, tell.status);
  } catch (error) {
    if (!(error instanceof MailboxRefusal)) throw error;
  }
}

/** LSUB tells a name above subscribed ones, where `%` would hide those, as \Noselect. */
async function tellSubscribed({ account, names, output }: LoggedInSession, pattern: string): Promise<void> {
  const matches = matchPatterns([pattern]);
  const there = new Set((await account.list()).flatMap(({ name, isSelectable }) => (isSelectable ? [name] : [])));
  const told = new Set<string>();
  const tell = (name: string, attributes: string): void => {
    if (told.has(name)) return;
    told.add(name);
    output.untagged(`LSUB (${attributes}) "${separator}" ${names.shown(name)}`);
  };
  const subscribed = await account.subscriptions();
  for (const name of subscribed) if (matches(names.text(name))) tell(name, there.has(name) ? '' : '\\Noselect');
  if (!pattern.endsWith('%')) return;
  for (const name of subscribed)
    for (let at = name.indexOf(separator); at >= 0; at = name.indexOf(separator, at + 1)) {
      const above = name.slice(0, at);
      if (matches(names.text(above))) tell(above, '\\Noselect');
    }
}
