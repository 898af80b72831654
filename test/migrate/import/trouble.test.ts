// What busy, full and broken servers answer, and bad lines do, while mail is copied: between a host and a real Dovecot, with somebody in between.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { isFull } from '../../../migrate/copy/copy.js';
import { PermanentError, TemporaryError } from '../../../src/errors.js';
import { makeSelfSigned } from '../../../src/stores/certificates/self-signed.js';
import { imapProxy, type ProxyAct } from '../../support/imap-proxy.js';
import { needs, needsRoot } from '../../support/needs.js';
import { session, TwoServers } from './two-servers.js';

const commands = {
  login: / (LOGIN|AUTHENTICATE) /,
  examine: / EXAMINE /,
  list: / FETCH .*INTERNALDATE/,
  fetch: / FETCH .*BODY/,
  append: / APPEND /,
  store: / STORE /,
  subscribe: / SUBSCRIBE "?Work/,
  create: / CREATE /,
};
type Command = keyof typeof commands;

/** Answers a command so the first times, and lets it pass then. */
function firstTimes(command: Command, times: number, act: ProxyAct): (line: string) => ProxyAct {
  let count = 0;
  return (line) => (commands[command].test(line) && ++count <= times ? act : 'pass');
}

describe('migrate import and export, with servers in trouble', () => {
  const patient: readonly [direction: 'import' | 'export', command: Command, act: ProxyAct][] = [
    ['import', 'login', 'NO [THROTTLED] Too much for today'],
    ['import', 'login', 'NO [LIMIT] Rate limit hit'],
    ['import', 'login', 'NO [OVERQUOTA] Account exceeded command or bandwidth limits.'],
    ['import', 'login', 'NO [UNAVAILABLE] Temporary authentication failure.'],
    ['import', 'login', 'NO [ALERT] Too many simultaneous connections. (Failure)'],
    ['import', 'login', 'BYE Too many connections, try again later'],
    ['import', 'examine', 'NO [THROTTLED] Account is throttled'],
    ['import', 'examine', 'NO [LIMIT] SELECT Rate limit hit.'],
    ['import', 'examine', 'NO [OVERQUOTA] Account exceeded command or bandwidth limits.'],
    ['import', 'list', 'NO [LIMIT] FETCH Rate limit hit.'],
    ['import', 'fetch', 'NO [THROTTLED] Account is throttled'],
    ['import', 'fetch', 'NO [OVERQUOTA] Account exceeded command or bandwidth limits.'],
    ['import', 'fetch', 'NO [INUSE] Mailbox in use'],
    ['import', 'fetch', 'BYE Server shutting down.'],
    ['import', 'fetch', 'cut'],
    ['import', 'fetch', 'pass, cut the answer'],
    ['export', 'login', 'NO [THROTTLED] Too much for today'],
    ['export', 'create', 'NO [THROTTLED] Account is throttled'],
    ['export', 'append', 'NO [THROTTLED] Account is throttled'],
    ['export', 'append', 'NO [LIMIT] APPEND Rate limit hit.'],
    ['export', 'append', 'NO [OVERQUOTA] Account exceeded command or bandwidth limits.'],
    ['export', 'append', 'NO [UNAVAILABLE] Disk is slow, come back'],
  ];
  it('waits, longer each time, and goes on', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    const port = await host.dovecot(t);
    for (const [direction, command, act] of patient)
      await t.test(`${direction}: ${command} is answered ${act}`, async (t) => {
        host.clear();
        const from = direction === 'import' ? host.oldMaildir : host.maildir;
        for (const number of [10, 11, 12]) host.put(from, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
        host.put(from, '.Work/cur/13.M1.h:2,S', 'Subject: 13\n\n');
        host.give(from);
        const proxy = await imapProxy(t, port, firstTimes(command, 2, act));
        const { counts, told, paused } = await host.copy(direction, proxy);
        assert.deepEqual(told, []);
        assert.deepEqual([counts.copied, counts.failed], [4, 0]);
        assert.deepEqual(paused, [1000, 2000]);
      });
  });

  it('changes flags and subscribes once more when the connection is lost over it', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    const port = await host.dovecot(t);
    host.put(host.maildir, 'cur/10.M1.h:2,S', 'Subject: 10\n\n');
    host.put(host.maildir, '.Work/cur/13.M1.h:2,S', 'Subject: 13\n\n');
    fs.writeFileSync(path.join(host.maildir, 'subscriptions'), 'V\t2\n\nWork\n');
    host.give(host.maildir);
    const decide = firstTimes('subscribe', 2, 'cut');
    // The first is the library's own, which does not ask what became of it.
    const first = await host.copy('export', await imapProxy(t, port, decide));
    assert.deepEqual([first.counts.copied, first.told], [2, []]);
    assert.match(fs.readFileSync(path.join(host.oldMaildir, 'subscriptions'), 'latin1'), /^Work$/m);
    fs.renameSync(path.join(host.maildir, 'cur/10.M1.h:2,S'), path.join(host.maildir, 'cur/10.M1.h:2,FS'));
    const again = await host.copy('export', await imapProxy(t, port, firstTimes('store', 1, 'cut')));
    assert.deepEqual([again.counts.changed, again.paused, again.told], [1, [1000], []]);
    const there = fs.readdirSync(path.join(host.oldMaildir, 'cur')).map((name) => name.replace(/.*,/, ''));
    assert.deepEqual(there, ['FS']);
  });

  it('waits when it is turned away instead of greeted, and in the end says why', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    host.put(host.oldMaildir, 'cur/10.M1.h:2,S', 'Subject: 10\n\n');
    let turnedAway = 2;
    const proxy = await imapProxy(t, await host.dovecot(t), () => 'pass', {
      greet: (connection) => (connection <= turnedAway ? 'BYE Out of memory' : undefined),
    });
    const { counts, paused } = await host.copy('import', proxy);
    assert.deepEqual([counts.copied, paused], [1, [1000, 2000]]);
    turnedAway = 1000;
    await assert.rejects(
      host.copy('import', proxy),
      (error) => error instanceof TemporaryError && /^imap:\/\/.*: Out of memory$/.test(error.message),
    );
  });

  it('ends at once when the login is refused, with the words of the server', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    const port = await host.dovecot(t);
    const act = 'NO [AUTHENTICATIONFAILED] Invalid credentials';
    const proxy = await imapProxy(t, port, firstTimes('login', 9, act));
    await assert.rejects(
      host.copy('import', proxy),
      (error) =>
        error instanceof TemporaryError &&
        /: the login was refused: \[AUTHENTICATIONFAILED\] Invalid credentials$/.test(error.message),
    );
  });

  it('sends no password without TLS to another machine, or to one whose certificate nobody vouches for', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    const certificate = path.join(host.folder, 'certificate.pem');
    fs.writeFileSync(certificate, await makeSelfSigned(['mail.example.jp'], 30, Date.now()));
    const ports = {
      clear: await host.dovecot(t),
      tls: await host.dovecot(t, `ssl = yes\nssl_cert = <${certificate}\nssl_key = <${certificate}\n`),
    };
    // An address of this machine in a form that is taken for another one's.
    const other = { host: '127.1' };
    const rows: readonly [port: number, place: Parameters<typeof session>[2], refused: RegExp | undefined][] = [
      [ports.clear, {}, undefined],
      [ports.clear, other, /^imap:.*: Server does not support STARTTLS; --clear sends the password without TLS$/],
      [ports.clear, { ...other, allowClear: true }, undefined],
      [ports.tls, {}, undefined],
      [ports.tls, other, /: its certificate cannot be believed \(self-signed certificate\); --any-certificate goes on/],
      [ports.tls, { ...other, allowClear: true }, /--any-certificate goes on/],
      [ports.tls, { ...other, allowAnyCertificate: true }, undefined],
    ];
    for (const [port, place, refused] of rows) {
      const asked = session(port, [], place);
      const isSecure = asked.repeatable(async (client) => client.secureConnection);
      if (refused === undefined) assert.equal(await isSecure, port === ports.tls);
      else await assert.rejects(isSecure, (error) => error instanceof PermanentError && refused.test(error.message));
      await asked.close();
    }
  });

  const refusing: readonly [act: ProxyAct, told: string][] = [
    ['NO [LIMIT] Message is too large', '[LIMIT] Message is too large'],
    ['NO [TOOBIG] 50 MB are enough', '[TOOBIG] 50 MB are enough'],
    ['NO [SERVERBUG] Internal error occurred.', '[SERVERBUG] Internal error occurred.'],
    ['NO Not this one', 'Not this one'],
  ];
  it('tells a message that is refused, and puts in the others', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    const port = await host.dovecot(t);
    for (const [act, text] of refusing)
      await t.test(act, async (t) => {
        host.clear();
        for (const number of [10, 11, 12]) host.put(host.maildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
        host.give(host.maildir);
        const proxy = await imapProxy(t, port, firstTimes('append', 1, act));
        const { counts, told, paused } = await host.copy('export', proxy);
        assert.deepEqual(told, [`INBOX 1: THERE: ${text}`]);
        assert.deepEqual([counts.copied, counts.failed, paused], [2, 1, []]);
        const again = await host.copy('export', proxy);
        assert.deepEqual([again.counts.copied, again.counts.known, again.told], [1, 2, []]);
      });
  });

  it('tells a folder that is refused, and copies the others', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    const port = await host.dovecot(t);
    const rows: readonly ['import' | 'export', refused: RegExp, act: ProxyAct, told: string][] = [
      ['import', / EXAMINE "?Private/, 'NO [NOPERM] Permission denied', 'Private : THERE: [NOPERM] Permission denied'],
      ['export', / CREATE "?Private/, 'NO [CANNOT] Invalid name', 'Private : THERE: [CANNOT] Invalid name'],
      ['export', / SELECT "?Private/, 'NO [NOPERM] Permission denied', 'Private : THERE: [NOPERM] Permission denied'],
      ['export', / SUBSCRIBE "?Work/, 'NO [NOPERM] Not yours', 'Work : cannot be subscribed: THERE refuses it'],
    ];
    for (const [direction, refused, act, text] of rows)
      await t.test(`${direction}: ${refused.source} ${act}`, async (t) => {
        host.clear();
        const from = direction === 'import' ? host.oldMaildir : host.maildir;
        for (const [index, folder] of ['.Private/', '.Work/', ''].entries())
          host.put(from, `${folder}cur/1${index}.M1.h:2,S`, `Subject: ${index}\n\n`);
        fs.writeFileSync(path.join(from, 'subscriptions'), 'V\t2\n\nWork\n');
        host.give(from);
        const proxy = await imapProxy(t, port, (line) => (refused.test(line) ? act : 'pass'));
        const { counts, told, paused } = await host.copy(direction, proxy);
        assert.deepEqual(told, [text]);
        assert.deepEqual([counts.copied, counts.failed, paused], [text.startsWith('Work') ? 3 : 2, 1, []]);
      });
  });

  it('ends at a full account, and goes on when there is room', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (const number of [10, 11, 12]) host.put(host.maildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    host.give(host.maildir);
    const full = 'NO [OVERQUOTA] Quota exceeded (mailbox for user is full)';
    const proxy = await imapProxy(t, await host.dovecot(t), firstTimes('append', 1, full));
    await assert.rejects(host.copy('export', proxy), (error) => isFull(error) && error instanceof PermanentError);
    assert.equal((await host.copy('export', proxy)).counts.copied, 3);
  });

  it('tells a text that the server refuses, and copies the others of the same command', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (const number of [10, 11, 12]) host.put(host.oldMaildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    const proxy = await imapProxy(t, await host.dovecot(t), (line) =>
      commands.fetch.test(line) && / UID FETCH [0-9,:]*(2|1:3)[ ,]/.test(line)
        ? 'NO [SERVERBUG] Internal error'
        : 'pass',
    );
    const { counts, told } = await host.copy('import', proxy);
    assert.deepEqual(told, ['INBOX 2: THERE: [SERVERBUG] Internal error']);
    assert.deepEqual([counts.copied, counts.failed], [2, 1]);
  });

  it('tells a message whose file Dovecot cannot read, and copies the others', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new TwoServers(t);
    for (const number of [10, 11, 12]) host.put(host.oldMaildir, `cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    const port = await host.dovecot(t);
    fs.chownSync(path.join(host.oldMaildir, 'cur/11.M1.h:2,S'), 0, 0);
    fs.chmodSync(path.join(host.oldMaildir, 'cur/11.M1.h:2,S'), 0o600);
    const { counts, told } = await host.copy('import', port);
    assert.match(told.join('\n'), /^INBOX 2: THERE: /);
    assert.deepEqual([counts.copied, counts.failed], [2, 1]);
  });
});
