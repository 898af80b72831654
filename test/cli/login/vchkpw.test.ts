// vchkpw in this process: what it decides, what it does to its process, in which order, and what it says where. The recordings are replayed by test/cli/recordings.test.ts.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LoginProcess } from '../../../src/cli/login/login-process.js';
import { vchkpw } from '../../../src/cli/login/vchkpw.js';
import type { Program } from '../../../src/files/replace-process.js';
import { Layout } from '../../../src/layout.js';
import { lineLog } from '../../../src/log.js';
import { capturedIo } from '../../support/captured-io.js';
import { needsRoot } from '../../support/needs.js';
import { applyWrite, buildTree, loadRecording, newRoot, removeRoot } from '../../support/recording.js';

const joe = '/home/vpopmail/domains/example.jp/joe';
const pop3 = { TCPLOCALPORT: '110', TCPREMOTEIP: '10.1.2.3' };

interface Call {
  readonly root: string;
  readonly args?: string[];
  readonly fd3?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** What the process refuses. */
  readonly refuses?: { readonly become?: 'setgid' | 'setuid'; readonly enter?: string; readonly replace?: string };
  readonly uid?: number;
}

interface Called {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of the system's log. */
  readonly log: readonly string[];
  /** What was done to the process, in order. */
  readonly acts: readonly string[];
  readonly program: Program | undefined;
}

/** The host of the recorded POP3 logins: joe (secret99) and ann (annpass99) of example.jp. */
function tree(t: TestContext): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording('vpopmail', 'login-pop3').before, root);
  applyWrite(
    { '/etc/passwd': { text: 'vpopmail:x:6020:6020::/home/vpopmail:\n' }, '/etc/group': { text: 'vchkpw:x:6020:\n' } },
    root,
  );
  return root;
}

function sent(login = 'joe@example.jp', password = 'secret99', challenge = '<1@x>'): string {
  return `${login}\0${password}\0${challenge}\0`;
}

async function call({
  root,
  args = ['/bin/qmail-pop3d', 'Maildir'],
  env = pop3,
  refuses = {},
  ...rest
}: Call): Promise<Called> {
  const layout = new Layout({ root });
  const fd3 = 'fd3' in rest ? rest.fd3 : sent();
  const io = capturedIo({ layout, env, descriptors: fd3 === undefined ? {} : { 3: fd3 } });
  const acts: string[] = [];
  const log: string[] = [];
  let program: Program | undefined;
  const process: LoginProcess = {
    environment: { PATH: '/bin', USER: 'root' },
    uid: rest.uid ?? 0,
    become({ uid, gid }) {
      acts.push(`become ${uid}:${gid}`);
      return refuses.become;
    },
    enter(directory) {
      acts.push(`enter ${layout.host(directory)}`);
      return existsSync(directory) ? refuses.enter : 'ENOENT';
    },
    async replace(given) {
      program = given;
      acts.push(`replace ${given.arguments.join(' ')}`);
      return refuses.replace === undefined ? { exitStatus: 0 } : { failed: refuses.replace };
    },
  };
  const exit = await vchkpw(
    args,
    io,
    process,
    lineLog((line) => log.push(line.trimEnd())),
  );
  const { stdout, stderr } = io.written();
  return { exit, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1'), log, acts, program };
}

test('a good login: the account’s owner, its directory, then the program with its environment', async (t) => {
  const root = tree(t);
  const { exit, acts, program, log, stdout, stderr } = await call({ root, fd3: sent('JOE@Example.JP') });
  assert.deepEqual([exit, stdout, stderr, log], [0, '', '', []]);
  assert.deepEqual(acts, ['become 6020:6020', `enter ${joe}`, 'replace /bin/qmail-pop3d Maildir']);
  assert.deepEqual(program?.environment, {
    PATH: '/bin',
    USER: 'joe',
    HOME: joe,
    SHELL: 'NOLOGIN',
    VPOPUSER: 'joe@example.jp',
  });
});

test('SMTP: neither owner nor directory change, and the relay stays closed', async (t) => {
  const root = tree(t);
  const { exit, acts, program } = await call({ root, args: ['/bin/true'], env: { ...pop3, TCPLOCALPORT: '25' } });
  assert.equal(exit, 0);
  assert.deepEqual(acts, ['replace /bin/true']);
  assert.equal(program?.environment.HOME, joe);
  assert.ok(!existsSync(path.join(root, 'home/vpopmail/etc/open-smtp')));
});

test('exit codes, and the lines that filters know', async (t) => {
  const rows: {
    why: string;
    exit: number;
    log?: string;
    stderr?: string;
    fd3?: string;
    env?: Record<string, string>;
  }[] = [
    {
      why: 'a wrong password',
      exit: 3,
      fd3: sent('joe@example.jp', 'x'),
      log: 'vchkpw-pop3: password fail joe@example.jp:10.1.2.3',
    },
    {
      why: 'an unknown user',
      exit: 3,
      fd3: sent('no@example.jp'),
      log: 'vchkpw-pop3: vpopmail user not found no@example.jp:10.1.2.3',
    },
    {
      why: 'an unknown domain',
      exit: 3,
      fd3: sent('joe@no.jp'),
      log: 'vchkpw-pop3: vpopmail user not found joe@no.jp:10.1.2.3',
    },
    { why: 'no name', exit: 12, fd3: '', log: 'vchkpw-pop3: null user name given :10.1.2.3' },
    {
      why: 'no password',
      exit: 13,
      fd3: sent('joe@example.jp', ''),
      log: 'vchkpw-pop3: null password given joe@example.jp:10.1.2.3',
    },
    {
      why: 'no NUL at all',
      exit: 13,
      fd3: 'joe@example.jp',
      log: 'vchkpw-pop3: null password given joe@example.jp:10.1.2.3',
    },
    { why: 'a name that fills the 155 bytes', exit: 13, fd3: sent('j'.repeat(155)) },
    { why: 'a password that ends behind the 155 bytes', exit: 3, fd3: sent('joe@example.jp', 'y'.repeat(200)) },
    { why: 'a challenge that does', exit: 0, fd3: sent('joe@example.jp', 'secret99', 't'.repeat(300)) },
    {
      why: 'characters of no user',
      exit: 20,
      fd3: sent('jo e@example.jp'),
      stderr: 'user invalid jo e\n',
      log: 'vchkpw-pop3: invalid user/domain characters jo e@example.jp:10.1.2.3',
    },
    { why: 'characters of no domain', exit: 20, fd3: sent('joe@exa_mple.jp'), stderr: 'domain invalid exa_mple.jp\n' },
    {
      why: 'a percent sign separates too',
      exit: 3,
      fd3: sent('a%b.example.jp'),
      log: 'vchkpw-pop3: vpopmail user not found a@b.example.jp:10.1.2.3',
    },
    {
      why: 'another port',
      exit: 3,
      fd3: sent('no@example.jp'),
      env: { ...pop3, TCPLOCALPORT: '2110' },
      log: 'vchkpw-2110: vpopmail user not found no@example.jp:10.1.2.3',
    },
    {
      why: 'no port',
      exit: 3,
      fd3: sent('no@example.jp'),
      env: { TCPREMOTEIP: '10.1.2.3' },
      log: 'vchkpw-0: vpopmail user not found no@example.jp:10.1.2.3',
    },
    {
      why: 'from this host: webmail',
      exit: 3,
      fd3: sent('no@example.jp'),
      env: { ...pop3, TCPREMOTEIP: '127.0.0.1' },
      log: 'vchkpw-webmail: vpopmail user not found no@example.jp:127.0.0.1',
    },
    {
      why: 'an address that came mapped',
      exit: 3,
      fd3: sent('no@example.jp'),
      env: { ...pop3, TCPREMOTEIP: '::ffff:192.0.2.1' },
      log: 'vchkpw-pop3: vpopmail user not found no@example.jp:192.0.2.1',
    },
    {
      why: 'a CGI’s variable',
      exit: 3,
      fd3: sent('no@example.jp'),
      env: { TCPLOCALPORT: '143', REMOTE_HOST: '192.0.2.3' },
      log: 'vchkpw-imap: vpopmail user not found no@example.jp:192.0.2.3',
    },
  ];
  for (const { why, exit, log, stderr = '', ...rest } of rows) {
    const called = await call({ root: tree(t), ...rest });
    assert.deepEqual([called.exit, called.stderr], [exit, stderr], why);
    if (log !== undefined) assert.deepEqual(called.log, [log], why);
    if (exit !== 0) assert.deepEqual(called.acts, [], why);
  }
});

test('nothing on descriptor 3', async (t) => {
  const { exit, stderr } = await call({ root: tree(t), fd3: undefined });
  assert.equal(exit, 11);
  assert.equal(
    stderr,
    'vchkpw-pop3: vchkpw is only for talking with qmail-popup and qmail-pop3d. It is not for runnning on the command line.\n',
  );
});

test('what the process is refused', async (t) => {
  const root = tree(t);
  const rows: [refuses: Call['refuses'], exit: number, log: string][] = [
    [{ become: 'setgid' }, 4, 'vchkpw-pop3: setgid failed joe@example.jp:10.1.2.3'],
    [{ become: 'setuid' }, 5, 'vchkpw-pop3: setuid failed joe@example.jp:10.1.2.3'],
    [{ enter: 'EACCES' }, 6, `vchkpw-pop3: autocreate dir EACCES ${joe} joe@example.jp:10.1.2.3`],
    [{ replace: 'ENOENT' }, 111, 'vchkpw-pop3: unable to run /bin/qmail-pop3d: file does not exist'],
  ];
  for (const [refuses, exit, log] of rows) {
    const called = await call({ root, ...(refuses && { refuses }) });
    assert.deepEqual([called.exit, called.log], [exit, [log]]);
  }
  const without = await call({ root, args: [] });
  assert.equal(without.exit, 111);
  assert.match(without.stderr, /^vchkpw: there is no program to run\n$/);
});

test('a missing directory is made by the account’s owner, after the login has left its traces', async (t) => {
  const root = tree(t);
  rmSync(path.join(root, joe), { recursive: true });
  const { exit, acts } = await call({ root });
  assert.equal(exit, 0);
  assert.deepEqual(acts.slice(0, 3), ['become 6020:6020', `enter ${joe}`, `enter ${joe}`]);
  assert.ok(existsSync(path.join(root, joe, 'Maildir/new')));
});

test('an account without a directory is given one, and counted', async (t) => {
  const root = tree(t);
  const vpasswd = path.join(root, 'home/vpopmail/domains/example.jp/vpasswd');
  const before = readFileSync(vpasswd, 'latin1');
  writeFileSync(vpasswd, before.replace(`:${joe}:`, '::'));
  rmSync(`${vpasswd}.cdb`);
  rmSync(path.join(root, joe), { recursive: true });
  const { exit, program } = await call({ root });
  assert.equal(exit, 0);
  assert.equal(program?.environment.HOME, joe);
  assert.equal(readFileSync(vpasswd, 'latin1'), before);
  assert.ok(existsSync(path.join(root, joe, 'Maildir/cur')));
});

test('a wrong password gives no directory to anybody', async (t) => {
  const root = tree(t);
  const vpasswd = path.join(root, 'home/vpopmail/domains/example.jp/vpasswd');
  const control = path.join(root, 'home/vpopmail/domains/example.jp/.dir-control');
  writeFileSync(vpasswd, readFileSync(vpasswd, 'latin1').replace(`:${joe}:`, '::'));
  rmSync(`${vpasswd}.cdb`);
  const before = readFileSync(control, 'latin1');
  assert.equal((await call({ root, fd3: sent('joe@example.jp', 'x') })).exit, 3);
  assert.equal(readFileSync(control, 'latin1'), before);
});

test('a database that is missing is whole before the program begins', async (t) => {
  const root = tree(t);
  const cdb = path.join(root, 'home/vpopmail/domains/example.jp/vpasswd.cdb');
  const before = readFileSync(cdb);
  rmSync(cdb);
  assert.equal((await call({ root })).exit, 0);
  assert.deepEqual(readFileSync(cdb), before);
});

test('trouble is 111 and told twice, never "no such user"', async (t) => {
  const users = tree(t);
  rmSync(path.join(users, 'var/qmail/users/cdb'));
  const corrupt = tree(t);
  writeFileSync(path.join(corrupt, 'home/vpopmail/domains/example.jp/vpasswd.cdb'), 'text');
  for (const root of [users, corrupt]) {
    const { exit, log, stderr, acts } = await call({ root });
    assert.equal(exit, 111);
    assert.equal(log.length, 1);
    assert.ok(stderr.startsWith('vchkpw: '));
    assert.deepEqual(acts, []);
  }
});

test('trouble with the relay stops no login', async (t) => {
  const refused = tree(t);
  writeFileSync(path.join(refused, 'etc/tcp/smtp'), ':bogus\n');
  const first = await call({ root: refused });
  assert.equal(first.exit, 0);
  assert.equal(first.stderr, 'Warning: update_rules() - tcprules failed\n');
  assert.match(first.log.join(), /^warning: the relay was not opened for 10\.1\.2\.3: .*smtp:1: /);
  const gone = tree(t);
  rmSync(path.join(gone, 'home/vpopmail/etc'), { recursive: true });
  const second = await call({ root: gone });
  assert.deepEqual([second.exit, second.stderr], [0, '']);
});

test('the default domain comes from the environment that the tool has', async (t) => {
  const root = tree(t);
  const { exit, program } = await call({ root, fd3: sent('joe'), env: { ...pop3, VPOPMAIL_DOMAIN: 'Example.JP' } });
  assert.equal(exit, 0);
  assert.equal(program?.environment.VPOPUSER, 'joe', 'as it was typed');
});

test('a limits file that root has written is the domain’s after the login', async (t) => {
  if (!needsRoot(t)) return;
  const root = tree(t);
  const limits = path.join(root, 'home/vpopmail/domains/example.jp/.qmailadmin-limits');
  writeFileSync(limits, 'maxpopaccounts: 5\n');
  chmodSync(limits, 0o644);
  await call({ root, fd3: sent('no@example.jp') });
  assert.equal(statSync(limits).uid, 0, 'not for a login that finds no account');
  await call({ root });
  const status = statSync(limits);
  assert.deepEqual([status.uid, status.gid, status.mode & 0o777], [6020, 6020, 0o600]);
});
