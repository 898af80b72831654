// One account more in a domain of 100,000: vadduser as a program, beside the work that the original does on the same files (a stand-in in C, rewrite-accounts.c; in Python where there is no
// compiler), and many accounts in one batch. Both rewrite the whole file; ours once, and makes it durable.

import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Layout } from '../../../../src/layout.js';
import { domainDirectory, domainName } from '../../../stores/large-host.js';
import { programPath } from '../../../support/needs.js';
import { fixtures } from '../../../support/recording.js';
import { vqmailProgram } from '../../../support/started-server.js';
import { figure, median, table } from '../../measure/table.js';
import type { Workplace } from '../../servers/workplace.js';
import type { BenchmarkOptions, BenchmarkResult } from '../benchmark.js';
import { makeAdminTree } from './admin-tree.js';

type Subject = 'vadduser' | "the original's work" | 'vadduser --batch' | 'disk';

interface Measurement {
  readonly subject: Subject;
  readonly round: number;
  readonly millisecondsPerAccount: number;
}

const accounts = { full: 100_000, quick: 20_000 };
const batch = { full: 10_000, quick: 2000 };
const domain = domainName(0);

export async function addUser(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const size = options.quick ? accounts.quick : accounts.full;
  options.progress(`add-user: making a domain of ${size} accounts`);
  const layout = makeAdminTree(workplace, 'add-user', { domains: 1, accountsPerDomain: size });
  const theirs = standIn(workplace, layout);
  const batchSize = options.quick ? batch.quick : batch.full;
  const measurements: Measurement[] = [];
  for (let round = 0; round < options.rounds * 3; round++) {
    options.progress(`add-user round ${round + 1}`);
    const single = timed(() => tool(layout, ['vadduser', `single${round}@${domain}`, 'secret99']));
    measurements.push({ subject: 'vadduser', round, millisecondsPerAccount: single });
    const original = timed(() => theirs.add(round));
    measurements.push({ subject: "the original's work", round, millisecondsPerAccount: original });
    measurements.push({ subject: 'disk', round, millisecondsPerAccount: timed(() => syncCopies(layout)) });
  }
  for (let round = 0; round < options.rounds; round++) {
    options.progress(`add-user: batch ${round + 1} of ${batchSize}`);
    const names = Array.from({ length: batchSize }, (_, number) => `batch${round}x${number}@${domain},secret99\n`);
    const file = workplace.write(workplace.path(`batch-${round}.csv`), names.join(''));
    const milliseconds = timed(() => tool(layout, ['vadduser', '--batch', file]));
    measurements.push({ subject: 'vadduser --batch', round, millisecondsPerAccount: milliseconds / batchSize });
  }
  return { text: report(measurements, size, batchSize, theirs.about), measurements };
}

function timed(act: () => void): number {
  const start = performance.now();
  act();
  return performance.now() - start;
}

function tool(layout: Layout, args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [vqmailProgram, '--root', layout.root, ...args], {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
  });
  if (status !== 0)
    throw new Error(`${args.slice(0, 3).join(' ')}: ${status} ${stdout.slice(-500)}${stderr.slice(-500)}`);
}

/** What the disk alone takes to make files of these sizes durable: the part of our time that the original leaves out. */
function syncCopies(layout: Layout): void {
  const directory = layout.disk(domainDirectory(0));
  for (const name of ['vpasswd', 'vpasswd.cdb']) {
    const bytes = fs.readFileSync(path.join(directory, name));
    const file = path.join(directory, 'copy.tmp');
    fs.writeFileSync(file, bytes, { flush: true });
    fs.unlinkSync(file);
  }
}

/** The stand-in for the original, compiled where that can be done. */
function standIn(workplace: Workplace, layout: Layout): { about: string; add(round: number): void } {
  const sources = path.join(path.dirname(fixtures), 'test');
  const directory = layout.disk(domainDirectory(0));
  if (programPath('cc') !== undefined) {
    const program = workplace.path('rewrite-accounts');
    execFileSync('cc', ['-O2', '-o', program, path.join(sources, 'bench/benchmarks/admin/rewrite-accounts.c')]);
    const line = (name: string): string => `${name}:$1$x:1:0:${name}:${domainDirectory(0)}/${name}:NOQUOTA:secret99`;
    return { about: 'in C', add: (round) => execFileSync(program, [directory, line(`theirs${round}`)]) };
  }
  const program = path.join(sources, 'admin/original-manners.py');
  return {
    about: 'in Python, one rewrite of two',
    add(round) {
      const plan = { hashes: { secret99: '$1$x' }, calls: [['vadduser', `theirs${round}@${domain}`, 'secret99']] };
      const file = workplace.write(workplace.path(`plan-${round}.json`), JSON.stringify(plan));
      execFileSync('python3', [program, layout.root, file]);
    },
  };
}

function report(measurements: readonly Measurement[], size: number, batchSize: number, about: string): string {
  const of = (subject: Subject): number =>
    median(measurements.filter((m) => m.subject === subject).map((m) => m.millisecondsPerAccount));
  const single = of('vadduser');
  const rows = (['vadduser', "the original's work", 'disk', 'vadduser --batch'] as const).map((subject) => [
    subject,
    figure(of(subject)),
    figure(of(subject) / of("the original's work")),
    figure(single / of(subject)),
  ]);
  return [
    `admin: an account more in a domain of ${size} (the original's work ${about}; disk: writing both files durably and nothing else; batches of ${batchSize}, aim: 50 times faster)`,
    '',
    table(['', 'ms an account', "x the original's", 'times faster than vadduser'], rows),
  ].join('\n');
}
