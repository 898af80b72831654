// Debian's Dovecot, which has no vpopmail driver any more, asks a running vqmail who may log in and where the mail is (passdb and userdb checkpassword), with the lines of the README.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { TextClient } from '../processes/sample-server.js';
import { tool } from '../support/front-end.js';
import { needs, needsRoot, programPath } from '../support/needs.js';
import { freePort, waitForPort } from '../support/ports.js';
import { run } from '../support/program.js';
import { readmeBlock } from '../support/readme.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { type StartedServer, startServer, vqmailProgram } from '../support/started-server.js';
import { VpopmailHost } from '../support/vpopmail-host.js';

interface Place {
  readonly files: VpopmailHost;
  readonly server: StartedServer;
  readonly imap: number;
  /** dovecot.conf. */
  readonly config: string;
  log(): string;
}

/** The lines of the README, and what places this Dovecot. */
function configuration(folder: string, port: number): string {
  return `base_dir = ${folder}/run
state_dir = ${folder}/run
log_path = ${folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_failure_delay = 0
service imap-login {
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
${readmeBlock('  driver = checkpassword')
  .join('\n')
  .replaceAll('/usr/local/lib/vqmail/', `${folder}/`)
  .replaceAll('/run/vqmail/', `${folder}/vqmail/`)}
`;
}

async function place(t: TestContext): Promise<Place> {
  const files = new VpopmailHost(t);
  files.domain('example.jp', {});
  files.logins('example.jp', {
    joe: { password: 'joe pw', quota: '1000000S,20C' },
    noimap: { password: 'secret', flags: 0x08 | 0x04 },
  });
  const folder = newRoot('vqmail-dovecot');
  fs.chmodSync(folder, 0o755);
  fs.mkdirSync(path.join(folder, 'run'));
  const [imap, config] = [await freePort(), path.join(folder, 'dovecot.conf')];
  fs.writeFileSync(config, configuration(folder, imap));
  const installed = await run([
    process.execPath,
    vqmailProgram,
    'install-tools',
    '--into',
    folder,
    '--wrappers',
    'checkpassword',
  ]);
  assert.equal(installed.status, 0, installed.stderr);
  const socket = `auth=unix:${folder}/vqmail/auth,mode=0660,group=dovecot`;
  const server = await startServer([
    '--root',
    files.root,
    '--workers',
    '1',
    '--drain-seconds',
    '1',
    '--listen',
    socket,
  ]);
  t.after(() => server.stop('SIGKILL'));
  const dovecot = spawn(programPath('dovecot') ?? 'dovecot', ['-F', '-c', config], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => dovecot.once('exit', () => resolve()));
  t.after(async () => {
    dovecot.kill('SIGTERM');
    await ended;
    removeRoot(folder);
  });
  const log = (): string => fs.readFileSync(path.join(folder, 'log'), 'latin1');
  await waitForPort(imap, log);
  return { files, server, imap, config, log: () => `${log()}${server.log()}` };
}

let lastAddress = 1;

/** The answer to LOGIN, and to a look into the INBOX after a good one. Each from an address of its own, since Dovecot lets one that has failed wait. */
async function logIn(imap: number, user: string, password: string, from?: string): Promise<string[]> {
  const client = await TextClient.open(imap, from ?? `127.0.0.${++lastAddress}`);
  const ask = async (tag: string, command: string): Promise<string> => {
    client.send(`${tag} ${command}\r\n`);
    for (;;) {
      const line = await client.line();
      if (line.startsWith(`${tag} `)) return line.slice(tag.length + 1);
    }
  };
  const answers = [await ask('a', `LOGIN "${user}" "${password}"`)];
  if (answers[0]?.startsWith('OK')) answers.push(await ask('b', 'STATUS INBOX (MESSAGES)'));
  client.destroy();
  return answers;
}

test('IMAP logins at Dovecot, and its userdb look-ups', async (t) => {
  if (!needs(t, 'dovecot', 'doveadm') || !needsRoot(t)) return;
  const { files, server, imap, config, log } = await place(t);

  await t.test('a user that vadduser has just made, and is deleted then', async () => {
    assert.match((await logIn(imap, 'new@example.jp', 'just added'))[0] ?? '', /^NO \[AUTHENTICATIONFAILED\]/, log());
    tool(files, 'vadduser', 'new@example.jp', 'just added');
    const [answer, status] = await logIn(imap, 'NEW@Example.JP', 'just added', '127.0.1.1');
    assert.match(answer ?? '', /^OK /, log());
    assert.match(status ?? '', /^OK /, log());
    const home = path.join(files.directory('example.jp'), 'new');
    assert.equal(fs.readFileSync(path.join(home, 'lastauth'), 'latin1'), '127.0.1.1');
    assert.equal(
      fs.statSync(path.join(home, 'Maildir/dovecot.index.log')).uid,
      6020,
      'the mailbox is its owner\u2019s',
    );
    tool(files, 'vdeluser', 'new@example.jp');
    assert.match((await logIn(imap, 'new@example.jp', 'just added'))[0] ?? '', /^NO \[AUTHENTICATIONFAILED\]/);
  });

  await t.test('a wrong password, an account that is closed to IMAP', async () => {
    assert.match((await logIn(imap, 'joe@example.jp', 'wrong', '127.0.1.2'))[0] ?? '', /^NO \[AUTHENTICATIONFAILED\]/);
    assert.match((await logIn(imap, 'noimap@example.jp', 'secret'))[0] ?? '', /^NO \[AUTHENTICATIONFAILED\]/);
    assert.match(server.log(), /vchkpw-imap: password fail joe@example\.jp:127\.0\.1\.2\n/);
  });

  await t.test('where the mail is, for LMTP and doveadm', async () => {
    const { stdout, status } = await run(['doveadm', '-c', config, 'user', '-x', 'service=lmtp', 'joe@example.jp']);
    const home = path.join(files.directory('example.jp'), 'joe');
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('\t'))
        .filter(([field]) => field !== 'field'),
      [
        ['uid', '6020'],
        ['gid', '6020'],
        ['home', home],
        ['mail', 'maildir:~/Maildir'],
        ['quota_rule', '*:bytes=1000000:messages=20'],
      ],
      log(),
    );
    assert.equal(status, 0);
    assert.equal((await run(['doveadm', '-c', config, 'user', 'nobody@example.jp'])).status, 67, 'EX_NOUSER');
  });

  await t.test('trouble is no wrong password', async () => {
    files.write(`${files.directory('example.jp')}/vpasswd.cdb`, 'no cdb');
    assert.match((await logIn(imap, 'joe@example.jp', 'joe pw'))[0] ?? '', /^NO \[UNAVAILABLE\]/, log());
    files.logins('example.jp', { joe: { password: 'joe pw' } });
    assert.match((await logIn(imap, 'joe@example.jp', 'joe pw'))[0] ?? '', /^OK /, log());
    assert.equal(await server.stop(), 0);
    assert.match((await logIn(imap, 'joe@example.jp', 'joe pw'))[0] ?? '', /^NO \[UNAVAILABLE\]/, log());
  });
});
