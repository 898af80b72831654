import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type CalledTool, callTool } from '../../support/call-tool.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { type SeenMailbox, seenMailboxes, withoutDeadLocks } from '../../support/seen-mailboxes.js';
import { vqmailProgram } from '../../support/started-server.js';
import { VpopmailHost } from '../../support/vpopmail-host.js';

const day = 1_700_000_000;

/** joe@a.jp without mail, and a folder of the test's own for what is to be imported. */
class ImportHost extends VpopmailHost {
  readonly folder = newRoot('vqmail-import');

  constructor(t: TestContext, quota = 'NOQUOTA') {
    super(t);
    t.after(() => removeRoot(this.folder));
    this.domain('a.jp', { accounts: { joe: 0 } });
    this.logins('a.jp', { joe: { password: 'secret', quota } });
  }

  put(name: string, text: string | Buffer, time = day): void {
    const file = path.join(this.folder, name);
    for (const part of /(^|\/)(cur|new)\/[^/]*$/.test(name) ? ['cur', 'new', 'tmp'] : [])
      fs.mkdirSync(path.join(path.dirname(file), '..', part), { recursive: true });
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
    fs.utimesSync(file, time, time);
  }

  import(name = '', ...options: string[]): Promise<CalledTool> {
    return callTool(this.root, ['migrate', 'import', path.join(this.folder, name), 'joe@a.jp', ...options]);
  }

  seen(): Promise<SeenMailbox[]> {
    return seenMailboxes(this.layout, 'joe@a.jp');
  }

  get accountDirectory(): string {
    return path.join(this.directory('a.jp'), 'joe');
  }
}

describe('migrate import, from disk', () => {
  it('takes a Maildir++ tree over: folders, order, flags, keywords, dates, subscriptions', async (t) => {
    const host = new ImportHost(t);
    host.put('old/cur/11.M1.h,S=13:2,FSa', 'Subject: 22\n\n', day + 1);
    host.put('old/cur/10.M1.h:2,RSb', 'Subject: 1\n\n');
    host.put('old/new/12.M1.h', 'Subject: 3\r\n\r\n', day + 2);
    host.put('old/dovecot-uidlist', '3 V77 N9 G03a6be3959ef046b0079000083ecc375\n4 :11.M1.h,S=13\n5 :10.M1.h\n');
    host.put('old/dovecot-keywords', '0 $Label1\n1 Junk\n');
    host.put('old/.Work.日本語/cur/20.M1.h:2,D', 'Subject: w\n\n');
    host.put('old/.Work.Courier/cur/21.M1.h:2,', 'Subject: c\n\n');
    host.put('old/.Work.Courier/courierimapkeywords/21.M1.h', 'Later\n');
    host.put('old/subscriptions', 'V\t2\n\nWork\tCourier\n');
    const { exit, stdout, stderr } = await host.import('old');
    assert.deepEqual({ exit, stderr }, { exit: 0, stderr: '' });
    assert.equal(stdout, 'joe@a.jp 3 folders, 5 messages copied, 0 were there\n');
    assert.deepEqual(await host.seen(), [
      {
        name: 'INBOX',
        messages: [`FS $Label1 ${day + 1} Subject: 22`, `RS Junk ${day} Subject: 1`, `${day + 2} Subject: 3`],
      },
      { name: 'Work.&ZeVnLIqe-', messages: [`D ${day} Subject: w`] },
      { name: 'Work.Courier', messages: [`Later ${day} Subject: c`], isSubscribed: true },
    ]);
  });

  it('takes mbox files and Maildirs in directories over, and tells what is neither', async (t) => {
    const host = new ImportHost(t);
    const message = (subject: string, marks = ''): string =>
      `From a@b Tue Nov 14 22:13:20 2023\nSubject: ${subject}\n${marks}\n\n`;
    host.put('mail/inbox', message('1') + message('2', 'Status: RO\n') + message('1'));
    host.put('mail/Work.sbd/Proj', message('p', 'X-Mozilla-Status: 0001\n'));
    host.put('mail/Work.msf', '// <!-- <mdb:mork');
    host.put('mail/v1.2', message('v'));
    host.put('mail/notes.txt', 'my letters\n');
    host.put('mail/Box/cur/1.M1.h:2,S', 'Subject: b\n\n');
    const { exit, stdout } = await host.import('mail');
    assert.equal(exit, 1);
    assert.match(
      stdout,
      /^joe@a\.jp .*notes\.txt: is no mbox file: .*\njoe@a\.jp 4 folders, 6 messages copied, 0 were there, 1 not copied\n$/,
    );
    assert.deepEqual(await host.seen(), [
      { name: 'INBOX', messages: [`${day} Subject: 1`, `S ${day} Subject: 2`, `${day} Subject: 1`] },
      { name: 'Box', messages: [`S ${day} Subject: b`] },
      { name: 'Work.Proj', messages: [`S ${day} Subject: p`] },
      { name: 'v1_2', messages: [`${day} Subject: v`] },
    ]);
    const again = await host.import('mail');
    assert.match(again.stdout, / 4 folders, 0 messages copied, 6 were there, 1 not copied\n$/);
  });

  it('takes of mbox files: quoted lines, Content-Length, marks, empty files; tells keywords that cannot be kept', async (t) => {
    const host = new ImportHost(t);
    const from = 'From a@b Tue Nov 14 22:13:20 2023\n';
    const inner = `a line\n\n${from}Subject: no message\n\nthe end\n`;
    const whole = `${from}Subject: whole\nContent-Length: ${inner.length}\nStatus: O\n\n${inner}\n`;
    host.put('mail/Length', `${whole}${from}Subject: 2\n\n`);
    host.put('mail/Last', whole.slice(0, -1));
    host.put(
      'mail/Wrong',
      `${from}Subject: 1\nContent-Length: 5000\n\nx\n\n${from}Subject: 2\nContent-Length: 1\n\nlonger\n`,
    );
    host.put('mail/Quotes', `${from}Subject: q\n\n>From here\n>>From there\n> From nowhere\n`);
    host.put('mail/Marks', `${from}Subject: m\nStatus: RO\nX-Status: AFTD\nX-Keywords: $Label1 a"b Junk\n\n`);
    host.put('mail/Drafts', '');
    host.put('mail/notes.txt', '');
    fs.symlinkSync('.', path.join(host.folder, 'mail/loop'));
    const { exit, stdout, stderr } = await host.import('mail');
    assert.deepEqual({ exit, stderr }, { exit: 0, stderr: '' });
    assert.equal(
      stdout,
      'joe@a.jp Marks: the keyword a"b cannot be kept\njoe@a.jp 6 folders, 7 messages copied, 0 were there\n',
    );
    assert.deepEqual(
      (await host.seen()).map(({ name, messages }) => [name, ...messages]),
      [
        ['INBOX'],
        ['Drafts'],
        ['Last', `${day} Subject: whole`],
        ['Length', `${day} Subject: whole`, `${day} Subject: 2`],
        ['Marks', `DFRST $Label1 Junk ${day} Subject: m`],
        ['Quotes', `${day} Subject: q`],
        ['Wrong', `${day} Subject: 1`, `${day} Subject: 2`],
      ],
    );
    const text = (folder: string): string => {
      const directory = path.join(host.accountDirectory, 'Maildir', `.${folder}`);
      const [file = ''] = ['cur', 'new'].flatMap((part) =>
        fs.readdirSync(path.join(directory, part)).map((name) => path.join(directory, part, name)),
      );
      return fs.readFileSync(file, 'latin1').replaceAll('\r\n', '\n');
    };
    assert.equal(text('Last'), `Subject: whole\n\n${inner}`);
    assert.equal(text('Quotes'), 'Subject: q\n\nFrom here\n>From there\n> From nowhere\n');
  });

  it('is repeated: brings what is new, follows flags, puts nothing in twice', async (t) => {
    const host = new ImportHost(t);
    host.put('old/cur/10.M1.h:2,', 'Subject: 1\n\n');
    host.put('old/cur/11.M1.h:2,S', 'Subject: 2\n\n');
    await host.import('old');
    const [inbox] = await host.seen();
    // The user has read one here, and deleted the other.
    const maildir = path.join(host.accountDirectory, 'Maildir');
    for (const part of ['new', 'cur'])
      for (const name of fs.readdirSync(path.join(maildir, part)))
        if (fs.readFileSync(path.join(maildir, part, name), 'latin1').includes('Subject: 2'))
          fs.rmSync(path.join(maildir, part, name));
    fs.renameSync(path.join(host.folder, 'old/cur/10.M1.h:2,'), path.join(host.folder, 'old/cur/10.M1.h:2,FR'));
    host.put('old/new/12.M1.h', 'Subject: 3\n\n');
    const { exit, stdout } = await host.import('old');
    assert.deepEqual([exit, stdout], [0, 'joe@a.jp 1 folders, 1 messages copied, 2 were there, flags of 1 changed\n']);
    assert.equal(inbox?.messages.length, 2);
    assert.deepEqual(await host.seen(), [{ name: 'INBOX', messages: [`FR ${day} Subject: 1`, `${day} Subject: 3`] }]);
  });

  it('knows what it has copied when the account has new UIDs', async (t) => {
    const host = new ImportHost(t);
    for (const number of [1, 2, 3]) host.put(`old/cur/1${number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    await host.import('old');
    const maildir = path.join(host.accountDirectory, 'Maildir');
    for (const name of fs.readdirSync(maildir))
      if (/^(dovecot-uidlist|vq-state)/.test(name)) fs.rmSync(path.join(maildir, name));
    assert.match((await host.import('old')).stdout, / 0 messages copied, 3 were there\n$/);
    assert.equal((await host.seen())[0]?.messages.length, 3);
  });

  it('tells each message that cannot be copied, and copies the others', async (t) => {
    const host = new ImportHost(t);
    host.put('old/cur/10.M1.h:2,', '');
    host.put('old/cur/11.M1.h:2,', 'Subject: 1\n\n');
    const { exit, stdout } = await host.import('old');
    assert.equal(exit, 1);
    assert.match(
      stdout,
      /^joe@a\.jp INBOX: message 10\.M1\.h: .*zero byte message\njoe@a\.jp 1 folders, 1 messages copied, 0 were there, 1 not copied\n$/,
    );
  });

  it('ends at the quota, and goes on when there is room', async (t) => {
    const host = new ImportHost(t, '2000S');
    for (const number of [1, 2, 3])
      host.put(`old/cur/1${number}.M1.h:2,S`, `Subject: ${number}\n\n${'x'.repeat(900)}\n`);
    const { exit, stderr } = await host.import('old');
    assert.equal(exit, 111);
    assert.match(stderr, /joe@a\.jp: .*[Qq]uota exceeded.*vsetuserquota/);
    host.logins('a.jp', { joe: { password: 'secret', quota: '9000S' } });
    assert.equal((await host.import('old')).exit, 0);
    assert.equal((await host.seen())[0]?.messages.length, 3);
  });

  it('after kill -9 at any moment has each message once', async (t) => {
    const host = new ImportHost(t);
    const count = 600;
    for (let number = 0; number < count; number++)
      host.put(`old/.F${number % 3}/cur/${1000 + number}.M1.h:2,S`, `Subject: ${number}\n\n`);
    const state = path.join(host.folder, 'state');
    for (let kill = 0; kill < 4; kill++) {
      const size = (): number => (fs.existsSync(state) ? fs.statSync(state).size : 0);
      const had = size();
      const child = spawn(
        process.execPath,
        [
          vqmailProgram,
          '--root',
          host.root,
          'migrate',
          'import',
          path.join(host.folder, 'old'),
          'joe@a.jp',
          '--state',
          state,
        ],
        { stdio: 'ignore' },
      );
      const ended = once(child, 'close');
      while (child.exitCode === null && size() <= had + 100) await pause(2);
      await pause(kill * 3);
      child.kill('SIGKILL');
      await ended;
      withoutDeadLocks(path.join(host.accountDirectory, 'Maildir'));
    }
    assert.equal((await host.import('old', '--state', state)).exit, 0);
    const subjects = (await host.seen()).flatMap(({ messages }) =>
      messages.map((text) => text.replace(/.*Subject: /, '')),
    );
    assert.equal(subjects.length, count);
    assert.equal(new Set(subjects).size, count);
  });

  it('takes a list of many: trouble with one is told with its line, and the next is begun', async (t) => {
    const host = new ImportHost(t);
    host.domain('b.jp', { accounts: { ann: 0 } });
    host.put('joe/cur/10.M1.h:2,S', 'Subject: 1\n\n');
    host.put('ann/cur/11.M1.h:2,S', 'Subject: 2\n\n');
    host.put('a, b/cur/12.M1.h:2,S', 'Subject: 3\n\n');
    const at = (name: string): string => path.join(host.folder, name);
    const lines = [
      '# source, account',
      '',
      `${at('joe')},joe@a.jp`,
      `${at('joe')}`,
      `${at('joe')},nobody@a.jp`,
      `${at('nowhere')},joe@a.jp`,
      'imap://old@127.0.0.1:1,joe@a.jp,secret',
      `${at('joe')},joe@a.jp,secret,more`,
      `${at('ann')},ann@b.jp\r`,
      `"${at('a, b')}",ann@b.jp`,
    ];
    host.put('list', `${lines.join('\n')}\n`);
    const { exit, stdout, stderr } = await callTool(host.root, ['migrate', 'import', '--list', at('list')]);
    assert.equal(exit, 111);
    assert.deepEqual(
      stdout.split('\n').map((line) => line.replace(/ \d.*/, '')),
      ['joe@a.jp', 'ann@b.jp', 'ann@b.jp', ''],
    );
    assert.deepEqual(
      stderr
        .replaceAll(host.folder, '')
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(0, 60)),
      [
        '/list:4: is not SOURCE,ACCOUNT or SOURCE,ACCOUNT,PASSWORD',
        '/list:5: nobody@a.jp: there is no such account (vadduser makes one)',
        '/list:6: unable to read /nowhere: file does not exist',
        '/list:7: imap://old@127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1',
        '/list:8: is not SOURCE,ACCOUNT or SOURCE,ACCOUNT,PASSWORD',
      ].map((line) => line.slice(0, 60)),
    );
    assert.deepEqual((await seenMailboxes(host.layout, 'ann@b.jp'))[0]?.messages, [
      `S ${day} Subject: 2`,
      `S ${day} Subject: 3`,
    ]);
  });

  it('refuses what it cannot do in one line', async (t) => {
    const host = new ImportHost(t);
    const rows: readonly [args: readonly string[], exit: number, text: RegExp][] = [
      [['old'], 100, /SOURCE and ACCOUNT are needed/],
      [[host.folder, 'nobody@a.jp'], 100, /nobody@a\.jp: there is no such account/],
      [[path.join(host.folder, 'none'), 'joe@a.jp'], 111, /unable to read .*none: /],
      [['imaps://old.example.jp', 'joe@a.jp'], 100, /should be imaps:\/\/USER@HOST/],
      [['imap://joe@127.0.0.1:1', 'joe@a.jp'], 111, /imap:\/\/joe@127\.0\.0\.1:1: .*ECONNREFUSED/],
    ];
    for (const [args, exit, text] of rows) {
      const called = await callTool(host.root, ['migrate', 'import', ...args], {
        env: { VQMAIL_IMAP_PASSWORD: 'x' },
      }).catch((error: unknown) => ({ exit: 111, stdout: '', stderr: String(error) }));
      assert.match(called.stderr, text);
      assert.equal(called.exit, exit, args.join(' '));
    }
  });
});
