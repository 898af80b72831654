import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { takeSnapshot } from '../../migrate/snapshot/take.js';
import { type CalledTool, callTool } from '../support/call-tool.js';
import { mailOwner } from '../support/delivery-host.js';
import { startDovecot } from '../support/dovecot.js';
import { needs, needsRoot } from '../support/needs.js';
import { Pop3Client } from '../support/pop3-client.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { vqmailProgram } from '../support/started-server.js';
import { treePicture } from '../support/tree-picture.js';
import { VpopmailHost } from '../support/vpopmail-host.js';

/** Two accounts with mail: INBOX and Work of joe as Dovecot knows them, ann's as vdelivermail left it. */
class MailHost extends VpopmailHost {
  readonly folder = newRoot('vqmail-snapshot');

  constructor(t: TestContext) {
    super(t);
    t.after(() => removeRoot(this.folder));
    this.domain('a.jp', { accounts: { joe: 0, ann: 0 } });
    this.message('joe', 'cur/10.M1.h,S=12:2,S', 'Subject: 1\n\n');
    this.message('joe', 'cur/11.M1.h,S=13:2,FSa', 'Subject: 22\n\n');
    this.message('joe', 'new/12.M1.h', 'Subject: 3\r\n\r\n');
    this.write(
      this.file('joe', 'dovecot-uidlist'),
      '3 V77 N3 G03a6be3959ef046b0079000083ecc375\n1 :10.M1.h,S=12\n2 :11.M1.h,S=13\n',
    );
    this.write(this.file('joe', 'dovecot-keywords'), '0 $Label1\n');
    this.message('joe', '.Work/cur/20.M1.h:2,', 'Subject: w\n\n');
    this.message('ann', 'new/30.M1.h', 'Subject: a\n\n');
  }

  file(user: string, name: string): string {
    return path.join(this.directory('a.jp'), user, 'Maildir', name);
  }

  message(user: string, name: string, text: string): void {
    this.write(this.file(user, name), text);
    fs.utimesSync(this.file(user, name), 1_700_000_000, 1_700_000_000);
  }

  rename(user: string, from: string, to: string): void {
    fs.renameSync(this.file(user, from), this.file(user, to));
  }

  snapshot(name = 'before', ...options: string[]): Promise<CalledTool> {
    return callTool(this.root, ['migrate', 'snapshot', path.join(this.folder, name), ...options]);
  }

  verify(...options: string[]): Promise<CalledTool> {
    return callTool(this.root, ['migrate', 'verify', '--before', path.join(this.folder, 'before'), ...options]);
  }
}

describe('migrate snapshot and verify', () => {
  it('write nothing into the host, and find no difference where nothing changed', async (t) => {
    const host = new MailHost(t);
    const before = treePicture(host.root);
    assert.deepEqual(await host.snapshot(), { exit: 0, stdout: '2 accounts, 3 folders, 5 messages\n', stderr: '' });
    assert.deepEqual(await host.verify(), {
      exit: 0,
      stdout: '3 folders, 5 messages, 0 new since: nothing differs\n',
      stderr: '',
    });
    assert.deepEqual(treePicture(host.root), before);
    assert.deepEqual(fs.readdirSync(host.folder), ['before']);
  });

  const rows: readonly [name: string, change: (host: MailHost) => void, lines: readonly string[]][] = [
    ['new mail is none', (host) => host.message('ann', 'new/31.M1.h', 'x'), []],
    ['new/ to cur/ is none', (host) => host.rename('ann', 'new/30.M1.h', 'cur/30.M1.h:2,'), []],
    [
      'a first UID is none',
      (host) =>
        host.write(host.file('ann', 'dovecot-uidlist'), '3 V5 N2 G03a6be3959ef046b0079000083ecc376\n1 :30.M1.h\n'),
      [],
    ],
    [
      'flags',
      (host) => host.rename('joe', 'cur/11.M1.h,S=13:2,FSa', 'cur/11.M1.h,S=13:2,RS'),
      ['joe@a.jp INBOX: UID 2: flags FS $Label1 -> RS (by its user, or lost)'],
    ],
    [
      'a keyword that has another name',
      (host) => host.write(host.file('joe', 'dovecot-keywords'), '0 Junk\n'),
      ['joe@a.jp INBOX: UID 2: flags FS $Label1 -> FS Junk (by its user, or lost)'],
    ],
    [
      'a message that is gone',
      (host) => fs.rmSync(host.file('joe', 'cur/10.M1.h,S=12:2,S')),
      ['joe@a.jp INBOX: UID 1: is gone (deleted or moved by its user, or lost)'],
    ],
    [
      'another UID',
      (host) =>
        host.write(
          host.file('joe', 'dovecot-uidlist'),
          '3 V77 N4 G03a6be3959ef046b0079000083ecc375\n2 :11.M1.h,S=13\n3 :10.M1.h,S=12\n',
        ),
      ['joe@a.jp INBOX: UID 1: UID 1 -> 3: IMAP clients download it again'],
    ],
    [
      'another UIDVALIDITY',
      (host) =>
        host.write(
          host.file('joe', 'dovecot-uidlist'),
          '3 V78 N3 G03a6be3959ef046b0079000083ecc375\n1 :10.M1.h,S=12\n2 :11.M1.h,S=13\n',
        ),
      ['joe@a.jp INBOX: UIDVALIDITY 77 -> 78: IMAP clients download everything again'],
    ],
    [
      'another file name',
      (host) => {
        host.rename('joe', 'cur/10.M1.h,S=12:2,S', 'cur/10.M9.h:2,S');
        host.write(
          host.file('joe', 'dovecot-uidlist'),
          '3 V77 N3 G03a6be3959ef046b0079000083ecc375\n1 :10.M9.h\n2 :11.M1.h,S=13\n',
        );
      },
      ['joe@a.jp INBOX: UID 1: unique id 10.M1.h,S=12 -> 10.M9.h: POP3 clients download it again'],
    ],
    [
      'another time',
      (host) => fs.utimesSync(host.file('ann', 'new/30.M1.h'), 1, 1_800_000_000),
      ['ann@a.jp INBOX: 30.M1.h: INTERNALDATE 1700000000 -> 1800000000: the file was copied without its time'],
    ],
    ['line ends are none', (host) => host.message('joe', 'new/12.M1.h', 'Subject: 3\n\n'), []],
    [
      'a folder that is gone',
      (host) => fs.rmSync(host.file('joe', '.Work'), { recursive: true }),
      ['joe@a.jp Work: is gone, with 1 messages'],
    ],
    [
      'an account that is gone',
      (host) => host.accounts('a.jp', { joe: 0 }),
      ['ann@a.jp INBOX: is gone, with 1 messages'],
    ],
    [
      'a list that is broken',
      (host) => host.write(host.file('joe', 'dovecot-uidlist'), 'nonsense\n'),
      ['joe@a.jp INBOX: cannot be looked at any more: ', 'joe@a.jp Work: cannot be looked at any more: '],
    ],
  ];
  for (const [name, change, lines] of rows) {
    it(`tells what differs: ${name}`, async (t) => {
      const host = new MailHost(t);
      await host.snapshot();
      change(host);
      const { exit, stdout } = await host.verify();
      const told = stdout.trimEnd().split('\n').slice(0, -1);
      assert.equal(told.length, lines.length, stdout);
      for (const [index, line] of lines.entries()) assert.ok(told[index]?.startsWith(line), told[index]);
      assert.equal(exit, lines.length === 0 ? 0 : 1);
    });
  }

  it('tells a text that is another one, which --no-bodies cannot see', async (t) => {
    const host = new MailHost(t);
    await host.snapshot();
    await host.snapshot('names', '--no-bodies');
    host.message('ann', 'new/30.M1.h', 'Subject: b\n\n');
    assert.match((await host.verify()).stdout, /^ann@a\.jp INBOX: 30\.M1\.h: its text is another one/);
    const { exit } = await callTool(host.root, ['migrate', 'verify', '--before', path.join(host.folder, 'names')]);
    assert.equal(exit, 0);
  });

  it('knows the unique ids of Dovecot and Courier, and gives none itself', async (t) => {
    const host = new MailHost(t);
    host.write(host.file('joe', 'courierpop3dsizelist'), '/3 9 1000\n10.M1.h,S=12 14 8:1000:0\n');
    await host.snapshot('dovecot', '--uidl', 'dovecot');
    await host.snapshot('courier', '--uidl', 'courier');
    const text = (name: string): string => fs.readFileSync(path.join(host.folder, name), 'latin1');
    assert.match(text('dovecot'), /"000000010000004d"/);
    assert.match(text('courier'), /"UID8-1000"/);
  });

  it('goes on after kill -9 where it was, in the middle of a line too', async (t) => {
    const host = new MailHost(t);
    for (let number = 0; number < 1300; number++)
      host.message('ann', `.F${number % 7}/cur/${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    await host.snapshot('whole');
    const file = path.join(host.folder, 'killed');
    for (let kill = 0; kill < 3; kill++) {
      const had = fs.existsSync(file) ? fs.statSync(file).size : 0;
      const child = spawn(
        process.execPath,
        [vqmailProgram, '--root', host.root, 'migrate', 'snapshot', file, '--messages-per-second', '1000'],
        { stdio: 'ignore' },
      );
      const ended = once(child, 'close');
      while (child.exitCode === null && (!fs.existsSync(file) || fs.statSync(file).size <= had + 100)) await pause(10);
      child.kill('SIGKILL');
      await ended;
    }
    fs.appendFileSync(file, '{"account":"ann@a.jp","fol');
    assert.equal((await host.snapshot('killed')).exit, 0);
    const text = (name: string): string => fs.readFileSync(path.join(host.folder, name), 'latin1');
    assert.equal(text('killed'), text('whole'));
    assert.ok((await host.snapshot('killed')).exit === 111, 'a whole one is left alone');
  });

  it('looks at so many messages a second and no more, by the clock', async (t) => {
    const host = new MailHost(t);
    for (let number = 100; number < 195; number++) host.message('ann', `cur/${number}.M1.h:2,S`, 'Subject: x\n\n');
    const take = async (name: string, stepMs: number): Promise<{ nowMs: number; pauses: number }> => {
      const seen = { nowMs: 0, pauses: 0 };
      const clock = {
        nowMs: () => (seen.nowMs += stepMs),
        pause: async (ms: number) => {
          seen.nowMs += ms;
          seen.pauses++;
        },
      };
      const rest = { uidl: 'qmail', bodies: false, messagesPerSecond: 10, progress: () => {} } as const;
      await takeSnapshot(host.layout, path.join(host.folder, name), { ...rest, clock });
      return seen;
    };
    assert.deepEqual(await take('at-once', 0), { nowMs: 10_000, pauses: 100 });
    assert.equal((await take('slow', 150)).pauses, 0, 'who is slow anyway does not wait');
  });

  it('verify goes on with a look that was killed, which it says, and begins anew after a comparison that was', async (t) => {
    const host = new MailHost(t);
    await host.snapshot();
    const [before, now] = ['before', 'before.now'].map((name) => path.join(host.folder, name));
    assert.ok(before !== undefined && now !== undefined);
    const whole = fs.readFileSync(before, 'latin1');
    const nothing = '3 folders, 5 messages, 0 new since: nothing differs\n';
    fs.writeFileSync(now, whole.slice(0, whole.indexOf('"messages"', whole.indexOf('"Work"'))), 'latin1');
    const gone = await host.verify();
    assert.deepEqual([gone.exit, gone.stdout], [0, nothing]);
    assert.match(gone.stderr, /^goes on with .*before\.now, begun .*; remove it to begin anew\n$/);
    fs.writeFileSync(now, whole, 'latin1');
    host.rename('joe', 'cur/10.M1.h,S=12:2,S', 'cur/10.M1.h,S=12:2,FS');
    assert.match((await host.verify()).stdout, /UID 1: flags S -> FS/);
    assert.deepEqual(fs.readdirSync(host.folder), ['before']);
  });

  it('tells how far it is, in the middle of a large folder too', async (t) => {
    const host = new MailHost(t);
    for (let number = 1000; number < 2200; number++) host.message('ann', `cur/${number}.M1.h:2,S`, 'Subject: x\n\n');
    const told: number[] = [];
    await takeSnapshot(host.layout, path.join(host.folder, 'told'), {
      uidl: 'qmail',
      bodies: false,
      messagesPerSecond: undefined,
      progress: (_done, _of, messages) => void told.push(messages),
    });
    assert.deepEqual(told, [0, 4, 504, 1004, 1205]);
  });

  it('leaves other files alone, and says what is wrong with them', async (t) => {
    const host = new MailHost(t);
    fs.writeFileSync(path.join(host.folder, 'before'), 'my letters\n');
    for (const { exit, stderr } of [await host.snapshot(), await host.verify()]) {
      assert.equal(exit, 111);
      assert.match(stderr, /before:1: is no/);
    }
    assert.equal(fs.readFileSync(path.join(host.folder, 'before'), 'utf8'), 'my letters\n');
    assert.equal((await callTool(host.root, ['migrate', 'verify'])).exit, 100);
    assert.equal((await host.snapshot('x', '--uidl', 'mine')).exit, 100);
    assert.equal(
      (await callTool(host.root, ['migrate', 'verify', '--before', path.join(host.folder, 'none')])).exit,
      111,
    );
  });

  it('a session of Dovecot changes nothing that a client would notice', async (t) => {
    if (!needs(t, 'dovecot') || !needsRoot(t)) return;
    const host = new MailHost(t);
    host.accounts('a.jp', { joe: 0, ann: 0 });
    await host.snapshot('before', '--uidl', 'dovecot');
    const account = { user: 'joe@a.jp', password: 'secret', maildir: host.file('joe', ''), ...mailOwner };
    const client = await Pop3Client.connect(await startDovecot(t, account));
    t.after(() => client.destroy());
    assert.match(await client.logIn('joe@a.jp', 'secret'), /^\+OK/);
    assert.match(await client.ask('QUIT'), /^\+OK/);
    const { exit, stdout } = await host.verify();
    assert.equal(exit, 0, stdout);
  });
});
