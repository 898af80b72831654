import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { copyAccount } from '../../../migrate/copy/copy.js';
import { openHostAccount } from '../../../migrate/copy/host-account.js';
import { HostSource } from '../../../migrate/copy/host-source.js';
import { HostTarget } from '../../../migrate/copy/host-target.js';
import { Journal } from '../../../migrate/copy/journal.js';
import { ImapSource } from '../../../migrate/imap/imap-source.js';
import { ImapTarget } from '../../../migrate/imap/imap-target.js';
import { parseImapPlace } from '../../../migrate/imap/place.js';
import { ImapSession } from '../../../migrate/imap/session.js';
import { callTool } from '../../support/call-tool.js';
import { mailOwner } from '../../support/delivery-host.js';
import { imapHost, testPassword } from '../../support/imap-host.js';
import { imapProxy } from '../../support/imap-proxy.js';
import { needs, needsRoot } from '../../support/needs.js';
import { seenMailboxes, withoutDeadLocks } from '../../support/seen-mailboxes.js';
import { vqmailProgram } from '../../support/started-server.js';
import { day, password, quiet, session, TwoServers } from './two-servers.js';

describe('migrate import and export, by IMAP', () => {
  it('brings from Dovecot all folders with flags, keywords and dates, and later what is new', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    host.put(host.oldMaildir, 'cur/10.M1.h:2,FSa', 'Subject: 1\n\nA line.\n');
    host.put(host.oldMaildir, 'new/11.M1.h', 'Subject: 2\n\n', day + 1);
    fs.writeFileSync(path.join(host.oldMaildir, 'dovecot-keywords'), '0 $Label1\n');
    host.put(host.oldMaildir, '.Work.&ZeVnLIqe-/cur/20.M1.h:2,D', 'Subject: w\n\n');
    fs.writeFileSync(path.join(host.oldMaildir, 'subscriptions'), 'V\t2\n\nWork\t&ZeVnLIqe-\n');
    const port = await host.dovecot(t);
    const first = await host.import(port);
    assert.deepEqual(first, { exit: 0, stdout: 'joe@a.jp 2 folders, 3 messages copied, 0 were there\n', stderr: '' });
    const expected = [
      { name: 'INBOX', messages: [`FS $Label1 ${day} Subject: 1`, `${day + 1} Subject: 2`] },
      { name: 'Work.&ZeVnLIqe-', messages: [`D ${day} Subject: w`], isSubscribed: true },
    ];
    assert.deepEqual(await host.seen(), expected);
    host.put(host.oldMaildir, 'new/12.M1.h', 'Subject: 3\n\n', day + 2);
    host.give(host.oldMaildir);
    const second = await host.import(port, '--folder', 'INBOX');
    assert.equal(second.stdout, 'joe@a.jp 1 folders, 1 messages copied, 2 were there\n');
    expected[0]?.messages.push(`${day + 2} Subject: 3`);
    assert.deepEqual(await host.seen(), expected);
    const files = [first, second].flatMap(({ stdout, stderr }) => [stdout, stderr]);
    for (const name of fs.readdirSync(path.dirname(host.maildir)))
      if (name.startsWith('vq-copy.'))
        files.push(fs.readFileSync(path.join(path.dirname(host.maildir), name), 'latin1'));
    assert.equal(files.length, 5);
    assert.ok(!files.some((text) => text.includes(password)), 'the password is nowhere');
  });

  it('knows its messages when the other server has given new UIDs', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (const number of [1, 2, 3]) host.put(host.oldMaildir, `cur/1${number}.M1.h:2,S`, 'Subject: same\n\n');
    const port = await host.dovecot(t);
    await host.import(port);
    const uidList = path.join(host.oldMaildir, 'dovecot-uidlist');
    fs.writeFileSync(uidList, fs.readFileSync(uidList, 'latin1').replace(/^3 V\d+/, '3 V77'));
    for (const name of fs.readdirSync(host.oldMaildir))
      if (name.startsWith('dovecot.index')) fs.rmSync(path.join(host.oldMaildir, name));
    assert.match((await host.import(port)).stdout, / 0 messages copied, 3 were there\n$/);
  });

  it('brings from a vqmail, whose names have another prefix', async (t) => {
    const old = await imapHost(t, { settings: { prefix: 'INBOX.' } });
    old.makeFolder('Work');
    old.put('cur/1.a:2,S', 'Subject: 1\n\n', { mtime: day });
    old.put('.Work/cur/2.a:2,T', 'Subject: w\n\n', { mtime: day });
    const host = new TwoServers(t);
    const source = new ImapSource(
      new ImapSession(parseImapPlace(`imap://test@mailtest.example.jp@127.0.0.1:${old.port}`), {
        password: testPassword,
        allowAnyCertificate: false,
        allowClear: false,
        tell: () => {},
      }),
    );
    const journal = Journal.open(path.join(host.folder, 'state'), 'a', 'b', mailOwner);
    await copyAccount(source, new HostTarget(openHostAccount(host.layout, 'joe@a.jp')), journal, quiet);
    journal.close();
    await source.close();
    assert.deepEqual(await host.seen(), [
      { name: 'INBOX', messages: [`S ${day} Subject: 1`] },
      { name: 'Work', messages: [`T ${day} Subject: w`] },
    ]);
  });

  it('takes everything to Dovecot, and from there back into another account, the same', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    host.put(host.maildir, 'cur/10.M1.h:2,FSa', 'Subject: 1\n\nA line.\n');
    host.put(host.maildir, 'new/11.M1.h', 'Subject: 2\n\n', day + 1);
    fs.writeFileSync(path.join(host.maildir, 'dovecot-keywords'), '0 $Label1\n');
    host.put(host.maildir, '.Work.&ZeVnLIqe-/cur/20.M1.h:2,D', 'Subject: w\n\n');
    host.give(host.maildir);
    const port = await host.dovecot(t);
    assert.equal((await host.export(port)).stdout, 'joe@a.jp 2 folders, 3 messages copied, 0 were there\n');
    const there = await host.seen();
    fs.renameSync(
      path.join(host.maildir, 'cur', fs.readdirSync(path.join(host.maildir, 'cur'))[0] ?? ''),
      path.join(host.maildir, 'cur/10.M1.h:2,RSa'),
    );
    assert.match((await host.export(port)).stdout, / 0 messages copied, 3 were there, flags of 1 changed\n$/);
    host.domain('b.jp', { accounts: { ann: 0 } });
    await callTool(host.root, ['migrate', 'import', `imap://old@example.jp@127.0.0.1:${port}`, 'ann@b.jp'], {
      env: { VQMAIL_IMAP_PASSWORD: password },
    });
    const back = await seenMailboxes(host.layout, 'ann@b.jp');
    assert.deepEqual(
      back.map(({ name, messages }) => ({ name, messages })),
      there.map(({ name, messages }) => ({
        name,
        messages: messages.map((text) => text.replace('FS $Label1', 'RS $Label1')),
      })),
    );
  });

  it('waits longer each time when a server asks for it, and goes on after lost connections', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (let number = 10; number < 70; number++)
      host.put(host.oldMaildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    const port = await host.dovecot(t);
    let fetches = 0;
    const proxy = await imapProxy(t, port, (command) => {
      if (!/ FETCH .*BODY/.test(command)) return 'pass';
      fetches++;
      return fetches <= 3 ? 'NO [LIMIT] Too many requests, try again later' : fetches === 5 ? 'cut' : 'pass';
    });
    const paused: number[] = [];
    const source = new ImapSource(session(proxy, paused));
    const journal = Journal.open(path.join(host.folder, 'state'), 'a', 'b', mailOwner);
    const counts = await copyAccount(source, new HostTarget(openHostAccount(host.layout, 'joe@a.jp')), journal, quiet);
    journal.close();
    await source.close();
    assert.deepEqual(paused, [1000, 2000, 4000, 1000]);
    assert.equal(counts.copied, 60);
    assert.equal((await host.seen())[0]?.messages.length, 60);
  });

  it('puts a message in once when the connection is lost before the answer', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (let number = 10; number < 16; number++)
      host.put(host.maildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    host.give(host.maildir);
    const port = await host.dovecot(t);
    let appends = 0;
    const proxy = await imapProxy(t, port, (command) => {
      if (!/ APPEND /.test(command)) return 'pass';
      return ++appends === 3 ? 'pass, cut the answer' : 'pass';
    });
    const target = new ImapTarget(session(proxy));
    const account = openHostAccount(host.layout, 'joe@a.jp');
    const journal = Journal.open(path.join(host.folder, 'state'), 'a', 'b', mailOwner);
    const counts = await copyAccount(new HostSource(account), target, journal, quiet);
    journal.close();
    await target.close();
    assert.equal(counts.failed, 0);
    const names = ['cur', 'new'].flatMap((part) => fs.readdirSync(path.join(host.oldMaildir, part)));
    assert.equal(names.length, 6);
  });

  it('after kill -9 at any moment, in either direction, has each message once', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    const count = 150;
    for (let number = 0; number < count; number++)
      host.put(host.oldMaildir, `.F${number % 2}/cur/${1000 + number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    const port = await host.dovecot(t);
    const place = `imap://old@example.jp@127.0.0.1:${port}`;
    await killed(host, ['import', place, 'joe@a.jp'], 3);
    assert.equal((await host.import(port)).exit, 0);
    const subjects = (await host.seen()).flatMap(({ messages }) => messages);
    assert.equal(subjects.length, count);
    assert.equal(new Set(subjects).size, count);
    // Back into other folders of the same server.
    for (const number of [0, 1])
      fs.renameSync(path.join(host.maildir, `.F${number}`), path.join(host.maildir, `.G${number}`));
    await killed(host, ['export', 'joe@a.jp', place], 3);
    assert.equal((await host.export(port)).exit, 0);
    const names = [0, 1].flatMap((number) =>
      ['cur', 'new'].flatMap((part) => fs.readdirSync(path.join(host.oldMaildir, `.G${number}`, part))),
    );
    assert.equal(names.length, count);
  });
});

/** Runs a copy some times, each ended by SIGKILL soon after it has written something down. */
async function killed(host: TwoServers, args: readonly string[], times: number): Promise<void> {
  const home = path.dirname(host.maildir);
  const written = (): number =>
    fs
      .readdirSync(home)
      .reduce((sum, name) => (name.startsWith('vq-copy.') ? sum + fs.statSync(path.join(home, name)).size : sum), 0);
  for (let kill = 0; kill < times; kill++) {
    const had = written();
    const child = spawn(process.execPath, [vqmailProgram, '--root', host.root, 'migrate', ...args], {
      stdio: 'ignore',
      env: { ...process.env, VQMAIL_IMAP_PASSWORD: password },
    });
    const ended = once(child, 'close');
    while (child.exitCode === null && written() <= had + 400) await pause(2);
    await pause(kill * 2);
    child.kill('SIGKILL');
    await ended;
    withoutDeadLocks(host.maildir);
  }
}
