// What the host's files answer for one recipient (is the domain ours, who serves it, is there such an account, what does .qmail-default say), asked in this process:
// with 10 domains, with 10,000 domains and a million accounts, and with a million accounts in one domain. The time of one answer must not depend on
// it, nor may memory. Start-up is a fresh process that opens the host and answers once.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Layout } from '../../../src/layout.js';
import { type Host, openHost } from '../../../src/stores/host.js';
import { accountName, domainName, type LargeHostOptions, makeLargeHost } from '../../stores/large-host.js';
import { figure, median, table } from '../measure/table.js';
import type { Workplace } from '../servers/workplace.js';
import { type BenchmarkOptions, type BenchmarkResult, turned } from './benchmark.js';

interface Subject extends LargeHostOptions {
  readonly root: string;
  readonly startMs: number;
}

interface Measurement {
  readonly domains: number;
  readonly accounts: number;
  readonly round: number;
  readonly microseconds: number;
  readonly unknownMicroseconds: number;
  readonly residentMib: number;
}

const sizes = (quick: boolean): LargeHostOptions[] => [
  { domains: 10, accountsPerDomain: 100 },
  { domains: quick ? 1000 : 10_000, accountsPerDomain: 100 },
  { domains: 1, accountsPerDomain: quick ? 100_000 : 1_000_000 },
];

export async function stores(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const subjects = sizes(options.quick).map((size, index): Subject => {
    options.progress(`stores: making a host with ${size.domains} domains of ${size.accountsPerDomain} accounts`);
    const root = workplace.path(`host-${index}`);
    makeLargeHost(root, size);
    return { ...size, root, startMs: median([1, 2, 3].map(() => startOnce(root))) };
  });
  const measurements: Measurement[] = [];
  for (let round = 0; round < options.rounds; round++) {
    options.progress(`stores round ${round + 1}/${options.rounds}`);
    for (const subject of turned(subjects, round)) measurements.push(measure(subject, round, options.seconds));
  }
  return { text: report(subjects, measurements), measurements };
}

/** Milliseconds from the start of a process to its first answer. */
function startOnce(root: string): number {
  const program = `
    const start = performance.timeOrigin;
    const { Layout } = await import(${JSON.stringify(import.meta.resolve('../../../src/layout.js'))});
    const { openHost } = await import(${JSON.stringify(import.meta.resolve('../../../src/stores/host.js'))});
    const host = openHost(new Layout({ root: ${JSON.stringify(root)} }));
    if (host.domain(${JSON.stringify(domainName(0))}).account(${JSON.stringify(accountName(0))}) === undefined) throw new Error('no answer');
    console.log(performance.timeOrigin + performance.now() - start);`;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  });
  return Number(output.toString());
}

function measure(subject: Subject, round: number, seconds: number): Measurement {
  const host = openHost(new Layout({ root: subject.root }));
  const known = timePerAnswer(host, subject, seconds, (account) => accountName(account));
  const unknown = timePerAnswer(host, subject, seconds, (account) => `no-${account}`);
  const accounts = subject.domains * subject.accountsPerDomain;
  const residentMib = process.memoryUsage().rss / 1024 / 1024;
  return { domains: subject.domains, accounts, round, microseconds: known, unknownMicroseconds: unknown, residentMib };
}

/** Microseconds for one recipient, over recipients all over the host. */
function timePerAnswer(host: Host, subject: Subject, seconds: number, name: (account: number) => string): number {
  const end = performance.now() + seconds * 1000;
  const begun = performance.now();
  let answers = 0;
  let now = begun;
  for (; now < end; now = performance.now()) {
    for (let i = 0; i < 100; i++, answers++) {
      // Two strides without a common factor with the sizes: every domain and account is met, none twice in a row.
      const domain = domainName((answers * 7919) % subject.domains);
      const address = `${name((answers * 104_729) % subject.accountsPerDomain)}@${domain}`;
      if (!host.control.isAllowedRecipientDomain(address)) throw new Error(`not ours: ${address}`);
      const found = host.domain(domain);
      found?.account(address.slice(0, address.indexOf('@')));
      found?.dotQmail('-default');
    }
  }
  return ((now - begun) * 1000) / answers;
}

function report(subjects: readonly Subject[], measurements: readonly Measurement[]): string {
  const rows = subjects.map(({ domains, accountsPerDomain, startMs }) => {
    const own = measurements.filter((m) => m.domains === domains && m.accounts === domains * accountsPerDomain);
    const middle = (field: 'microseconds' | 'unknownMicroseconds' | 'residentMib'): string =>
      figure(median(own.map((m) => m[field])));
    return [
      String(domains),
      String(domains * accountsPerDomain),
      middle('microseconds'),
      middle('unknownMicroseconds'),
      middle('residentMib'),
      figure(startMs),
    ];
  });
  return [
    'stores: rcpthosts, users/cdb, vpasswd.cdb and .qmail-default for one recipient (medians; aim: the same in every row; start under 2000 ms)',
    '',
    table(['domains', 'accounts', 'us known', 'us unknown', 'RSS MiB', 'start ms'], rows),
  ].join('\n');
}
