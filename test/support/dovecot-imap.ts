// Debian's Dovecot as an IMAP server on a pipe: a session that is logged in from the start, on a given Maildir, run as its owner.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { programPath } from './needs.js';

/**
 * Runs commands one after the other in one session and gives its output.
 * @param maildir in a folder of the test's own; owned by `owner`
 * @param commands with a tag each, without their line ends; literals as `{n+}`
 */
export async function dovecotAnswers(
  maildir: string,
  owner: { readonly uid: number; readonly gid: number },
  commands: readonly (string | Buffer)[],
): Promise<Buffer> {
  const home = path.dirname(maildir);
  const config = path.join(home, 'dovecot-imap.conf');
  writeFileSync(
    config,
    `base_dir = ${home}\nstate_dir = ${home}\nlog_path = /dev/stderr\nssl = no\nfirst_valid_uid = 1\nmail_location = maildir:${maildir}\n`,
  );
  const child = spawn(programPath('doveadm') ?? 'doveadm', ['-c', config, 'exec', 'imap'], {
    env: { HOME: home, USER: 'test', PATH: process.env.PATH ?? '', TZ: 'UTC' },
    stdio: ['pipe', 'pipe', 'ignore'],
    ...(process.getuid?.() === 0 ? owner : {}),
  });
  const pieces: Buffer[] = [];
  let sent = 0;
  const next = (): void => {
    const command = commands[sent++] ?? 'logout LOGOUT';
    child.stdin.write(Buffer.concat([Buffer.from(command), Buffer.from('\r\n')]));
  };
  child.stdin.on('error', () => {});
  child.stdout.on('data', (piece: Buffer) => {
    pieces.push(piece);
    // The next command goes out when the answer to the last one is complete, since Dovecot answers some commands side by side.
    const tag = sent === 0 ? '* PREAUTH' : String(commands[sent - 1] ?? '').split(' ')[0];
    if (sent <= commands.length && endsWithAnswer(pieces, tag ?? '')) next();
  });
  await once(child, 'close');
  return Buffer.concat(pieces);
}

function endsWithAnswer(pieces: Buffer[], tag: string): boolean {
  if (pieces.length > 1) pieces.splice(0, pieces.length, Buffer.concat(pieces));
  const all = pieces[0] ?? Buffer.alloc(0);
  if (all.at(-1) !== 0x0a) return false;
  const start = all.lastIndexOf('\r\n', all.length - 3);
  const line = all.toString('latin1', start < 0 ? 0 : start + 2);
  return line.startsWith(`${tag} `);
}
