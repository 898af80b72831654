// Debian's Dovecot as a POP3 or IMAP server for tests: configuration in a folder of its own, one account whose mail is in a given Maildir. Stopped by its pid when the test ends.
// Needs root, since its mail processes take the owner's uid.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { dovecotConfiguration } from './dovecot-configuration.js';
import { programPath } from './needs.js';
import { freePort, waitForPort } from './ports.js';
import { newRoot, removeRoot } from './recording.js';

export interface DovecotAccount {
  readonly user: string;
  readonly password: string;
  readonly maildir: string;
  readonly uid: number;
  readonly gid: number;
}

/** Starts it and gives the port. @param settings further lines of its configuration */
export async function startDovecot(
  t: TestContext,
  account: DovecotAccount,
  protocol: 'pop3' | 'imap' = 'pop3',
  settings = '',
): Promise<number> {
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
  writeFileSync(config, `${dovecotConfiguration({ run, log, users, port, protocol })}${settings}`);
  const running = await runDovecot(config, port, log);
  t.after(async () => {
    await running.stop();
    const trouble = readFileSync(log, 'latin1').match(/^.*(?:Warning|Error|Panic|Fatal): .*$/gm);
    if (trouble !== null) t.diagnostic(trouble.slice(0, 20).join('\n'));
    removeRoot(folder);
  });
  return port;
}

/** Starts it with a configuration file, whose log is at `log`, and waits until the port accepts. */
export async function runDovecot(config: string, port: number, log: string): Promise<{ stop(): Promise<void> }> {
  const child = spawn(programPath('dovecot') ?? 'dovecot', ['-F', '-c', config], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = (): Promise<void> => {
    child.kill('SIGTERM');
    return ended;
  };
  try {
    await waitForPort(port, () => readFileSync(log, 'latin1'));
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
