// A mailbox whose lock another program keeps: it is refused as in use, which is no trouble with a file; a move lets go of what it holds and tries again.

import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { silentLog } from '../../../src/log.js';
import { Mailbox } from '../../../src/stores/mailboxes/folder/mailbox.js';
import { OpenMailboxes } from '../../../src/stores/mailboxes/open-mailboxes.js';
import { MailboxRefusal } from '../../../src/stores/mailboxes/refusal.js';
import { filesOf, newMaildir, owner } from '../../support/maildir.js';

/** Takes the lock in the name of a process that lives. @returns releases it */
function hold(directory: string): () => void {
  const lock = path.join(directory, 'dovecot-uidlist.lock');
  writeFileSync(lock, `${process.ppid}:${os.hostname()}`);
  return () => rmSync(lock);
}

test('a change is refused as INUSE', async (t) => {
  const directory = newMaildir(t, { 'cur/1.a,S=2:2,': 'a\n' });
  const mailbox = new Mailbox({ directory, root: directory, owner }, silentLog);
  await mailbox.sync();
  const release = hold(directory);
  await assert.rejects(
    mailbox.change(async () => {}, 50),
    (error) => error instanceof MailboxRefusal && error.code === 'INUSE',
  );
  release();
  await mailbox.change(async () => {}, 50);
});

test('a move waits for the other mailbox without keeping its own', async (t) => {
  const maildir = newMaildir(t, { 'cur/1.a,S=2:2,': 'a\n' });
  const account = new OpenMailboxes({ log: silentLog }).account(maildir, owner);
  await account.create('Work');
  const [source, target] = [await account.select('INBOX', 'read-write'), await account.select('Work', 'read-write')];
  const release = hold(path.join(maildir, '.Work'));
  const moving = source.moveTo(account, 'Work', [1]);
  // Longer than a move keeps one lock while it waits for the other.
  setTimeout(release, 5500);
  assert.deepEqual((await moving).targets, [1]);
  assert.deepEqual(filesOf(path.join(maildir, '.Work')), ['cur/1.a,S=2:2,']);
  source.close();
  target.close();
});

test('a folder is renamed when whoever is at work in it has let go of it', async (t) => {
  const maildir = newMaildir(t, {});
  const account = new OpenMailboxes({ log: silentLog }).account(maildir, owner);
  await account.create('Work');
  const release = hold(path.join(maildir, '.Work'));
  const renaming = account.rename('Work', 'Done');
  await pause(50);
  assert.ok(existsSync(path.join(maildir, '.Work')));
  release();
  await renaming;
  assert.ok(existsSync(path.join(maildir, '.Done/dovecot-uidlist')));
  assert.equal(existsSync(path.join(maildir, '.Done/dovecot-uidlist.lock')), false);
});

test('a folder is renamed although its lock stays taken, and that does not stay behind', async (t) => {
  const maildir = newMaildir(t, {});
  const account = new OpenMailboxes({ log: silentLog }).account(maildir, owner);
  await account.create('Work');
  // As Dovecot leaves it when it renames a folder while another of its sessions is at work there.
  hold(path.join(maildir, '.Work'));
  await account.rename('Work', 'Done');
  assert.equal(existsSync(path.join(maildir, '.Done/dovecot-uidlist.lock')), false);
  (await account.select('Done', 'read-write')).close();
});
