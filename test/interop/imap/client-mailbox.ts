// What the tests of real clients share: a mailbox with three messages, a home for the client, and a client that must succeed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type ImapHost, imapHost, testUser } from '../../support/imap-host.js';
import type { Ran } from '../../support/program.js';
import { newRoot, removeRoot } from '../../support/recording.js';

/** The text of a message. */
export const message = (subject: string): string =>
  `From: Noel <noel@example.gr.jp>\nTo: ${testUser}\nDate: Sun, 1 Mar 2026 00:00:00 +0000\nMessage-ID: <${subject}@example.gr.jp>\nSubject: ${subject}\n\nbody of ${subject}\n`;

/** A server whose INBOX has three messages: one, two, three. */
export async function mailbox(t: TestContext): Promise<ImapHost> {
  const host = await imapHost(t);
  for (const [index, subject] of ['one', 'two', 'three'].entries())
    host.put(`new/${1772323200 + index}.${index}.h`, message(subject), { mtime: 1772323200 + index });
  return host;
}

/** A folder for a client's files. */
export function home(t: TestContext): string {
  const folder = newRoot('vqmail-client');
  t.after(() => removeRoot(folder));
  return folder;
}

export function mustSucceed(ran: Ran, host: ImapHost): Ran {
  assert.equal(ran.status, 0, `${ran.stdout}\n${ran.stderr}\n${host.log.join('\n')}`);
  return ran;
}

/** Subjects of messages in files, sorted. */
export function subjectsOf(files: readonly string[]): string[] {
  return files.map((file) => /^Subject: (.*?)\r?$/m.exec(readFileSync(file, 'latin1'))?.[1] ?? '').sort();
}
