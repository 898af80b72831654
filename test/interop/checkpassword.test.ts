// Programs that call a checkpassword program call ours: Dovecot's checkpassword passdb, and tcpserver with what qmail-popup does.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { needs, needsRoot, programPath } from '../support/needs.js';
import { Pop3Client } from '../support/pop3-client.js';
import { freePort, waitForPort } from '../support/ports.js';
import { applyWrite, buildTree, loadRecording, newRoot, removeRoot } from '../support/recording.js';
import { vqmailProgram } from '../support/started-server.js';

const joe = '/home/vpopmail/domains/example.jp/joe';

interface Place {
  readonly root: string;
  /** A program that is `vchkpw` on the tree below root. */
  readonly vchkpw: string;
}

function place(t: TestContext): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording('vpopmail', 'login-pop3').before, root);
  const users = { '/etc/passwd': { text: 'vpopmail:x:6020:6020::/home/vpopmail:\n' } };
  applyWrite({ ...users, '/etc/group': { text: 'vchkpw:x:6020:\n' } }, root);
  writeFileSync(path.join(root, joe, 'Maildir/new/1.1.h'), 'Subject: hello\n\nHello.\n', { mode: 0o644 });
  const vchkpw = path.join(root, 'vchkpw');
  // Dovecot takes a changed uid only with INSECURE_SETUID, since it could be that of a user who may look into the process. It allows its auth process, and so its
  // children, 256 MB of address space: what install-tools --wrappers is for.
  const command = `${process.execPath} --jitless --no-expose-wasm ${vqmailProgram} --root ${root} vchkpw "$@"`;
  writeFileSync(vchkpw, `#!/bin/sh\nINSECURE_SETUID=1 exec ${command}\n`, { mode: 0o755 });
  return { root, vchkpw };
}

function dovecotConfiguration(run: string, log: string, port: number, { root, vchkpw }: Place): string {
  return `base_dir = ${run}
state_dir = ${run}
log_path = ${log}
protocols = pop3
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
disable_plaintext_auth = no
mail_location = maildir:${root}%h/Maildir
passdb {
  driver = checkpassword
  args = ${vchkpw}
}
userdb {
  driver = prefetch
}
service auth {
  user = root
}
service pop3-login {
  inet_listener pop3 {
    port = ${port}
  }
  inet_listener pop3s {
    port = 0
  }
}
`;
}

test('Dovecot lets in whom vchkpw lets in', async (t) => {
  if (!needs(t, 'dovecot') || !needsRoot(t)) return;
  const here = place(t);
  const folder = newRoot('vqmail-dovecot');
  mkdirSync(path.join(folder, 'run'));
  const [port, log] = [await freePort(), path.join(folder, 'log')];
  const config = path.join(folder, 'dovecot.conf');
  writeFileSync(config, dovecotConfiguration(path.join(folder, 'run'), log, port, here));
  const dovecot = spawn(programPath('dovecot') ?? 'dovecot', ['-F', '-c', config], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => dovecot.once('exit', () => resolve()));
  t.after(async () => {
    dovecot.kill('SIGTERM');
    await ended;
    removeRoot(folder);
  });
  await waitForPort(port, () => readFileSync(log, 'latin1'));
  const wrong = await Pop3Client.connect(port);
  t.after(() => wrong.destroy());
  assert.match(await wrong.logIn('joe@example.jp', 'wrong'), /^-ERR/);
  const client = await Pop3Client.connect(port);
  t.after(() => client.destroy());
  assert.match(await client.logIn('joe@example.jp', 'secret99'), /^\+OK/, readFileSync(log, 'latin1'));
  assert.match(await client.ask('STAT'), /^\+OK 1 /);
  assert.match(await client.ask('QUIT'), /^\+OK/);
  assert.match(readFileSync(path.join(here.root, joe, 'lastauth'), 'latin1'), /^127\.0\.0\.1$/);
});

/** What qmail-popup does: it reads USER and PASS, gives both to the checkpassword program on descriptor 3, and waits for its end. */
const popup = `
import os, sys
def line():
    out = b''
    while not out.endswith(b'\\n'):
        byte = os.read(0, 1)
        if not byte: sys.exit(1)
        out += byte
    return out.strip()
def say(text): os.write(1, text + b'\\r\\n')
say(b'+OK <1@popup>')
user = line().split(b' ', 1)[1]
say(b'+OK ')
password = line().split(b' ', 1)[1]
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.close(writing)
    os.dup2(reading, 3)
    os.set_inheritable(3, True)
    os.execv(sys.argv[1], sys.argv[1:])
os.close(reading)
os.write(writing, user + b'\\0' + password + b'\\0<1@popup>\\0')
os.close(writing)
_, status = os.waitpid(child, 0)
if status: say(b'-ERR authorization failed')
`;

/** A mail server that shows who it is. */
const server = `#!/bin/sh
printf '+OK %s in %s, from %s\\r\\n' "$USER" "$(pwd -P)" "$TCPREMOTEIP"
read line
printf '+OK you said %s\n' "$line"
`;

test('tcpserver, qmail-popup, vchkpw, and the server that it becomes', async (t) => {
  if (!needs(t, 'tcpserver', 'python3')) return;
  const here = place(t);
  const script = path.join(here.root, 'popup.py');
  writeFileSync(script, popup);
  writeFileSync(path.join(here.root, 'pop3d'), server, { mode: 0o755 });
  const port = await freePort();
  const args = ['-HRl0', '127.0.0.1', String(port), programPath('python3') ?? 'python3', script];
  const tcpserver = spawn('tcpserver', [...args, here.vchkpw, path.join(here.root, 'pop3d')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  t.after(() => {
    tcpserver.kill();
  });
  await waitForPort(port, () => '');
  const wrong = await Pop3Client.connect(port);
  t.after(() => wrong.destroy());
  assert.equal(await wrong.logIn('joe@example.jp', 'wrong'), '-ERR authorization failed\r\n');
  const client = await Pop3Client.connect(port);
  t.after(() => client.destroy());
  const place1 = path.join(here.root, joe);
  assert.equal(await client.logIn('joe@example.jp', 'secret99'), `+OK joe in ${place1}, from 127.0.0.1\r\n`);
  assert.equal(await client.ask('NOOP'), '+OK you said NOOP\r\n');
});
