// Our IMAP server and Debian's Dovecot on one Maildir.

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { startDovecot } from '../../support/dovecot.js';
import { ImapClient } from '../../support/imap-client.js';
import { type ImapHost, imapHost, testPassword, testUser } from '../../support/imap-host.js';
import { needs, needsRoot } from '../../support/needs.js';

export const besideOwner = { uid: 6020, gid: 6020 };

export interface Beside {
  readonly host: ImapHost;
  ours(): Promise<ImapClient>;
  dovecots(): Promise<ImapClient>;
  readonly dovecotPort: number;
}

/** Starts both; undefined when the test is skipped. */
export async function beside(t: TestContext): Promise<Beside | undefined> {
  if (!needs(t, 'dovecot') || !needsRoot(t)) return undefined;
  const host = await imapHost(t);
  const account = { user: testUser, password: testPassword, maildir: host.maildir(), ...besideOwner };
  const port = await startDovecot(t, account, 'imap');
  const logIn = async (to: number): Promise<ImapClient> => {
    const client = await ImapClient.connect(to);
    t.after(() => client.destroy());
    await client.response();
    assert.match(await client.tagged(`LOGIN ${testUser} ${testPassword}`), /^OK /);
    return client;
  };
  return { host, ours: () => logIn(host.port), dovecots: () => logIn(port), dovecotPort: port };
}
