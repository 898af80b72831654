// Programs in which people read mail, against our server: neomutt reads and files messages, offlineimap keeps a copy on both sides.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { testPassword, testUser } from '../../support/imap-host.js';
import { needs } from '../../support/needs.js';
import { run } from '../../support/program.js';
import { home, mailbox, mustSucceed, subjectsOf } from './client-mailbox.js';
import { syncBothWays } from './two-way-sync.js';

test('neomutt: opens the mailbox, flags, saves to another folder and deletes', async (t) => {
  if (!needs(t, 'neomutt', 'script')) return;
  const host = await mailbox(t);
  host.makeFolder('Work');
  const folder = home(t);
  const rc = path.join(folder, 'muttrc');
  const keys = [
    '<first-entry><flag-message>',
    '<next-entry><save-message>=Work<enter>',
    '<last-entry><delete-message>',
    '<sync-mailbox><quit>',
  ];
  writeFileSync(
    rc,
    `set folder="imap://127.0.0.1:${host.port}/"
set imap_user="${testUser}" imap_pass="${testPassword}"
set ssl_starttls=no ssl_force_tls=no imap_qresync=yes imap_condstore=yes
set header_cache="${folder}/headers" confirmappend=no delete=yes quit=yes sort=date move=no wait_key=no auto_tag=no resolve=no
set spoolfile="=INBOX"
unset mark_old
push "${keys.join('')}"
`,
  );
  // It wants a terminal.
  const command = `neomutt -n -F ${rc}`;
  const ran = await run(['script', '-qec', command, '/dev/null'], '', { HOME: folder, TERM: 'xterm' });
  mustSucceed(ran, host);
  assert.deepEqual(subjectsOf(host.names().map((name) => path.join(host.maildir(), name))), ['one']);
  assert.match(host.names()[0] ?? '', /:2,F/);
  const filed = host.names('Work').map((name) => path.join(host.maildir(), '.Work', name));
  assert.deepEqual(subjectsOf(filed), ['two']);
  assert.deepEqual(host.log, []);
});

test('offlineimap: both ways, under change on both sides', async (t) => {
  if (!needs(t, 'offlineimap')) return;
  await syncBothWays(t, {
    configuration: ({ port, folder, near }) => `[general]
metadata = ${folder}/metadata
accounts = all
ui = quiet
[Account all]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = ${near}
[Repository far]
type = IMAP
remotehost = 127.0.0.1
remoteport = ${port}
remoteuser = ${testUser}
remotepass = ${testPassword}
ssl = no
starttls = no
auth_mechanisms = LOGIN
usecompression = no
`,
    command: (rc) => ['offlineimap', '-c', rc, '-o'],
  });
});
