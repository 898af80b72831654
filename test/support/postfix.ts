// A Postfix of its own for a test: everything in one folder, a free port on loopback, stopped by its master's process id. The machine's own Postfix, if it
// has one, is not touched.

import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SystemAccounts } from '../../src/files/accounts.js';
import { Layout } from '../../src/layout.js';
import { programPath } from './needs.js';
import { freePort } from './ports.js';
import { run } from './program.js';
import { newRoot, removeRoot } from './recording.js';

export interface RunningPostfix {
  readonly port: number;
  /** Its configuration, for `postmap -c`. */
  readonly config: string;
  /** Where its processes stand, chrooted or not. */
  readonly queueDirectory: string;
  log(): string;
  /** What `postqueue -p` says. */
  queue(): Promise<string>;
  /** Tries everything that is deferred again. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export interface PostfixOptions {
  /** Whether smtpd, trivial-rewrite, smtp and lmtp are chrooted, as Debian has them. */
  readonly chroot?: boolean;
  /** Further lines of master.cf. */
  readonly services?: readonly string[];
  /** Where its configuration is; below its own folder unless given. */
  readonly config?: string;
  /** Its port; a free one unless given. */
  readonly port?: number;
}

/**
 * Starts it.
 * @param settings lines of main.cf
 * @param transport lines of the transport map
 */
export async function startPostfix(
  settings: readonly string[],
  transport: readonly string[],
  { chroot = false, services = [], ...places }: PostfixOptions = {},
): Promise<RunningPostfix> {
  const folder = newRoot('vqmail-postfix');
  const port = places.port ?? (await freePort());
  const config = places.config ?? path.join(folder, 'config');
  const data = path.join(folder, 'data');
  mkdirSync(config, { recursive: true });
  mkdirSync(path.join(folder, 'queue'));
  mkdirSync(data);
  const owner = new SystemAccounts(new Layout()).user('postfix');
  if (owner !== undefined) chownSync(data, owner.uid, owner.gid);
  // Each once: warnings of every process would be in the log, and postlogd waits for itself when it has one while others write.
  const lines = new Map([...mainSettings(folder, config), ...settings].map((line) => [line.split(/\s*=/, 1)[0], line]));
  writeFileSync(path.join(config, 'main.cf'), `${[...lines.values()].join('\n')}\n`);
  writeFileSync(path.join(config, 'transport'), `${transport.join('\n')}\n`);
  writeFileSync(
    path.join(config, 'master.cf'),
    `${masterServices(port, chroot ? 'y' : 'n')}${services.map((line) => `${line}\n`).join('')}`,
  );
  const started = await run(['postfix', '-c', config, 'start']);
  const log = (): string =>
    existsSync(path.join(folder, 'log')) ? readFileSync(path.join(folder, 'log'), 'utf8') : '';
  if (started.status !== 0) throw new Error(`postfix did not start: ${started.stderr}${log()}`);
  const pid = Number(readFileSync(path.join(folder, 'queue/pid/master.pid'), 'utf8'));
  return {
    port,
    config,
    queueDirectory: path.join(folder, 'queue'),
    log,
    queue: async () => (await run(['postqueue', '-c', config, '-p'])).stdout,
    flush: async () => void (await run(['postqueue', '-c', config, '-f'])),
    stop: async () => {
      await stopMaster(pid);
      removeRoot(folder);
    },
  };
}

function mainSettings(folder: string, config: string): string[] {
  return [
    'compatibility_level = 3.6',
    `queue_directory = ${folder}/queue`,
    `data_directory = ${folder}/data`,
    `command_directory = ${path.dirname(programPath('postfix') ?? '/usr/sbin/postfix')}`,
    'daemon_directory = /usr/lib/postfix/sbin',
    'shlib_directory = /usr/lib/postfix',
    'mail_owner = postfix',
    'setgid_group = postdrop',
    `maillog_file = ${folder}/log`,
    `maillog_file_prefixes = ${folder}`,
    'inet_interfaces = 127.0.0.1',
    'inet_protocols = ipv4',
    'smtp_host_lookup = native',
    'smtp_dns_support_level = disabled',
    'myhostname = front.example',
    'mydestination =',
    'mynetworks = 127.0.0.0/8',
    'alias_maps =',
    'smtpd_banner = front.example ESMTP',
    `transport_maps = texthash:${config}/transport`,
    'minimal_backoff_time = 1s',
    'maximal_backoff_time = 2s',
    'queue_run_delay = 1s',
  ];
}

function masterServices(port: number, chroot: 'y' | 'n'): string {
  const services = [
    `127.0.0.1:${port} inet n - ${chroot} - - smtpd`,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 1 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    `rewrite unix - - ${chroot} - - trivial-rewrite`,
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify',
    'flush unix n - n 1000? 0 flush',
    'proxymap unix - - n - - proxymap',
    `smtp unix - - ${chroot} - - smtp`,
    `relay unix - - ${chroot} - - smtp`,
    `lmtp unix - - ${chroot} - - lmtp`,
    'showq unix n - n - - showq',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'discard unix - - n - - discard',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'postlog unix-dgram n - n - 1 postlogd',
  ];
  return `${services.join('\n')}\n`;
}

async function stopMaster(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  for (let i = 0; i < 500; i++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(20);
  }
}
