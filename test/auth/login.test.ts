// What a login decides beyond the recorded ones: the log lines, the work of unknown names, trouble with the host's files, what is left on disk.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type LoginService, login } from '../../src/auth/login.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { apop, type Secret } from '../../src/auth/secret.js';
import { CorruptFileError, TemporaryError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { type Host, openHost } from '../../src/stores/host.js';
import { needsRoot } from '../support/needs.js';
import { applyWrite, buildTree, loadRecording, newRoot, removeRoot } from '../support/recording.js';

const domainDirectory = '/home/vpopmail/domains/example.jp';
const joe = `${domainDirectory}/joe`;
const timestamp = '<1.2@mail.example.gr.jp>';

interface Place {
  readonly root: string;
  readonly host: Host;
  readonly log: string[];
}

/** The host of the recorded hashes: joe and ann with clear passwords are in login-pop3, all kinds of hashes in login-hashes. */
function place(t: TestContext, recording: string): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording('vpopmail', recording).before, root);
  const log: string[] = [];
  const host = openHost(
    new Layout({ root }),
    lineLog((line) => log.push(line.trimEnd())),
  );
  return { root, host, log };
}

const logLines: readonly {
  name: string;
  secret?: Secret;
  service?: LoginService;
  ip?: string;
  line: string;
  why: string;
}[] = [
  {
    name: 'joe@example.jp',
    line: 'vchkpw-pop3: password fail joe@example.jp:192.0.2.1',
    why: 'the line of the filters',
  },
  {
    name: 'JOE%Example.JP',
    line: 'vchkpw-pop3: password fail joe@example.jp:192.0.2.1',
    why: 'another way to write it',
  },
  {
    name: 'joe@alias.example.jp',
    line: 'vchkpw-pop3: password fail joe@example.jp:192.0.2.1',
    why: 'an alias domain',
  },
  {
    name: 'joe@example.jp',
    service: 'pop3s',
    line: 'vchkpw-pop3s: password fail joe@example.jp:192.0.2.1',
    why: 'over TLS',
  },
  { name: 'joe@example.jp', service: 'imap', line: 'vchkpw-imap: password fail joe@example.jp:192.0.2.1', why: 'IMAP' },
  {
    name: 'joe@example.jp',
    service: 'submission',
    line: 'vchkpw-submission: password fail joe@example.jp:192.0.2.1',
    why: 'AUTH',
  },
  {
    name: 'joe@example.jp',
    ip: '127.0.0.1',
    line: 'vchkpw-webmail: password fail joe@example.jp:127.0.0.1',
    why: 'from the host itself',
  },
  {
    name: 'joe@example.jp',
    ip: '2001:db8::7',
    line: 'vchkpw-pop3: password fail joe@example.jp:2001:db8::7',
    why: 'IPv6',
  },
  {
    name: 'nosuch@example.jp',
    line: 'vchkpw-pop3: vpopmail user not found nosuch@example.jp:192.0.2.1',
    why: 'unknown user',
  },
  {
    name: 'joe@nosuch.example',
    line: 'vchkpw-pop3: vpopmail user not found joe@nosuch.example:192.0.2.1',
    why: 'unknown domain',
  },
  { name: 'joe', line: 'vchkpw-pop3: vpopmail user not found joe@:192.0.2.1', why: 'no domain' },
  {
    name: '../joe@example.jp',
    line: 'vchkpw-pop3: vpopmail user not found ../joe@example.jp:192.0.2.1',
    why: 'no way out of the domain',
  },
  { name: '', line: 'vchkpw-pop3: null user name given :192.0.2.1', why: 'no name' },
  {
    name: 'joe@example.jp',
    secret: { password: '' },
    line: 'vchkpw-pop3: null password given joe@example.jp:192.0.2.1',
    why: 'no password',
  },
  {
    name: 'a\nb%c@x y',
    line: 'vchkpw-pop3: invalid user/domain characters a?b#c@x y:192.0.2.1',
    why: 'no line breaks, no percent signs',
  },
];

for (const { name, secret = { password: 'wrong' }, service = 'pop3', ip = '192.0.2.1', line, why } of logLines) {
  test(`${JSON.stringify(name)} (${why}) is logged as ${line}`, async (t) => {
    const { host, log } = place(t, 'login-pop3');
    const result = await login(host, new PasswordChecker(), { service, login: name, secret, remoteIp: ip });
    assert.equal(result.ok, false);
    assert.deepEqual(log, [line]);
  });
}

test('a good login is logged where that is wanted, with the way it was made', async (t) => {
  const { host, log } = place(t, 'login-pop3');
  const request = { service: 'pop3' as const, login: 'joe@example.jp', remoteIp: '192.0.2.1' };
  const digest = apop(timestamp, 'secret99');
  await login(host, new PasswordChecker(), { ...request, secret: { password: 'secret99' } });
  assert.deepEqual(log, []);
  await login(host, new PasswordChecker(), { ...request, secret: { password: 'secret99' }, logSuccess: true });
  await login(host, new PasswordChecker(), { ...request, secret: { digest, timestamp }, logSuccess: true });
  assert.deepEqual(log, [
    'vchkpw-pop3: (PLAIN) login success joe@example.jp:192.0.2.1',
    'vchkpw-pop3: (APOP) login success joe@example.jp:192.0.2.1',
  ]);
});

test('APOP goes by the clear password, also from the host itself, and only by a digest', async (t) => {
  const { host } = place(t, 'login-hashes');
  const passwords = new PasswordChecker();
  const ask = async (name: string, digest: string, remoteIp = '192.0.2.1'): Promise<boolean> =>
    (
      await login(host, passwords, {
        service: 'pop3',
        login: `${name}@example.jp`,
        secret: { digest, timestamp },
        remoteIp,
      })
    ).ok;
  assert.equal(await ask('differ', apop(timestamp, 'other99')), true);
  assert.equal(await ask('differ', apop(timestamp, 'other99'), '127.0.0.1'), true);
  assert.equal(await ask('differ', apop(timestamp, 'other99').toUpperCase()), false);
  assert.equal(await ask('differ', apop('', 'other99')), false);
  assert.equal(await ask('differ', 'known99'), false, 'a password is no digest');
  assert.equal(await ask('md5', apop(timestamp, '')), false, 'the clear field is empty');
  assert.equal(await ask('seven', apop(timestamp, '')), false, 'there is no clear field');
  assert.equal(await ask('clearonly', apop(timestamp, 'known99')), false, 'an account without a hash is closed');
});

test('unknown names, and accounts without a password, cost the crypt call of a wrong password', async (t) => {
  const { host } = place(t, 'login-hashes');
  const calls: string[] = [];
  const passwords = new PasswordChecker(async (_password, setting) => {
    calls.push(setting);
    return undefined;
  });
  const ask = async (name: string): Promise<string[]> => {
    calls.length = 0;
    await login(host, passwords, {
      service: 'pop3',
      login: name,
      secret: { password: 'wrong' },
      remoteIp: '192.0.2.1',
    });
    return [...calls];
  };
  const wrong = await ask('sha512@example.jp');
  assert.equal(wrong.length, 1);
  assert.deepEqual(await ask('nosuch@example.jp'), wrong);
  assert.deepEqual(await ask('empty@example.jp'), wrong);
  assert.deepEqual(await ask('joe@nosuch.example'), wrong);
});

test('before any login the hash of the postmaster stands for the domain', async (t) => {
  const { root, host } = place(t, 'login-pop3');
  const sha = '$6$saltsalt$Fp5z/kpnTT5Z0lkrzlmKPc4nmDdJ.JwspY0XB1nNbjOn1fdeNmt/MfPJRrHMFMgvk3zPh4qsNx1YGdJ2Xs5rJ.';
  rmSync(path.join(root, domainDirectory, 'vpasswd.cdb'));
  applyWrite(
    { [`${domainDirectory}/vpasswd`]: `postmaster:${sha}:1:0:p:${domainDirectory}/postmaster:NOQUOTA:\n` },
    root,
  );
  const calls: string[] = [];
  const passwords = new PasswordChecker(async (_password, setting) => void calls.push(setting));
  await login(host, passwords, {
    service: 'pop3',
    login: 'x@example.jp',
    secret: { password: 'x' },
    remoteIp: '192.0.2.1',
  });
  assert.deepEqual(calls, [sha]);
});

test('trouble with the files of the host is thrown and logs nobody out', async (t) => {
  const cases: readonly { path: string; text: string | null; error: new (...args: never[]) => Error; why: string }[] = [
    { path: '/var/qmail/users/cdb', text: null, error: TemporaryError, why: 'users/cdb is missing beside assign' },
    { path: '/var/qmail/users/cdb', text: 'rubbish', error: TemporaryError, why: 'users/cdb is no cdb' },
    { path: `${domainDirectory}/vpasswd.cdb`, text: 'rubbish', error: CorruptFileError, why: 'vpasswd.cdb is no cdb' },
  ];
  for (const { path: file, text, error, why } of cases) {
    const { root, host, log } = place(t, 'login-pop3');
    applyWrite({ [file]: text }, root);
    const request = {
      service: 'pop3' as const,
      login: 'joe@example.jp',
      secret: { password: 'secret99' },
      remoteIp: '192.0.2.1',
    };
    await assert.rejects(login(host, new PasswordChecker(), request), error, why);
    assert.deepEqual(log, [], why);
  }
});

/** Logs joe in. */
async function logJoeIn({ host }: Place, remoteIp: string, service: LoginService = 'pop3'): Promise<void> {
  const secret = { password: 'secret99' };
  const result = await login(host, new PasswordChecker(), { service, login: 'joe@example.jp', secret, remoteIp });
  assert.equal(result.ok, true);
}

test('lastauth: content, mode and inode as vchkpw leaves them', async (t) => {
  const here = place(t, 'login-pop3');
  const file = path.join(here.root, joe, 'lastauth');
  await logJoeIn(here, '192.0.2.200');
  assert.equal(readFileSync(file, 'latin1'), '192.0.2.200');
  assert.equal(statSync(file).mode & 0o777, 0o600, 'the mode that it had');
  const { ino } = statSync(file);
  utimesSync(file, 1000, 1000);
  await logJoeIn(here, '192.0.2.200');
  assert.equal(statSync(file).ino, ino);
  assert.ok(statSync(file).mtimeMs > Date.now() - 60_000);
  await logJoeIn(here, '10.1.2.3');
  assert.equal(readFileSync(file, 'latin1'), '10.1.2.3', 'a shorter one');
  assert.equal(statSync(file).ino, ino);
  await logJoeIn(here, '2001:db8::7');
  assert.equal(readFileSync(file, 'latin1'), '2001_db8__7');
});

test('lastauth that is a link is replaced, not followed', async (t) => {
  const here = place(t, 'login-pop3');
  const file = path.join(here.root, joe, 'lastauth');
  const target = path.join(here.root, 'precious');
  writeFileSync(target, 'x');
  rmSync(file);
  symlinkSync(target, file);
  await logJoeIn(here, '10.1.2.3');
  assert.equal(readFileSync(target, 'latin1'), 'x');
  assert.equal(readFileSync(file, 'latin1'), '10.1.2.3');
});

test('trouble with lastauth stops no login', async (t) => {
  const here = place(t, 'login-pop3');
  const file = path.join(here.root, joe, 'lastauth');
  rmSync(file);
  mkdirSync(path.join(file, 'in the way'), { recursive: true });
  await logJoeIn(here, '10.1.2.3');
  assert.match(here.log.join(), /^warning: lastauth of joe@example.jp: /);
});

test('lastauth belongs to the owner of the domain', async (t) => {
  if (!needsRoot(t)) return;
  const here = place(t, 'login-pop3');
  const file = path.join(here.root, joe, 'lastauth');
  rmSync(file);
  await logJoeIn(here, '10.1.2.3');
  assert.deepEqual([statSync(file).uid, statSync(file).gid], [6020, 6020]);
});

test('SMTP makes no missing directory, POP3 does', async (t) => {
  const here = place(t, 'login-pop3');
  rmSync(path.join(here.root, joe), { recursive: true });
  await logJoeIn(here, '10.1.2.3', 'smtp');
  assert.equal(statSync(path.join(here.root, joe), { throwIfNoEntry: false }), undefined);
  await logJoeIn(here, '10.1.2.3', 'pop3');
  assert.equal(statSync(path.join(here.root, joe, 'Maildir/new')).mode & 0o777, 0o700);
});
