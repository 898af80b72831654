// Logins per second against Dovecot with the same hashes: at the auth socket, by POP3 and by SMTP AUTH (against Dovecot's submission server where it is installed, else against Postfix with Dovecot as its
// authentication, as the usual guide has it), with and without
// what each program keeps of right passwords; and TLS handshakes.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import type { LoadPrograms } from '../load/programs.js';
import { startLoad } from '../measure/load.js';
import { treeCpuSeconds } from '../measure/process-tree.js';
import { figure, median, table } from '../measure/table.js';
import { type DovecotMode, dovecotIsThere, dovecotSubmissionIsThere, startDovecot } from '../servers/dovecot.js';
import { domainName, passwordHashes } from '../servers/host-tree.js';
import { makeMaildir } from '../servers/maildirs.js';
import { postfixIsThere, startPostfix } from '../servers/postfix.js';
import { startVqmail } from '../servers/vqmail.js';
import type { Workplace } from '../servers/workplace.js';
import { type BenchmarkOptions, type BenchmarkResult, turned } from './benchmark.js';

/** One program as it was started. What it does not do is undefined. */
interface Subject {
  readonly program: string;
  /** Whose processor time counts. */
  readonly pids: readonly number[];
  /** Whether it keeps right passwords. */
  readonly isCached: boolean;
  readonly authPath?: string;
  readonly pop3Port?: number;
  readonly smtpPort?: number;
  readonly pop3sPort?: number;
}

interface Case {
  readonly name: string;
  readonly isCached: boolean | undefined;
  /** Starts its load on a subject; undefined where the subject does not do it. */
  readonly load: (subject: Subject, seconds: number) => ReturnType<typeof startLoad<keyof LoginLoads>> | undefined;
}

type LoginLoads = Pick<LoadPrograms, 'authLogins' | 'pop3Logins' | 'smtpLogins' | 'tlsHandshakes'>;

interface Measurement {
  readonly case: string;
  readonly program: string;
  readonly round: number;
  readonly perSecond: number;
  readonly cpuMs: number;
}

const password = 'password';
const clients = 10;
const accountsOfHash = 20;
const hashes = Object.entries(passwordHashes);
const users = (hash: string): string[] => {
  const first = hashes.findIndex(([name]) => name === hash) * accountsOfHash;
  return Array.from({ length: accountsOfHash }, (_, number) => `u${first + number}@${domainName(0)}`);
};

const cases: readonly Case[] = [
  ...[false, true].flatMap((isCached) =>
    hashes.flatMap(([hash]) => {
      const login = { clients, users: users(hash), password };
      const what = `${hash}${isCached ? ', kept' : ''}`;
      return [
        {
          name: `auth socket, ${what}`,
          isCached,
          load: ({ authPath: path }: Subject, seconds: number) =>
            path === undefined ? undefined : startLoad('authLogins', { ...login, seconds, path }),
        },
        {
          name: `pop3, ${what}`,
          isCached,
          load: ({ pop3Port: port }: Subject, seconds: number) =>
            port === undefined ? undefined : startLoad('pop3Logins', { ...login, seconds, port }),
        },
        {
          name: `submission, ${what}`,
          isCached,
          load: ({ smtpPort: port }: Subject, seconds: number) =>
            port === undefined ? undefined : startLoad('smtpLogins', { ...login, seconds, port }),
        },
      ];
    }),
  ),
  {
    name: 'TLS handshakes, pop3s',
    isCached: undefined,
    load: ({ pop3sPort: port }, seconds) =>
      port === undefined ? undefined : startLoad('tlsHandshakes', { clients, seconds, port }),
  },
];

export async function logins(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const certificate = makeCertificate(workplace);
  const subjects = await startAll(workplace, certificate, options);
  const measurements: Measurement[] = [];
  const selected = options.quick ? cases.filter(({ name }) => !name.startsWith('submission')) : cases;
  for (const one of oneOfEachKind(selected))
    for (const subject of subjects) await measure(one, subject, 0, options.warmUpSeconds / 4);
  for (let round = 0; round < options.rounds; round++) {
    options.progress(`logins round ${round + 1}/${options.rounds}`);
    for (const one of selected)
      for (const subject of turned(subjects, round)) {
        const isMeant = one.isCached === undefined ? !subject.isCached : one.isCached === subject.isCached;
        const measured = isMeant ? await measure(one, subject, round, options.seconds) : undefined;
        if (measured !== undefined) measurements.push(measured);
      }
  }
  return { text: report(selected, measurements), measurements };
}

/** To warm up with: what a server has not done yet is compiled while it is measured. */
function oneOfEachKind(selected: readonly Case[]): Case[] {
  const kindOf = ({ name }: Case): string => name.split(',')[0] ?? '';
  return selected.filter((one, at) => selected.findIndex((other) => kindOf(other) === kindOf(one)) === at);
}

/** Its key is of the kind that most hosts have. */
function makeCertificate(workplace: Workplace): { readonly certificate: string; readonly key: string } {
  const [certificate, key] = [workplace.path('certificate.pem'), workplace.path('key.pem')];
  const subject = ['-subj', '/CN=mx.bench.example', '-days', '2'];
  const files = ['-keyout', key, '-out', certificate];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files], { stdio: 'pipe' });
  return { certificate, key };
}

async function startAll(
  workplace: Workplace,
  files: ReturnType<typeof makeCertificate>,
  options: BenchmarkOptions,
): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const isCached of [false, true]) subjects.push(await vqmailSubject(workplace, isCached, files, options.profile));
  if (!dovecotIsThere()) return subjects;
  for (const mode of options.quick ? (['reused'] as const) : (['default', 'reused'] as const))
    for (const isCached of [false, true]) subjects.push(await dovecotSubject(workplace, mode, isCached, files));
  return subjects;
}

async function vqmailSubject(
  workplace: Workplace,
  isCached: boolean,
  { certificate, key }: ReturnType<typeof makeCertificate>,
  profile?: string,
): Promise<Subject> {
  const name = `vqmail-logins${isCached ? '-kept' : ''}`;
  const authPath = workplace.path(`${name}.auth`);
  const listen = ['submission=127.0.0.1:0', 'pop3s=127.0.0.1:0', `auth=unix:${authPath},mode=0666`];
  const server = await startVqmail(workplace, name, {
    domains: 1,
    accountsPerDomain: hashes.length * accountsOfHash,
    passwd: (account) => hashes[Math.floor(account / accountsOfHash)]?.[1] ?? '*',
    profile,
    options: [
      ...listen.flatMap((place) => ['--listen', place]),
      ...['--tls-certificate', `${certificate}:${key}`, '--queue', 'off', '--login-cache', isCached ? '300' : '0'],
    ],
  });
  const { pid, pop3Port, ports } = server;
  const [smtpPort, pop3sPort] = [ports('submission'), ports('pop3s')];
  return { program: 'vqmail', pids: [pid], isCached, authPath, pop3Port, smtpPort, pop3sPort };
}

async function dovecotSubject(
  workplace: Workplace,
  mode: DovecotMode,
  isCached: boolean,
  files: ReturnType<typeof makeCertificate>,
): Promise<Subject> {
  const name = `dovecot-logins-${mode}${isCached ? '-kept' : ''}`;
  workplace.makeMailDirectory(workplace.path(`${name}-mail`));
  const accounts = hashes.flatMap(([hashName, hash]) =>
    users(hashName).map((user) => {
      const maildir = workplace.path(`${name}-mail`, user.split('@')[0] ?? '', 'Maildir');
      makeMaildir(maildir);
      return { user, hash, maildir };
    }),
  );
  const authPath = workplace.path(`${name}.auth`);
  const relayPort = await startRelay();
  const server = await startDovecot(workplace, mode, accounts, { name, files, authPath, relayPort, isCached });
  const program = `Dovecot ${mode}`;
  const subject = { program, pids: [server.pid], isCached, authPath, pop3Port: server.port, pop3sPort: server.tlsPort };
  if (server.submissionPort !== undefined) return { ...subject, smtpPort: server.submissionPort };
  if (!postfixIsThere()) return subject;
  const settings = {
    smtpd_sasl_auth_enable: 'yes',
    smtpd_sasl_type: 'dovecot',
    smtpd_sasl_path: authPath,
    smtpd_client_connection_count_limit: '0',
  };
  const postfix = await startPostfix(workplace, `${name}-postfix`, { domains: 1, accountsPerDomain: 1, settings });
  return { ...subject, pids: [server.pid, postfix.pid], smtpPort: postfix.port };
}

/** A mail server behind Dovecot's submission server that answers everything and takes nothing. Not counted as Dovecot's. @returns its port */
async function startRelay(): Promise<number> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.write('220 relay ESMTP\r\n');
    socket.on('data', (chunk) => {
      for (const command of chunk.toString('latin1').toUpperCase().split('\r\n').slice(0, -1)) {
        if (command === 'QUIT') socket.end('221 bye\r\n');
        else socket.write(command.startsWith('EHLO') ? '250-relay\r\n250 PIPELINING\r\n' : '250 ok\r\n');
      }
    });
  });
  server.unref().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

async function measure(one: Case, subject: Subject, round: number, seconds: number): Promise<Measurement | undefined> {
  const load = await one.load(subject, seconds);
  if (load === undefined) return undefined;
  const cpu = (): number => subject.pids.reduce((sum, pid) => sum + treeCpuSeconds(pid), 0);
  const before = cpu();
  const result = await load.go();
  const { program } = subject;
  const cpuMs = (1000 * (cpu() - before)) / result.logins;
  return { case: one.name, program, round, perSecond: result.logins / result.seconds, cpuMs };
}

function report(selected: readonly Case[], measurements: readonly Measurement[]): string {
  const rows = selected.flatMap(({ name }) => {
    const of = measurements.filter((m) => m.case === name);
    return [...new Set(of.map(({ program }) => program))].map((program, index) => {
      const values = (which: string, field: 'perSecond' | 'cpuMs'): number[] =>
        of.filter((m) => m.program === which).map((m) => m[field]);
      const ratio = (field: 'perSecond' | 'cpuMs'): string => {
        const theirs = values(program, field);
        const ratios = values('vqmail', field).map((value, round) => value / (theirs[round] ?? Number.NaN));
        return program === 'vqmail' ? '' : figure(median(ratios));
      };
      const [rate, cpu] = [median(values(program, 'perSecond')), median(values(program, 'cpuMs'))];
      return [
        index === 0 ? name : '',
        program,
        `${figure(rate)}/s`,
        ratio('perSecond'),
        `${figure(cpu)} ms`,
        ratio('cpuMs'),
      ];
    });
  });
  return [
    `logins: vqmail against Dovecot's passwd-file with the same hashes, ${clients} clients (medians; aim: at least as many).`,
    "kept: right passwords are kept for a while (vqmail's --login-cache, Dovecot's auth_cache_size). submission: " +
      (dovecotSubmissionIsThere()
        ? "Dovecot's submission-login and submission, without the mail server behind them."
        : "Dovecot's processes are those of Postfix too, which asks it."),
    'TLS: new handshakes up to the greeting, RSA 2048, no session is resumed.',
    '',
    table(['case', 'program', 'rate', 'vqmail x', 'CPU', 'CPU vqmail x'], rows),
  ].join('\n');
}
