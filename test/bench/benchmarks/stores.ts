// What the host's files answer for one recipient (is the domain ours, who serves it, is there such an account, what does .qmail-default say): with 10 domains, with
// 10,000 domains and a million accounts, and with a million accounts in one domain. Neither the cost of an answer nor memory may depend on the number of
// accounts. Start-up is a fresh process that opens the host and answers once.

import { execFileSync } from 'node:child_process';
import { type LargeHostOptions, makeLargeHost } from '../../stores/large-host.js';
import type { StoreLoad, StoreResult } from '../load/store-answers.js';
import { figure, median, table } from '../measure/table.js';
import type { Workplace } from '../servers/workplace.js';
import { type BenchmarkOptions, type BenchmarkResult, turned } from './benchmark.js';

interface Subject extends LargeHostOptions {
  readonly root: string;
}

interface Measurement extends StoreResult {
  readonly root: string;
  readonly domains: number;
  readonly accounts: number;
  readonly round: number;
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
    return { ...size, root };
  });
  const measurements: Measurement[] = [];
  for (let round = 0; round < options.rounds; round++) {
    options.progress(`stores round ${round + 1}/${options.rounds}`);
    for (const { root, domains, accountsPerDomain } of turned(subjects, round)) {
      const result = inOwnProcess({ root, domains, accountsPerDomain, seconds: options.seconds });
      measurements.push({ ...result, root, domains, accounts: domains * accountsPerDomain, round });
    }
  }
  return { text: report(subjects, measurements), measurements };
}

function inOwnProcess(load: StoreLoad): StoreResult {
  const program = `const { askStores } = await import(${JSON.stringify(import.meta.resolve('../load/store-answers.js'))});
    console.log(JSON.stringify(askStores(${JSON.stringify(load)})));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }));
}

function report(subjects: readonly Subject[], measurements: readonly Measurement[]): string {
  const rows = subjects.map(({ root, domains, accountsPerDomain }) => {
    const own = measurements.filter((measurement) => measurement.root === root);
    const columns = (['cpuMicroseconds', 'unknownCpuMicroseconds', 'residentMib', 'startMs'] as const).map((field) =>
      figure(median(own.map((measurement) => measurement[field]))),
    );
    return [String(domains), String(domains * accountsPerDomain), ...columns];
  });
  return [
    'stores: rcpthosts, users/cdb, vpasswd.cdb and .qmail-default for one recipient (medians; aim: independent of the number of accounts, start under 2000 ms)',
    '',
    table(['domains', 'accounts', 'CPU us known', 'CPU us unknown', 'RSS MiB', 'start ms'], rows),
  ].join('\n');
}
