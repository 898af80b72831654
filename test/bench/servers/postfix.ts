// Debian's Postfix with a configuration, queue and ports of its own, delivering into virtual Maildirs with its own delivery agent.
//
// Everything that decides the speed is as shipped: process limits, concurrency, in_flow_delay, fsync of queue file and Maildir file. Changed is only: no chroot (upstream's
// default), no name look-ups of clients (there is no name server on loopback), no limit on message size. It logs to syslog if there is one.
// Needs root.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programPath } from '../../support/needs.js';
import { freePort, waitForPort } from '../../support/ports.js';
import { makeMaildir } from './maildirs.js';
import { accountNames, mailDomain, type SmtpServerUnderTest } from './smtp-server-under-test.js';
import { mailOwner, type Workplace } from './workplace.js';

export interface PostfixOptions {
  /** The domains to serve, `d0` to `dN`, each with `accountsPerDomain` accounts. */
  readonly domains: number;
  readonly accountsPerDomain: number;
  /** Lines of main.cf and master.cf besides those that every benchmark has. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly services?: readonly string[];
}

const services = [
  'pickup unix n - n 60 1 pickup',
  'cleanup unix n - n - 0 cleanup',
  'qmgr unix n - n 300 1 qmgr',
  'rewrite unix - - n - - trivial-rewrite',
  'bounce unix - - n - 0 bounce',
  'defer unix - - n - 0 bounce',
  'trace unix - - n - 0 bounce',
  'verify unix - - n - 1 verify',
  'flush unix n - n 1000? 0 flush',
  'proxymap unix - - n - - proxymap',
  'proxywrite unix - - n - 1 proxymap',
  'showq unix n - n - - showq',
  'error unix - - n - - error',
  'retry unix - - n - - error',
  'discard unix - - n - - discard',
  'virtual unix - n n - - virtual',
  'anvil unix - - n - 1 anvil',
  'tlsmgr unix - - n 1000? 1 tlsmgr',
];

/** Whether this machine and user can run it. */
export function postfixIsThere(): boolean {
  return process.getuid?.() === 0 && programPath('postfix') !== undefined && programPath('master') !== undefined;
}

export async function startPostfix(
  workplace: Workplace,
  name: string,
  options: PostfixOptions,
): Promise<SmtpServerUnderTest> {
  const configuration = workplace.path(name, 'etc');
  const queue = workplace.path(name, 'queue');
  const port = await freePort();
  writeConfiguration(workplace, name, options);
  workplace.write(
    path.join(configuration, 'master.cf'),
    [`127.0.0.1:${port} inet n - n - - smtpd`, ...services, ...(options.services ?? []), ''].join('\n'),
  );
  for (const file of ['mailboxes', 'domains'])
    execFileSync(programPath('postmap') ?? '', [`hash:${configuration}/${file}`]);
  fs.mkdirSync(queue, { recursive: true });
  // Makes the directories of the queue.
  execFileSync(programPath('postfix') ?? '', ['-c', configuration, 'check'], { stdio: 'pipe' });
  const { started } = workplace.start(name, programPath('master') ?? '', ['-d', '-c', configuration]);
  await waitForPort(port, () => workplace.log(name));
  return {
    name: 'Postfix',
    ...started,
    port,
    recipients: accountNames.map((account) => `${account}@${mailDomain}`),
    maildirs: accountNames.map((account) => workplace.path(name, 'mail', mailDomain, account, 'Maildir')),
    drained: () => drained(queue),
  };
}

function writeConfiguration(workplace: Workplace, name: string, options: PostfixOptions): void {
  const { domains, accountsPerDomain } = options;
  const configuration = workplace.path(name, 'etc');
  const data = workplace.path(name, 'data');
  const settings = {
    compatibility_level: '3.6',
    queue_directory: workplace.path(name, 'queue'),
    data_directory: data,
    myhostname: 'mx.bench.example',
    mydestination: '',
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    mynetworks: '127.0.0.0/8',
    alias_maps: '',
    alias_database: '',
    virtual_mailbox_domains: `hash:${configuration}/domains`,
    virtual_mailbox_maps: `hash:${configuration}/mailboxes`,
    virtual_mailbox_base: workplace.path(name, 'mail'),
    virtual_uid_maps: `static:${mailOwner.uid}`,
    virtual_gid_maps: `static:${mailOwner.gid}`,
    virtual_minimum_uid: '1',
    virtual_mailbox_limit: '0',
    message_size_limit: '0',
    smtpd_peername_lookup: 'no',
    disable_dns_lookups: 'yes',
    smtpd_relay_restrictions: 'permit_mynetworks defer_unauth_destination',
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
  workplace.write(path.join(configuration, 'main.cf'), lines.join(''));
  fs.mkdirSync(data, { recursive: true });
  execFileSync('chown', ['postfix', data]);
  const domainNames = Array.from({ length: domains }, (_, number) => `d${number}.bench.example`);
  workplace.write(path.join(configuration, 'domains'), domainNames.map((domain) => `${domain} ok\n`).join(''));
  const mailboxes = domainNames.flatMap((domain) =>
    accountNames.slice(0, accountsPerDomain).map((user) => `${user}@${domain} ${domain}/${user}/Maildir/\n`),
  );
  workplace.write(path.join(configuration, 'mailboxes'), mailboxes.join(''));
  workplace.makeMailDirectory(workplace.path(name, 'mail'));
  workplace.makeMailDirectory(workplace.path(name, 'mail', mailDomain));
  for (const user of accountNames) makeMaildir(workplace.path(name, 'mail', mailDomain, user, 'Maildir'));
}

/** The queue is empty: nothing arrives, nothing is on its way. @throws Error when a delivery was deferred */
async function drained(queue: string): Promise<void> {
  const entries = (name: string): number => fs.readdirSync(path.join(queue, name)).length;
  while (entries('incoming') + entries('active') > 0) await sleep(10);
  if (entries('deferred') > 0) throw new Error('Postfix deferred a message');
}
