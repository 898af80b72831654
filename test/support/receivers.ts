// Mail servers of others that take mail on loopback for a test, and pass all of it to an SMTP sink: Postfix, Exim, OpenSMTPD.
//
// Debian's packages of them exclude each other. Postfix is installed; .ci/run unpacks the other two into `place` without installing them. They find their users and spool directories by
// names that are compiled in, so each runs in a mount namespace of its own, where those names lead into the test's folder. That needs root. Everything is stopped by process id.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { freePort, waitForPort } from './ports.js';
import { startPostfix } from './postfix.js';
import { newRoot, removeRoot } from './recording.js';

const place = '/opt/vqmail-receivers';

export interface Receiver {
  readonly port: number;
  log(): string;
  stop(): Promise<void>;
}

export interface ReceiverOptions {
  /** Where everything is passed on to. */
  readonly sinkPort: number;
  /** PEM of a certificate and its key: STARTTLS is offered. */
  readonly pem?: string;
}

export type ReceiverName = 'postfix' | 'exim' | 'opensmtpd';

/** What each of them needs on this machine. */
export const receiverPrograms: Readonly<Record<ReceiverName, readonly string[]>> = {
  postfix: ['postfix'],
  exim: [`${place}/usr/sbin/exim4`, 'unshare'],
  opensmtpd: [`${place}/usr/sbin/smtpd`, 'unshare'],
};

/**
 * Starts one. All three say no for good (5xx) and not now (4xx) at each stage: to clients at 127.0.0.21 and 127.0.0.22 instead of a greeting, to the names `refuse-helo.example` and
 * `defer-helo.example`, to the senders `refuse-mail@b.example`, `refuse-data@` at DATA, `refuse-end@` behind the message, and `defer-...@` likewise, and to the recipients
 * `refused@remote.example` and `deferred@`. Postfix and Exim answer MAIL of `slow@b.example` after two seconds.
 */
export function startReceiver(name: ReceiverName, options: ReceiverOptions): Promise<Receiver> {
  return { postfix: startPostfixReceiver, exim: startExim, opensmtpd: startOpenSmtpd }[name](options);
}

async function startPostfixReceiver({ sinkPort, pem }: ReceiverOptions): Promise<Receiver> {
  const folder = newRoot('vqmail-receiver');
  const map = (name: string, lines: readonly string[]): string => {
    writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`);
    return `texthash:${folder}/${name}`;
  };
  const clients = map('clients', ['127.0.0.21 554 5.7.1 not you', '127.0.0.22 450 4.7.1 not now']);
  const helos = map('helos', ['refuse-helo.example 550 5.7.1 no such host', 'defer-helo.example 450 4.7.1 not now']);
  const senders = map('senders', [
    'refuse-mail@b.example 550 5.7.1 not you',
    'defer-mail@b.example 450 4.7.1 not now',
    'slow@b.example sleep 2',
  ]);
  const recipients = map('recipients', [
    'refused@remote.example 550 5.1.1 nobody',
    'deferred@remote.example 450 4.2.0 greylisted',
  ]);
  const data = map('data', ['refuse-data@b.example 554 5.7.1 no data', 'defer-data@b.example 450 4.7.1 not now']);
  const end = map('end', ['refuse-end@b.example 554 5.7.1 no message', 'defer-end@b.example 450 4.7.1 not now']);
  if (pem !== undefined) writeFileSync(path.join(folder, 'pem'), pem);
  const postfix = await startPostfix(
    [
      'smtpd_delay_reject = no',
      `smtpd_client_restrictions = check_client_access ${clients}`,
      `smtpd_helo_restrictions = check_helo_access ${helos}`,
      `smtpd_sender_restrictions = check_sender_access ${senders}`,
      `smtpd_recipient_restrictions = check_recipient_access ${recipients}, permit_mynetworks, reject`,
      `smtpd_data_restrictions = check_sender_access ${data}`,
      `smtpd_end_of_data_restrictions = check_sender_access ${end}`,
      ...(pem === undefined ? [] : ['smtpd_tls_security_level = may', `smtpd_tls_chain_files = ${folder}/pem`]),
    ],
    [`remote.example smtp:[127.0.0.1]:${sinkPort}`],
  );
  const stop = async (): Promise<void> => {
    await postfix.stop();
    removeRoot(folder);
  };
  return { port: postfix.port, log: postfix.log, stop };
}

async function startExim({ sinkPort, pem }: ReceiverOptions): Promise<Receiver> {
  const folder = namespaceFolder(['Debian-exim']);
  const port = await freePort();
  for (const name of ['spool', 'log']) {
    mkdirSync(path.join(folder, name));
    chownSync(path.join(folder, name), firstUid, firstUid);
  }
  if (pem !== undefined) {
    writeFileSync(path.join(folder, 'pem'), pem);
    chownSync(path.join(folder, 'pem'), firstUid, firstUid);
  }
  writeFileSync(path.join(folder, 'exim.conf'), eximConfiguration(folder, port, sinkPort, pem !== undefined));
  const argv = [`${place}/usr/sbin/exim4`, '-C', `${folder}/exim.conf`, '-bdf'];
  return startInNamespace(folder, [], argv, port);
}

function eximConfiguration(folder: string, port: number, sinkPort: number, hasTls: boolean): string {
  return `
primary_hostname = mx.remote.example
exim_path = ${place}/usr/sbin/exim4
spool_directory = ${folder}/spool
log_file_path = ${folder}/log/%s
pid_file_path = ${folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
smtp_accept_max = 0
deliver_drop_privilege = true
keep_environment =
smtputf8_advertise_hosts = *
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts = ${hasTls ? '*' : ''}
${hasTls ? `tls_certificate = ${folder}/pem\ntls_privatekey = ${folder}/pem` : ''}
acl_smtp_connect = connect
acl_smtp_helo = helo
acl_smtp_mail = mail
acl_smtp_rcpt = rcpt
acl_smtp_predata = predata
acl_smtp_data = data
begin acl
connect:
  deny hosts = 127.0.0.21
       message = 5.7.1 not you
  defer hosts = 127.0.0.22
       message = 4.7.1 not now
  accept
helo:
  deny condition = \${if eq{$sender_helo_name}{refuse-helo.example}}
       message = 5.7.1 no such host
  defer condition = \${if eq{$sender_helo_name}{defer-helo.example}}
       message = 4.7.1 not now
  accept
mail:
  accept senders = slow@b.example
         delay = 2s
  deny senders = refuse-mail@b.example
       message = 5.7.1 not you
  defer senders = defer-mail@b.example
       message = 4.7.1 not now
  accept
rcpt:
  deny recipients = refused@remote.example
       message = 5.1.1 nobody
  defer recipients = deferred@remote.example
       message = 4.2.0 greylisted
  accept
predata:
  deny senders = refuse-data@b.example
       message = 5.7.1 no data
  defer senders = defer-data@b.example
       message = 4.7.1 not now
  accept
data:
  deny senders = refuse-end@b.example
       message = 5.7.1 no message
  defer senders = defer-end@b.example
       message = 4.7.1 not now
  accept
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = out
begin transports
out:
  driver = smtp
  hosts_override
  port = ${sinkPort}
  allow_localhost
begin retry
* * F,1h,1s
`;
}

async function startOpenSmtpd({ sinkPort, pem }: ReceiverOptions): Promise<Receiver> {
  const folder = namespaceFolder(['opensmtpd', 'opensmtpq']);
  const port = await freePort();
  const binds = { spool: '/var/spool', lib: '/var/lib', run: '/run' };
  for (const name of ['spool/smtpd', 'lib/opensmtpd/empty', 'run'])
    mkdirSync(path.join(folder, name), { recursive: true, mode: name === 'spool/smtpd' ? 0o711 : 0o755 });
  const [key = '', certificate = ''] = pem?.split(/(?=-----BEGIN CERTIFICATE)/) ?? [];
  for (const [name, part] of Object.entries({ key, certificate }))
    writeFileSync(path.join(folder, name), part, { mode: 0o600 });
  const configuration = [
    ...(pem === undefined
      ? []
      : [`pki "mx.remote.example" cert "${folder}/certificate"`, `pki "mx.remote.example" key "${folder}/key"`]),
    ...openSmtpdFilters.flatMap(([phase, what, value, act], index) => [
      `table "t${index}" { "${value}" }`,
      `filter "f${index}" phase ${phase} match ${what} <t${index}> ${act}`,
    ]),
    `filter "all" chain { ${openSmtpdFilters.map((_, index) => `"f${index}"`).join(', ')} }`,
    `listen on lo port ${port} hostname mx.remote.example${pem === undefined ? '' : ' tls pki "mx.remote.example"'} filter "all"`,
    `action "out" relay host "smtp://127.0.0.1:${sinkPort}"`,
    'match from any for rcpt-to "refused@remote.example" reject',
    'match from any for domain "remote.example" action "out"',
  ];
  writeFileSync(path.join(folder, 'smtpd.conf'), `${configuration.join('\n')}\n`);
  const argv = [`${place}/usr/sbin/smtpd`, '-d', '-f', `${folder}/smtpd.conf`];
  return startInNamespace(folder, Object.entries(binds), argv, port);
}

/** Phase, what is looked at, its value, and what is done. */
const openSmtpdFilters: readonly (readonly [string, string, string, string])[] = [
  ['connect', 'src', '127.0.0.21', 'disconnect "554 5.7.1 not you"'],
  ['connect', 'src', '127.0.0.22', 'disconnect "421 4.7.1 not now"'],
  ...['ehlo', 'helo'].flatMap((phase) => [
    [phase, 'helo', 'refuse-helo.example', 'reject "550 5.7.1 no such host"'] as const,
    [phase, 'helo', 'defer-helo.example', 'reject "450 4.7.1 not now"'] as const,
  ]),
  ...(['mail-from', 'data', 'commit'] as const).flatMap((phase, index) => {
    const name = ['mail', 'data', 'end'][index];
    return [
      [phase, 'mail-from', `refuse-${name}@b.example`, 'reject "554 5.7.1 no"'] as const,
      [phase, 'mail-from', `defer-${name}@b.example`, 'reject "450 4.7.1 not now"'] as const,
    ];
  }),
  ['rcpt-to', 'rcpt-to', 'deferred@remote.example', 'reject "450 4.2.0 greylisted"'],
];

const firstUid = 7301;

/** A folder with a passwd and a group file that have more users than the machine's. */
function namespaceFolder(users: readonly string[]): string {
  const folder = newRoot('vqmail-receiver');
  for (const name of ['passwd', 'group']) copyFileSync(`/etc/${name}`, path.join(folder, name));
  for (const [index, user] of users.entries()) {
    const id = firstUid + index;
    appendFileSync(path.join(folder, 'passwd'), `${user}:x:${id}:${id}::/nonexistent:/usr/sbin/nologin\n`);
    appendFileSync(path.join(folder, 'group'), `${user}:x:${id}:\n`);
  }
  return folder;
}

/** @param binds names in the folder, and where they are seen */
async function startInNamespace(
  folder: string,
  binds: readonly (readonly [string, string])[],
  argv: readonly string[],
  port: number,
): Promise<Receiver> {
  const all = [['passwd', '/etc/passwd'], ['group', '/etc/group'], ...binds];
  const mounts = all.map(([name, seen]) => `mount --bind ${folder}/${name} ${seen}`).join(' && ');
  const script = `mount --make-rprivate / && ${mounts} && exec "$@"`;
  const child = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output += chunk.toString('latin1');
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const main = path.join(folder, 'log/main');
  const log = (): string => output + (existsSync(main) ? readFileSync(main, 'latin1') : '');
  const stop = async (): Promise<void> => {
    await stopChild(child);
    // Exim's children may end a moment after it.
    await rm(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 20 });
  };
  try {
    await waitForPort(port, log);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, log, stop };
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const hard = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(hard);
}
