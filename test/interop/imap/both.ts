// One mailbox with the corpus, for Dovecot and for us.

import { chownSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { silentLog } from '../../../src/log.js';
import type { MailboxView } from '../../../src/stores/mailboxes/mailbox-view.js';
import { OpenMailboxes } from '../../../src/stores/mailboxes/open-mailboxes.js';
import { dovecotAnswers } from '../../support/dovecot-imap.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { corpus } from './corpus.js';

const isRoot = process.getuid?.() === 0;
const owner = isRoot ? { uid: 6020, gid: 6020 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

export interface Both {
  readonly messages: readonly Buffer[];
  /** Our view of the mailbox, for reading. */
  readonly view: MailboxView;
  /** Dovecot's output for commands in a session that has examined it. */
  dovecot(commands: readonly (string | Buffer)[]): Promise<Buffer>;
}

/** @param t the mailbox is gone when this ends */
export async function corpusMailbox(t: TestContext, messages: readonly Buffer[] = corpus()): Promise<Both> {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const maildir = path.join(root, 'Maildir');
  for (const part of ['new', 'cur', 'tmp']) mkdirSync(path.join(maildir, part), { recursive: true });
  for (const [index, message] of messages.entries()) {
    const seconds = 1772323200 + index * 3607;
    const file = path.join(maildir, 'cur', `${seconds}.M${index}P1.host:2,${index % 3 === 0 ? 'S' : ''}`);
    writeFileSync(file, message);
    utimesSync(file, seconds, seconds);
  }
  giveAway(root);
  const dovecot = (commands: readonly (string | Buffer)[]): Promise<Buffer> =>
    dovecotAnswers(maildir, owner, ['select EXAMINE INBOX', ...commands]);
  await dovecot([]);
  const account = new OpenMailboxes({ log: silentLog }).account(maildir, owner);
  const view = await account.select('INBOX', 'read-only');
  t.after(() => view.close());
  return { messages, view, dovecot };
}

function giveAway(directory: string): void {
  if (!isRoot) return;
  chownSync(directory, owner.uid, owner.gid);
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }))
    chownSync(path.join(directory, name), owner.uid, owner.gid);
}
