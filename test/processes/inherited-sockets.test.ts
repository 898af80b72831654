// Sockets that systemd opens: a stand-in for it holds them and starts the daemon, twice. Whoever connects while no daemon runs is served by the next one.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { AuthClient } from '../support/auth-client.js';
import { needs } from '../support/needs.js';
import { SmtpClient } from '../support/smtp-client.js';
import { startServer, vqmailProgram } from '../support/started-server.js';
import { VpopmailHost } from '../support/vpopmail-host.js';

/** Opens a unix socket and a TCP port, starts the program with them, and once more when it has ended and a line came in. */
const standIn = `
import os, socket, sys
unix = socket.socket(socket.AF_UNIX)
unix.bind(sys.argv[1])
unix.listen(100)
tcp = socket.socket()
tcp.bind(('127.0.0.1', 0))
tcp.listen(100)
print('port', tcp.getsockname()[1], flush=True)
for _ in range(2):
    pid = os.fork()
    if pid == 0:
        a, b = os.dup(unix.fileno()), os.dup(tcp.fileno())
        os.dup2(a, 3)
        os.dup2(b, 4)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2', LISTEN_FDNAMES='auth:smtp')
        os.execv(sys.argv[2], sys.argv[2:])
    print('pid', pid, flush=True)
    os.waitpid(pid, 0)
    print('ended', flush=True)
    sys.stdin.readline()
`;

test('a unix socket and a port of systemd, across a restart', async (t) => {
  if (!needs(t, 'python3')) return;
  const files = new VpopmailHost(t);
  files.domain('example.jp', {});
  files.logins('example.jp', { joe: { password: 'joe pw' } });
  const socket = path.join(files.root, 'auth');
  const listen = ['--listen', 'auth=systemd:auth', '--listen', 'smtp=systemd:smtp'];
  const serve = [process.execPath, vqmailProgram, 'serve', '--root', files.root, '--workers', '1', ...listen];
  const system = spawn('python3', ['-c', standIn, socket, ...serve], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: system.stdout })[Symbol.asyncIterator]();
  const next = async (word: string): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`no ${word}`);
      if (value.startsWith(`${word} `) || value === word) return value.slice(word.length + 1);
    }
  };
  let pid = 0;
  t.after(async () => {
    if (pid > 0) process.kill(pid, 'SIGKILL');
    system.kill('SIGKILL');
    if (system.exitCode === null && system.signalCode === null) await once(system, 'exit');
  });

  const port = Number(await next('port'));
  pid = Number(await next('pid'));
  assert.equal(await next('ready'), `auth=systemd:auth smtp=127.0.0.1:${port}`);
  const { client } = await AuthClient.greeted(socket);
  assert.equal(await client.login(1, 'PLAIN', 'joe@example.jp', 'joe pw'), 'OK\t1\tuser=joe@example.jp');
  process.kill(pid, 'SIGTERM');
  await next('ended');
  pid = 0;
  assert.equal(await client.line(), undefined);
  client.destroy();

  const waiting = AuthClient.greeted(socket);
  const mail = SmtpClient.connect(port);
  system.stdin.write('\n');
  pid = Number(await next('pid'));
  const { client: patient } = await waiting;
  assert.equal(await patient.login(1, 'PLAIN', 'joe@example.jp', 'joe pw'), 'OK\t1\tuser=joe@example.jp');
  patient.destroy();
  const smtp = await mail;
  assert.match((await smtp.reply()) ?? '', /^220 /);
  smtp.destroy();
});

test('a socket that nobody has passed is told of', async (t) => {
  const files = new VpopmailHost(t);
  const serve = ['--root', files.root, '--workers', '0', '--listen', 'auth=systemd:auth'];
  await assert.rejects(
    startServer(serve),
    /auth=systemd:auth|systemd has passed no socket; a socket unit with FileDescriptorName=auth/,
  );
  const others = { LISTEN_PID: '1', LISTEN_FDS: '1', LISTEN_FDNAMES: 'auth' };
  await assert.rejects(startServer(serve, others), /systemd has passed no socket/);
});
