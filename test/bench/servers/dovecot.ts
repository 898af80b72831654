// Debian's Dovecot as a POP3 server with a configuration and ports of its own: accounts from a passwd-file with the same hashes, mail in Maildirs.
//
// All as shipped except limits that would throttle one busy client (connections per user and address, processes). Three ways to run its login and mail processes:
//   default           each login has a fresh pop3-login process, each session a fresh pop3 process (`service_count = 1`, the safest)
//   high-performance  `service pop3-login { service_count = 0 }`: login processes stay, one a core; sessions still have a process each
//   reused            high-performance, and a pop3 process serves up to 1000 sessions one after another, as users of one uid allow
// Needs root.

import fs from 'node:fs';
import os from 'node:os';
import { dovecotConfiguration } from '../../support/dovecot-configuration.js';
import { programPath } from '../../support/needs.js';
import { freePort, waitForPort } from '../../support/ports.js';
import { mailOwner, type Started, type Workplace } from './workplace.js';

export const dovecotModes = ['default', 'high-performance', 'reused'] as const;
export type DovecotMode = (typeof dovecotModes)[number];

export interface DovecotAccount {
  readonly user: string;
  readonly hash: string;
  readonly maildir: string;
}

export interface StartedDovecot extends Started {
  readonly port: number;
  /** 0 without TLS. */
  readonly tlsPort: number;
  /** undefined where Dovecot has no submission server. */
  readonly submissionPort: number | undefined;
}

export interface DovecotOptions {
  /** Of its folder. */
  readonly name: string;
  /** For pop3s. */
  readonly files: { readonly certificate: string; readonly key: string };
  /** Where it answers front ends, a path. */
  readonly authPath: string;
  /** Where its submission server finds the mail server that it stands in front of: it connects to that as soon as a user has logged in. */
  readonly relayPort: number;
  /** Whether it keeps what it found out about accounts. */
  readonly isCached: boolean;
}

/** Whether this machine and user can run it. */
export function dovecotIsThere(): boolean {
  return process.getuid?.() === 0 && programPath('dovecot') !== undefined;
}

/** Whether its submission server is installed (Debian's dovecot-submissiond). */
export function dovecotSubmissionIsThere(): boolean {
  return fs.existsSync('/usr/lib/dovecot/submission-login');
}

const loginService: Record<DovecotMode, string> = {
  default: 'process_limit = 1000',
  'high-performance': `service_count = 0\n  process_min_avail = ${os.availableParallelism()}`,
  reused: `service_count = 0\n  process_min_avail = ${os.availableParallelism()}`,
};

const mailService: Record<DovecotMode, string> = {
  default: 'process_limit = 1000',
  'high-performance': 'process_limit = 1000',
  reused: 'process_limit = 1000\n  service_count = 1000',
};

export async function startDovecot(
  workplace: Workplace,
  mode: DovecotMode,
  accounts: readonly DovecotAccount[],
  options?: DovecotOptions,
): Promise<StartedDovecot> {
  const name = options?.name ?? `dovecot-${mode}`;
  const port = await freePort();
  const tlsPort = options === undefined ? 0 : await freePort();
  const { uid, gid } = mailOwner;
  const users = accounts.map(
    ({ user, hash, maildir }) => `${user}:{CRYPT}${hash}:${uid}:${gid}::${maildir}::userdb_mail=maildir:${maildir}\n`,
  );
  const passwdFile = workplace.write(workplace.path(name, 'users'), users.join(''));
  const base = workplace.path(name, 'run');
  fs.mkdirSync(base, { recursive: true });
  const places = { run: base, log: workplace.path(name, 'log'), users: passwdFile, port };
  const configuration = dovecotConfiguration(places, loginService[mode], mailService[mode]);
  const submissionPort = options !== undefined && dovecotSubmissionIsThere() ? await freePort() : undefined;
  const ofSubmission =
    submissionPort === undefined ? '' : submissionSettings(mode, submissionPort, options?.relayPort ?? 0);
  const more = options === undefined ? '' : furtherSettings(options, tlsPort) + ofSubmission;
  const file = workplace.write(workplace.path(name, 'dovecot.conf'), configuration + more);
  const { started } = workplace.start(name, programPath('dovecot') ?? '', ['-F', '-c', file]);
  await waitForPort(port, () => workplace.log(name) + fs.readFileSync(workplace.path(name, 'log'), 'latin1'));
  if (submissionPort !== undefined) await waitForPort(submissionPort, () => workplace.log(name));
  return { ...started, port, tlsPort, submissionPort };
}

function furtherSettings({ files, authPath, isCached }: DovecotOptions, tlsPort: number): string {
  return `ssl = yes
ssl_cert = <${files.certificate}
ssl_key = <${files.key}
auth_mechanisms = plain login
${isCached ? 'auth_cache_size = 10M\n' : ''}service pop3-login {
  inet_listener pop3s {
    port = ${tlsPort}
    ssl = yes
  }
}
service auth {
  unix_listener ${authPath} {
    mode = 0666
  }
}
`;
}

function submissionSettings(mode: DovecotMode, port: number, relayPort: number): string {
  return `protocols = pop3 submission
hostname = mx.bench.example
submission_relay_host = 127.0.0.1
submission_relay_port = ${relayPort}
service submission-login {
  inet_listener submission {
    port = ${port}
  }
  ${loginService[mode]}
}
service submission {
  ${mailService[mode]}
}
`;
}
