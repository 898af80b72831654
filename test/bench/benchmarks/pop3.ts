// POP3 against Dovecot: logins per second (each a new connection: USER, PASS, STAT, QUIT) and bytes per second (RETR of whole mailboxes, one by one and pipelined).

import { messageData } from '../load/smtp-client.js';
import { startLoad } from '../measure/load.js';
import { treeCpuSeconds } from '../measure/process-tree.js';
import { figure, median, table } from '../measure/table.js';
import { dovecotIsThere, dovecotModes, startDovecot } from '../servers/dovecot.js';
import { domainName, maildirOf, passwordHashes } from '../servers/host-tree.js';
import { fillMaildir, makeMaildir } from '../servers/maildirs.js';
import { startVqmail } from '../servers/vqmail.js';
import type { Started, Workplace } from '../servers/workplace.js';
import { type BenchmarkOptions, type BenchmarkResult, turned } from './benchmark.js';

interface Subject extends Started {
  readonly program: string;
  readonly port: number;
  /** What it sends of a message beyond the message: qmail-pop3d, and so vqmail, ends each with an empty line. */
  readonly addedBytes: number;
}

interface Measurement {
  readonly case: string;
  readonly program: string;
  readonly round: number;
  /** Logins, or bytes. */
  readonly perSecond: number;
  /** Per login, or per mebibyte. */
  readonly cpuMs: number;
}

interface Mailboxes {
  readonly messageBytes: number;
  readonly messages: number;
}

type Account = { readonly hash: string; readonly mailbox: Mailboxes };

const mebi = 2 ** 20;
const password = 'password';
const loginClients = 10;
const retrieveClients = 2;
/** What a mailbox holds whose owner looks for new mail. */
const small: Mailboxes = { messageBytes: 2 * 1024, messages: 10 };
const large: readonly Mailboxes[] = [
  { messageBytes: 5 * 1024, messages: 1000 },
  { messageBytes: 50 * 1024, messages: 200 },
  { messageBytes: mebi, messages: 20 },
];
const accounts: readonly Account[] = [
  ...Object.values(passwordHashes).flatMap((hash) => Array<Account>(20).fill({ hash, mailbox: small })),
  ...large.flatMap((mailbox) => Array<Account>(retrieveClients).fill({ hash: passwordHashes.$1$, mailbox })),
];
const userName = (account: number): string => `u${account}@${domainName(0)}`;

export async function pop3(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  options.progress('pop3: filling mailboxes');
  const subjects = [await vqmailSubject(workplace, options.profile), ...(await dovecotSubjects(workplace))];
  const measurements: Measurement[] = [];
  const mailboxes = options.quick ? large.slice(0, 2) : large;
  for (const subject of subjects) {
    await logins(subject, '$1$', passwordHashes.$1$, 0, options.warmUpSeconds / 2);
    await retrievals(subject, mailboxes[0] ?? small, true, 0, options.warmUpSeconds / 4);
  }
  for (let round = 0; round < options.rounds; round++) {
    options.progress(`pop3 round ${round + 1}/${options.rounds}`);
    for (const [name, hash] of Object.entries(passwordHashes))
      for (const subject of turned(subjects, round))
        measurements.push(await logins(subject, name, hash, round, options.seconds));
    for (const mailbox of mailboxes)
      for (const pipelined of [false, true])
        for (const subject of turned(subjects, round))
          measurements.push(await retrievals(subject, mailbox, pipelined, round, options.seconds));
  }
  for (const subject of subjects) await subject.stop();
  return { text: report(subjects, measurements), measurements };
}

async function vqmailSubject(workplace: Workplace, profile?: string): Promise<Subject> {
  const passwd = (account: number): string => accounts[account]?.hash ?? '*';
  const server = await startVqmail(workplace, 'vqmail-pop3', {
    domains: 1,
    accountsPerDomain: accounts.length,
    passwd,
    profile,
  });
  for (const [number, { mailbox }] of accounts.entries()) fill(maildirOf(server.layout, 0, number), mailbox);
  return { ...server, program: 'vqmail', port: server.pop3Port, addedBytes: 2 };
}

async function dovecotSubjects(workplace: Workplace): Promise<Subject[]> {
  if (!dovecotIsThere()) return [];
  workplace.makeMailDirectory(workplace.path('dovecot-mail'));
  const users = accounts.map(({ hash, mailbox }, number) => {
    const maildir = workplace.path('dovecot-mail', `u${number}`, 'Maildir');
    makeMaildir(maildir);
    fill(maildir, mailbox);
    return { user: userName(number), hash, maildir };
  });
  const subjects: Subject[] = [];
  for (const mode of dovecotModes)
    subjects.push({ ...(await startDovecot(workplace, mode, users)), program: `Dovecot ${mode}`, addedBytes: 0 });
  return subjects;
}

/** A stored message is what is sent with LF, without the closing dot; no line of it begins with a dot. */
function fill(maildir: string, { messageBytes, messages }: Mailboxes): void {
  const wire = messageData(messageBytes).toString('latin1');
  fillMaildir(maildir, messages, Buffer.from(wire.slice(0, -'.\r\n'.length).replaceAll('\r\n', '\n'), 'latin1'));
}

async function logins(
  subject: Subject,
  name: string,
  hash: string,
  round: number,
  seconds: number,
): Promise<Measurement> {
  const users = accounts.flatMap((account, number) =>
    account.hash === hash && account.mailbox === small ? [userName(number)] : [],
  );
  const load = await startLoad('pop3Logins', { port: subject.port, clients: loginClients, seconds, users, password });
  const cpuBefore = treeCpuSeconds(subject.pid);
  const result = await load.go();
  const cpu = treeCpuSeconds(subject.pid) - cpuBefore;
  return {
    case: `logins, ${name} hashes, ${loginClients} clients`,
    program: subject.program,
    round,
    perSecond: result.logins / result.seconds,
    cpuMs: (cpu * 1000) / result.logins,
  };
}

async function retrievals(
  subject: Subject,
  mailbox: Mailboxes,
  pipelined: boolean,
  round: number,
  seconds: number,
): Promise<Measurement> {
  const users = accounts.flatMap((account, number) => (account.mailbox === mailbox ? [userName(number)] : []));
  const { messageBytes, messages } = mailbox;
  const wireBytes = messageData(messageBytes).length + subject.addedBytes;
  const orders = {
    port: subject.port,
    clients: retrieveClients,
    seconds,
    users,
    password,
    messages,
    wireBytes,
    pipelined,
  };
  const load = await startLoad('pop3Retrieve', orders);
  const cpuBefore = treeCpuSeconds(subject.pid);
  const result = await load.go();
  const cpu = treeCpuSeconds(subject.pid) - cpuBefore;
  return {
    case: `RETR ${messages} x ${messageBytes / 1024} KiB, ${pipelined ? 'pipelined' : 'one by one'}, ${retrieveClients} clients`,
    program: subject.program,
    round,
    perSecond: result.bytes / result.seconds,
    cpuMs: (cpu * 1000) / (result.bytes / mebi),
  };
}

function report(subjects: readonly Subject[], measurements: readonly Measurement[]): string {
  const cases = [...new Set(measurements.map((m) => m.case))].toSorted();
  const rows = cases.flatMap((name) => {
    const isLogin = name.startsWith('logins');
    const values = (program: string, field: 'perSecond' | 'cpuMs'): number[] =>
      measurements.filter((m) => m.case === name && m.program === program).map((m) => m[field]);
    return subjects.map(({ program }, index) => {
      const ours = values('vqmail', 'perSecond');
      const theirs = values(program, 'perSecond');
      const ourCpu = values('vqmail', 'cpuMs');
      const theirCpu = values(program, 'cpuMs');
      const ratio = (a: number[], b: number[]): string =>
        index === 0 ? '' : figure(median(a.map((value, round) => value / (b[round] ?? Number.NaN))));
      const rate = median(theirs);
      return [
        index === 0 ? name : '',
        program,
        isLogin ? `${figure(rate)}/s` : `${figure(rate / 1e6)} MB/s`,
        ratio(ours, theirs),
        `${figure(median(theirCpu))} ms/${isLogin ? 'login' : 'MiB'}`,
        ratio(ourCpu, theirCpu),
      ];
    });
  });
  return [
    'pop3: vqmail against Dovecot with the same hashes and mailboxes (medians; aim: 8 x its logins, 0.8 x its bytes).',
    'Dovecot default: a fresh login and mail process each time; high-performance: `service pop3-login { service_count = 0 }`; reused: and `service pop3 { service_count = 1000 }`.',
    '',
    table(['case', 'program', 'rate', 'vqmail x', 'CPU', 'CPU vqmail x'], rows),
  ].join('\n');
}
