// Recipients asked for per second, with 10 and with 10,000 domains on the host: the number must not depend on it. Postfix (hash maps) beside it.

import { startLoad } from '../measure/load.js';
import { treeCpuSeconds } from '../measure/process-tree.js';
import { figure, median, table } from '../measure/table.js';
import { postfixIsThere, startPostfix } from '../servers/postfix.js';
import { startVqmail } from '../servers/vqmail.js';
import type { Started, Workplace } from '../servers/workplace.js';
import { type BenchmarkOptions, type BenchmarkResult, turned } from './benchmark.js';

interface Subject extends Started {
  readonly program: string;
  readonly domains: number;
  readonly port: number;
  readonly startSeconds: number;
}

interface Measurement {
  readonly program: string;
  readonly domains: number;
  readonly round: number;
  readonly lookUpsPerSecond: number;
  readonly cpuMicrosecondsPerLookUp: number;
}

const few = 10;
const manyOf = { full: 10_000, quick: 2000 };
const connections = 10;

export async function rcpt(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const many = options.quick ? manyOf.quick : manyOf.full;
  const accountsPerDomain = 3;
  const subjects: Subject[] = [];
  for (const domains of [few, many]) {
    options.progress(`rcpt: making hosts with ${domains} domains`);
    subjects.push(await vqmailWith(workplace, domains, accountsPerDomain, options.profile));
    if (postfixIsThere()) subjects.push(await postfixWith(workplace, domains, accountsPerDomain));
  }
  const measurements: Measurement[] = [];
  for (const subject of subjects) await measure(subject, accountsPerDomain, 0, options.warmUpSeconds);
  for (let round = 0; round < options.rounds; round++) {
    options.progress(`rcpt round ${round + 1}/${options.rounds}`);
    for (const subject of turned(subjects, round))
      measurements.push(await measure(subject, accountsPerDomain, round, options.seconds));
  }
  for (const subject of subjects) await subject.stop();
  return { text: report(subjects, measurements, many), measurements };
}

async function vqmailWith(
  workplace: Workplace,
  domains: number,
  accountsPerDomain: number,
  profile?: string,
): Promise<Subject> {
  const tree = { domains, accountsPerDomain, passwd: () => '*', profile };
  const server = await startVqmail(workplace, `vqmail-${domains}`, tree);
  return { ...server, program: 'vqmail', domains, port: server.smtpPort };
}

async function postfixWith(workplace: Workplace, domains: number, accountsPerDomain: number): Promise<Subject> {
  const server = await startPostfix(workplace, `postfix-${domains}`, { domains, accountsPerDomain });
  return { ...server, program: 'Postfix', domains, startSeconds: Number.NaN };
}

async function measure(
  subject: Subject,
  accountsPerDomain: number,
  round: number,
  seconds: number,
): Promise<Measurement> {
  const { program, domains, port } = subject;
  const load = await startLoad('smtpRecipients', { port, connections, seconds, domains, accountsPerDomain });
  const cpuBefore = treeCpuSeconds(subject.pid);
  const result = await load.go();
  const cpu = treeCpuSeconds(subject.pid) - cpuBefore;
  return {
    program,
    domains,
    round,
    lookUpsPerSecond: result.lookUps / result.seconds,
    cpuMicrosecondsPerLookUp: (cpu * 1e6) / result.lookUps,
  };
}

function report(subjects: readonly Subject[], measurements: readonly Measurement[], many: number): string {
  const values = (program: string, domains: number, field: 'lookUpsPerSecond' | 'cpuMicrosecondsPerLookUp'): number[] =>
    measurements.filter((m) => m.program === program && m.domains === domains).map((m) => m[field]);
  const programs = [...new Set(subjects.map(({ program }) => program))];
  const rows = programs.map((program) => {
    const rates = [few, many].map((domains) => values(program, domains, 'lookUpsPerSecond'));
    const [atFew = [], atMany = []] = rates;
    const others = values('Postfix', many, 'lookUpsPerSecond');
    return [
      program,
      figure(median(atFew)),
      figure(median(atMany)),
      figure(median(atMany.map((rate, round) => rate / (atFew[round] ?? Number.NaN)))),
      ...[few, many].map((domains) => figure(median(values(program, domains, 'cpuMicrosecondsPerLookUp')))),
      figure(median(atMany.map((rate, round) => rate / (others[round] ?? Number.NaN)))),
      figure(
        subjects.find((subject) => subject.program === program && subject.domains === many)?.startSeconds ?? Number.NaN,
      ),
    ];
  });
  return [
    `rcpt: accepted RCPT per second over ${connections} connections, with ${few} and ${many} domains (medians; aim: flat, that is a ratio of 1; start under 2 s)`,
    '',
    table(
      [
        'program',
        `${few} domains/s`,
        `${many} domains/s`,
        'ratio',
        `CPU us at ${few}`,
        `CPU us at ${many}`,
        'x Postfix',
        'start s',
      ],
      rows,
    ),
  ].join('\n');
}
