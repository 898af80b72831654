// How long each tool takes for a small piece of its work on a small host, as a multiple of what `node -e 0` takes right before it. Scripts call these tools in loops.

import { type StdioOptions, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import type { Layout } from '../../../../src/layout.js';
import { accountName, domainName } from '../../../stores/large-host.js';
import { vqmailProgram } from '../../../support/started-server.js';
import { figure, median, table } from '../../measure/table.js';
import { mailOwner, type Workplace } from '../../servers/workplace.js';
import type { BenchmarkOptions, BenchmarkResult } from '../benchmark.js';
import { makeAdminTree } from './admin-tree.js';

interface Measurement {
  readonly tool: string;
  readonly round: number;
  readonly milliseconds: number;
  readonly timesNode: number;
}

/** What each tool is asked to do; `number` is another one in each round. */
type Work = (number: number) => readonly string[];

const domain = domainName(0);
const user = `${accountName(1)}@${domain}`;

const works: Readonly<Record<string, Work>> = {
  vadduser: (number) => [`new${number}@${domain}`, 'secret99'],
  vpasswd: () => [user, 'secret99'],
  vmoduser: () => ['-p', user],
  vsetuserquota: () => [user, '10M'],
  vuserinfo: () => [user],
  vdeluser: (number) => [`new${number}@${domain}`],
  vmkpasswd: () => [domain],
  vdeloldusers: () => ['-d', domain],
  vconvert: () => ['-c', '-m', domain],
  vadddomain: (number) => [`new${number}.example`, 'secret99'],
  vaddaliasdomain: (number) => [`new${number}.example`, `alias${number}.example`],
  vdominfo: () => [domain],
  vmoddomlimits: () => ['-S', domain],
  vdeldomain: (number) => ['-f', `new${number}.example`],
  vipmap: () => ['-p'],
  valias: () => ['-s', domain],
  vpopbull: () => ['-n', '-f', '/etc/passwd', domain],
  vchkpw: () => ['/bin/true'],
  clearopensmtp: () => [],
  vdelivermail: () => ['', 'bounce-no-mailbox'],
  vrcptcheck: () => [],
  'qmail-newu': () => [],
  'qmail-newmrh': () => [],
  'qmail-pw2u': () => [],
  'qmail-getpw': () => ['alias'],
  tcprules: () => ['rules.cdb', 'rules.tmp'],
  tcprulescheck: () => ['rules.cdb'],
};

/** What a tool reads on standard input. */
const inputs: Readonly<Record<string, string>> = {
  'qmail-pw2u': `alias:x:${mailOwner.uid}:${mailOwner.gid}::/var/qmail/alias:/bin/false\n`,
  vdelivermail: 'Subject: one\n\nA message.\n',
  tcprules: ':allow\n',
};

export async function startTimes(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const layout = makeAdminTree(workplace, 'start-times', { domains: 3, accountsPerDomain: 100, maildirsPerDomain: 3 });
  const descriptor = workplace.write(workplace.path('descriptor-3'), `${user}\0secret99\0\0`);
  const measurements: Measurement[] = [];
  for (let round = 0; round < options.rounds * 3 + 1; round++) {
    options.progress(`start times, round ${round + 1}`);
    for (const [tool, work] of Object.entries(works)) {
      // One right before the other: a machine is not as fast a second later.
      const node = timeOf('node -e 0', ['-e', '0'], layout, descriptor);
      const milliseconds = timeOf(
        tool,
        [vqmailProgram, '--root', layout.root, tool, ...work(round)],
        layout,
        descriptor,
      );
      // The first round fills the disk cache.
      if (round === 0) continue;
      measurements.push({ tool, round, milliseconds, timesNode: milliseconds / node });
      measurements.push({ tool: 'node -e 0', round, milliseconds: node, timesNode: 1 });
    }
  }
  return { text: report(measurements), measurements };
}

/** @throws Error when the tool could not work: that takes another time */
function timeOf(tool: string, args: readonly string[], layout: Layout, descriptor: string): number {
  const fd = fs.openSync(descriptor, 'r');
  const env = { PATH: process.env.PATH ?? '', EXT: accountName(1), HOST: domain, TCPLOCALPORT: '25' };
  const start = performance.now();
  const stdio: StdioOptions = ['pipe', 'ignore', 'pipe', fd];
  const options = { cwd: layout.root, env, input: inputs[tool] ?? '', stdio };
  const { status, stderr } = spawnSync(process.execPath, args, options);
  const milliseconds = performance.now() - start;
  fs.closeSync(fd);
  if (status === 111 || status === null) throw new Error(`${tool}: ${status} ${stderr}`);
  return milliseconds;
}

function report(measurements: readonly Measurement[]): string {
  const values = (tool: string, field: 'milliseconds' | 'timesNode'): number =>
    median(measurements.filter((measurement) => measurement.tool === tool).map((measurement) => measurement[field]));
  const rows = ['node -e 0', ...Object.keys(works)].map((tool) => [
    tool,
    figure(values(tool, 'milliseconds')),
    figure(values(tool, 'timesNode')),
  ]);
  const slowest = rows.slice(1).reduce((a, b) => (Number(a[2]) > Number(b[2]) ? a : b));
  return [
    'admin: a tool for one small piece of work, start to exit, beside `node -e 0` (medians; aim: under 3 times)',
    '',
    table(['tool', 'ms', 'x node -e 0'], rows),
    '',
    `slowest: ${slowest[0]}, ${slowest[2]} times`,
  ].join('\n');
}
