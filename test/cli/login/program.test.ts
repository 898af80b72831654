// The program that takes vchkpw's place: a real process, looked at from the inside. And the system's log, as a syslog daemon would hear it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { openSystemLog } from '../../../src/files/native/system-log.js';
import { needs } from '../../support/needs.js';
import { applyWrite, buildTree, loadRecording, newRoot, removeRoot } from '../../support/recording.js';
import { vqmailProgram } from '../../support/started-server.js';
import { runToolProgram } from '../../support/tool-program.js';

const isRoot = process.getuid?.() === 0;
const env = { PATH: process.env.PATH ?? '', TCPLOCALPORT: '110', TCPREMOTEIP: '10.1.2.3' };
const fd3 = 'joe@example.jp\0secret99\0<1@x>\0';
const joe = '/home/vpopmail/domains/example.jp/joe';

function tree(t: TestContext): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording('vpopmail', 'login-pop3').before, root);
  const users = { '/etc/passwd': { text: 'vpopmail:x:6020:6020::/home/vpopmail:\n' } };
  applyWrite({ ...users, '/etc/group': { text: 'vchkpw:x:6020:\n' } }, root);
  return root;
}

test('it has the account’s directory, owner and environment', async (t) => {
  const root = tree(t);
  const script = 'pwd -P; id -u; id -g; id -G; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^PATH= | LC_ALL=C sort';
  const { status, stdout, stderr } = await runToolProgram(root, ['vchkpw', '/bin/sh', '-c', script], { env, fd3 });
  assert.deepEqual([status, stderr], [0, '']);
  const [me, group] = isRoot ? [6020, 6020] : [process.getuid?.(), process.getgid?.()];
  const [directory, uid, gid, groups, ...variables] = stdout.trimEnd().split('\n');
  assert.deepEqual([directory, uid, gid], [path.join(root, joe), String(me), String(group)]);
  if (isRoot) assert.equal(groups, '6020', 'no other group of root’s');
  assert.deepEqual(variables, [
    `HOME=${joe}`,
    'SHELL=NOLOGIN',
    'TCPLOCALPORT=110',
    'TCPREMOTEIP=10.1.2.3',
    'USER=joe',
    'VPOPUSER=joe@example.jp',
  ]);
});

test('it is the same process, and its end is the end', async (t) => {
  const root = tree(t);
  const ended = async (script: string): Promise<number | string> =>
    (await runToolProgram(root, ['vchkpw', '/bin/sh', '-c', script], { env, fd3 })).status;
  assert.equal(await ended('exit 7'), 7);
  assert.equal(await ended('kill -TERM $$'), 'SIGTERM');
  const { stdout } = await runToolProgram(root, ['vchkpw', '/bin/sh', '-c', 'tr "\\0" " " </proc/$$/cmdline'], {
    env,
    fd3,
  });
  assert.match(stdout, /^\/bin\/sh -c /, 'there is no node around it');
});

test('nothing of node is left in it: signals, descriptors, waiting reads', async (t) => {
  if (!existsSync('/proc/self/status')) return t.skip('needs /proc');
  const root = tree(t);
  const script = 'grep -E "^Sig(Blk|Ign)" /proc/self/status; ls -l /proc/self/fd; grep ^flags /proc/self/fdinfo/[012]';
  const { status, stdout } = await runToolProgram(root, ['vchkpw', '/bin/sh', '-c', script], { env, fd3 });
  assert.equal(status, 0);
  assert.deepEqual(stdout.match(/^Sig.*$/gm), ['SigBlk:\t0000000000000000', 'SigIgn:\t0000000000000000']);
  assert.doesNotMatch(stdout, /anon_inode/);
  assert.match(stdout, / 3 -> \/proc\/\d+\/fd$/m, 'that of the listing: the caller’s descriptor 3 is closed');
  const nonblocking = 0o4000;
  for (const [, flags = ''] of stdout.matchAll(/flags:\s*(\d+)/g))
    assert.equal(Number.parseInt(flags, 8) & nonblocking, 0);
});

test('input that was sent ahead is the program’s, and so are descriptors that the caller opened', async (t) => {
  const root = tree(t);
  const folder = newRoot();
  t.after(() => removeRoot(folder));
  writeFileSync(path.join(folder, '3'), fd3);
  const [three, four] = [openSync(path.join(folder, '3'), 'r'), openSync(path.join(folder, '4'), 'w')];
  const child = spawn(
    process.execPath,
    [vqmailProgram, '--root', root, 'vchkpw', '/bin/sh', '-c', 'cat; echo four >&4'],
    { env, stdio: ['pipe', 'pipe', 'inherit', three, four] },
  );
  closeSync(three);
  closeSync(four);
  child.stdin?.end('STAT\r\nQUIT\r\n');
  let output = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    output += bytes.toString('latin1');
  });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0);
  assert.equal(output, 'STAT\r\nQUIT\r\n');
  assert.equal(readFileSync(path.join(folder, '4'), 'latin1'), 'four\n', 'Dovecot’s checkpassword-reply answers there');
});

test('a program without a slash is looked for in PATH; a script without #! is given to sh', async (t) => {
  const root = tree(t);
  const folder = newRoot();
  t.after(() => removeRoot(folder));
  writeFileSync(path.join(folder, 'plain'), 'echo "ran with $1"\n', { mode: 0o755 });
  const found = await runToolProgram(root, ['vchkpw', 'plain', 'x'], {
    env: { ...env, PATH: `/nonexistent:${folder}:${env.PATH}` },
    fd3,
  });
  assert.deepEqual([found.status, found.stdout], [0, 'ran with x\n']);
  writeFileSync(path.join(folder, 'closed'), '', { mode: 0o644 });
  for (const [program, why] of [
    ['nosuchprogram', 'file does not exist'],
    ['/nonexistent/qmail-pop3d', 'file does not exist'],
    [path.join(folder, 'closed'), 'access denied'],
  ] as const) {
    const { status, stderr } = await runToolProgram(root, ['vchkpw', program], { env: { ...env, PATH: folder }, fd3 });
    assert.deepEqual([status, stderr], [111, `vchkpw: unable to run ${program}: ${why}\n`]);
  }
});

test('environment and arguments are bytes', async (t) => {
  const root = tree(t);
  const script = 'printf %s "$X$0" | od -An -tx1';
  const child = spawn(
    '/bin/sh',
    ['-c', `X=$(printf '\\351') exec "$@" "$(printf 'z\\377')"`, 'sh', process.execPath, vqmailProgram].concat([
      '--root',
      root,
      'vchkpw',
      '/bin/sh',
      '-c',
      script,
    ]),
    { env, stdio: ['ignore', 'pipe', 'inherit', openSync(fileWith(t, fd3), 'r')] },
  );
  let output = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    output += bytes.toString('latin1');
  });
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0);
  assert.equal(output.trim(), 'e9 7a ff');
});

function fileWith(t: TestContext, text: string): string {
  const folder = newRoot();
  t.after(() => removeRoot(folder));
  writeFileSync(path.join(folder, 'file'), text);
  return path.join(folder, 'file');
}

const listener = `
import socket, sys, os
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('ready', flush=True)
s.settimeout(10)
for _ in range(2): print(s.recv(2000).decode('latin1'), flush=True)
`;

test('the system’s log hears a datagram for each line', async (t) => {
  if (!needs(t, 'python3')) return;
  const folder = newRoot();
  t.after(() => removeRoot(folder));
  const socket = path.join(folder, 'log');
  const python = spawn('python3', ['-c', listener, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const ended = new Promise((resolve) => python.once('close', resolve));
  await new Promise<void>((resolve) => {
    python.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString('latin1');
      if (output.startsWith('ready\n')) resolve();
    });
  });
  const log = openSystemLog('vpopmail', socket);
  log.notice('vchkpw-pop3: password fail joe@example.jp:192.0.2.9');
  log.notice('another');
  await ended;
  const stamp = /^<21>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d vpopmail\[\d+\]: /;
  const lines = output.trimEnd().split('\n').slice(1);
  for (const line of lines) assert.match(line, stamp);
  assert.deepEqual(
    lines.map((line) => line.replace(stamp, '')),
    ['vchkpw-pop3: password fail joe@example.jp:192.0.2.9', 'another'],
  );
  openSystemLog('vpopmail', path.join(folder, 'nobody')).notice('nobody listens, and nothing happens');
});
