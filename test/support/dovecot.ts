// Debian's Dovecot as a POP3 server for tests: configuration in a folder of its own, one account whose mail is in a given Maildir. Stopped by its pid when the test ends.
// Needs root, since its mail processes take the owner's uid.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { programPath } from './needs.js';
import { newRoot, removeRoot } from './recording.js';

export interface DovecotAccount {
  readonly user: string;
  readonly password: string;
  readonly maildir: string;
  readonly uid: number;
  readonly gid: number;
}

/** Starts it and gives the port. */
export async function startDovecot(t: TestContext, account: DovecotAccount): Promise<number> {
  const folder = newRoot('vqmail-dovecot');
  const port = await freePort();
  const run = path.join(folder, 'run');
  mkdirSync(run);
  const { user, password, maildir, uid, gid } = account;
  const users = path.join(folder, 'users');
  writeFileSync(
    users,
    `${user}:{PLAIN}${password}:${uid}:${gid}::${path.dirname(maildir)}::userdb_mail=maildir:${maildir}\n`,
  );
  const config = path.join(folder, 'dovecot.conf');
  const log = path.join(folder, 'log');
  writeFileSync(
    config,
    `base_dir = ${run}
state_dir = ${run}
log_path = ${log}
protocols = pop3
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
mail_max_userip_connections = 0
login_trusted_networks = 127.0.0.0/8
disable_plaintext_auth = no
passdb {
  driver = passwd-file
  args = ${users}
}
userdb {
  driver = passwd-file
  args = ${users}
}
service pop3-login {
  inet_listener pop3 {
    port = ${port}
  }
  inet_listener pop3s {
    port = 0
  }
}
`,
  );
  const child = spawn(programPath('dovecot') ?? 'dovecot', ['-F', '-c', config], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
    removeRoot(folder);
  });
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`dovecot has ended: ${readFileSync(log, 'latin1')}`);
    await sleep(50);
  }
  return port;
}

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return address !== null && typeof address === 'object' ? address.port : 0;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
