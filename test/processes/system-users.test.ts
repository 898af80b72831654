// Users of the system with the real processes as root: who has no .qmail file for an address refuses it at RCPT, though session workers cannot look into his home; and users whose group is
// root's get their mail, as qmail-lspawn gives it to them.

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { assignRecords, parseAssign } from '../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { needsRoot } from '../support/needs.js';
import type { Entry } from '../support/recording.js';
import { ServedQueue } from './served-queue.js';

const message = 'Subject: x\n\nx\n';

test('an extension that nobody has is refused at RCPT, until there is a .qmail file for it', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.dotQmail('hoster', '-list-a', './box\n');
  host.dotQmail('hoster', '-team-default', './box\n');
  await host.start();
  const rcpt = (local: string): Promise<string> => host.send('joe@client.example', [`${local}@local.example`], message);
  for (const local of ['hoster', 'hoster-list-a', 'hoster-team-x', 'HOSTER-Team-y'])
    assert.match(await rcpt(local), /^250 /);
  for (const local of ['hoster-unknown', 'hoster-list-b', 'hoster-list', 'hoster-', `hoster-${'x'.repeat(300)}`])
    assert.equal(await rcpt(local), '550 5.1.1 sorry, no mailbox here by that name. (#5.1.1)', local);
  // Nobody learns what is elsewhere.
  assert.match(await rcpt('hoster-/../box'), /^250 /);
  await host.emptied();
  assert.match(host.server.log(), /^bounce msg /m);
  host.dotQmail('hoster', '-default', './box\n');
  assert.match(await rcpt('hoster-unknown'), /^250 /);
  await host.emptied();
  assert.equal(host.read('/home/hoster/box').match(/^From joe@client\.example /gm)?.length, 4);
});

test("a user whose group is root's gets mail, by qmail-getpw's rules and by users/assign; uid 0 does not", async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  const wheel = { uid: 7002, gid: 0 };
  const home: Entry = { type: 'dir', mode: '0700', ...wheel };
  for (const place of ['', '/Maildir', '/Maildir/new', '/Maildir/cur', '/Maildir/tmp'])
    host.put(`/home/wheel${place}`, home);
  host.put('/home/wheel/.qmail-prog', { type: 'file', mode: '0600', text: '|id -u > ids; id -G >> ids\n', ...wheel });
  appendFileSync(host.layout.systemFiles.passwd, 'wheel:x:7002:0::/home/wheel:/bin/true\n');
  const assign = readFileSync(host.layout.assign, 'latin1').replace(
    /^\.$/m,
    '=given:wheel:7002:0:/home/wheel:::\n=mighty:root:0:0:/home/wheel:::\n.',
  );
  writeFileSync(host.layout.assign, assign);
  writeFileSync(host.layout.usersCdb, makeCdb(assignRecords(parseAssign(Buffer.from(assign)))));
  await host.start();
  const recipients = ['wheel', 'wheel-prog', 'given'].map((local) => `${local}@local.example`);
  assert.match(await host.send('joe@client.example', recipients, message), /^250 /);
  await host.emptied();
  assert.equal(host.mail('/home/wheel/Maildir').length, 2);
  assert.equal(host.read('/home/wheel/ids'), '7002\n0\n');
  assert.match(await host.send('joe@client.example', ['mighty@local.example'], message), /^451 .*as root/);
});
