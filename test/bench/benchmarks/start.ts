// How long each tool takes for a small piece of its work on a small host, as a multiple of what `node -e 0` takes right before it. Scripts call these tools in loops. On a machine that has other
// things to do the time says little, least of all for tools that wait for the disk: then the processor time beside it tells more.

import { type StdioOptions, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { accountName, domainName } from '../../stores/large-host.js';
import { makeQueue } from '../../support/queue-host.js';
import { vqmailProgram } from '../../support/started-server.js';
import { waitedCpuSeconds } from '../measure/process-tree.js';
import { figure, median, table } from '../measure/table.js';
import { mailOwner, type Workplace } from '../servers/workplace.js';
import { makeAdminTree } from './admin/admin-tree.js';
import type { BenchmarkOptions, BenchmarkResult } from './benchmark.js';

interface Measurement {
  readonly tool: string;
  readonly round: number;
  readonly milliseconds: number;
  readonly timesNode: number;
  readonly cpuMilliseconds: number;
  /** Of the `node -e 0` right before it. */
  readonly nodeCpuMilliseconds: number;
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
  vchangepw: () => [],
  vdeloldusers: () => ['-d', domain],
  vconvert: () => ['-c', '-m', domain],
  vadddomain: (number) => [`new${number}.example`, 'secret99'],
  vaddaliasdomain: (number) => [`new${number}.example`, `alias${number}.example`],
  vdominfo: () => [domain],
  vmoddomlimits: () => ['-S', domain],
  vdeldomain: (number) => ['-f', `new${number}.example`],
  vipmap: () => ['-p'],
  valias: () => ['-s', domain],
  vmakedotqmail: () => ['-t', '-d', domain],
  dotqmail2valias: () => [domain],
  vlist: () => ['list', domain],
  vkill: () => ['no process has this name'],
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
  'qmail-local': () => [
    '--',
    domain,
    `/home/vpopmail/domains/${domain}`,
    `${domain}-x`,
    '-',
    'x',
    domain,
    'a@b.example',
    '#',
  ],
  'qmail-inject': () => ['x@far.example'],
  sendmail: () => ['x@far.example'],
  'qmail-queue': () => [],
  'qmail-smtpd': () => [],
  'qmail-remote': () => ['[127.0.0.1]', 'a@b.example', 'x@[127.0.0.1]'],
  'qmail-qread': () => [],
  'qmail-qstat': () => [],
  mailq: () => [],
  'qmail-tcpto': () => [],
  'qmail-tcpok': () => [],
  'qmail-showctl': () => [],
  forward: () => ['x@far.example'],
  condredirect: () => ['x@far.example', '/bin/false'],
  bouncesaying: () => ['no'],
  except: () => ['/bin/false'],
  preline: () => ['/bin/true'],
  qreceipt: () => ['x@far.example'],
  maildirmake: (number) => [`Maildir${number}`],
};

const message = 'From: a@b.example\nTo: x@far.example\nSubject: one\n\nA message.\n';

/** What a tool reads on standard input. */
const inputs: Readonly<Record<string, string>> = {
  'qmail-pw2u': `alias:x:${mailOwner.uid}:${mailOwner.gid}::/var/qmail/alias:/bin/false\n`,
  vdelivermail: message,
  tcprules: ':allow\n',
  vchangepw: `${user}\nsecret99\nsecret99\nsecret99\n`,
  'qmail-smtpd': 'QUIT\r\n',
  ...Object.fromEntries(
    ['qmail-local', 'qmail-inject', 'sendmail', 'qmail-queue', 'qmail-remote', 'forward', 'condredirect'].map(
      (tool) => [tool, message],
    ),
  ),
  ...Object.fromEntries(['bouncesaying', 'except', 'preline', 'qreceipt'].map((tool) => [tool, message])),
};

/** What qmail-local sets for the programs that it runs, and qmail-popup for vchkpw. */
const environment = {
  PATH: process.env.PATH ?? '',
  EXT: accountName(1),
  HOST: domain,
  TCPLOCALPORT: '25',
  SENDER: 'a@b.example',
  NEWSENDER: 'a@b.example',
  DTLINE: `Delivered-To: ${user}\n`,
  RPLINE: 'Return-Path: <a@b.example>\n',
  UFLINE: 'From a@b.example Tue Nov 24 02:03:31 2026\n',
} as const;

export async function start(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const layout = makeAdminTree(workplace, 'start-times', { domains: 3, accountsPerDomain: 100, maildirsPerDomain: 3 });
  makeQueue(layout.root);
  workplace.write(layout.control('smtproutes'), ':127.0.0.1:1\n');
  const envelope = workplace.write(workplace.path('envelope'), 'Fa@b.example\0Tx@far.example\0\0');
  const descriptor = workplace.write(workplace.path('descriptor-3'), `${user}\0secret99\0\0`);
  const files = { directory: layout.root, envelope, descriptor };
  const measurements: Measurement[] = [];
  for (let round = 0; round < options.rounds * 3 + 1; round++) {
    options.progress(`start times, round ${round + 1}`);
    for (const [tool, work] of Object.entries(works)) {
      // One right before the other: a machine is not as fast a second later.
      const node = timeOf('node -e 0', ['-e', '0'], files);
      const ran = timeOf(tool, [vqmailProgram, '--root', layout.root, tool, ...work(round)], files);
      // The first round fills the disk cache.
      if (round === 0) continue;
      const nodeCpuMilliseconds = node.cpuMilliseconds;
      measurements.push({ tool, round, ...ran, timesNode: ran.milliseconds / node.milliseconds, nodeCpuMilliseconds });
      measurements.push({ tool: 'node -e 0', round, ...node, timesNode: 1, nodeCpuMilliseconds });
    }
  }
  return { text: report(measurements), measurements };
}

/** Where the tools run, what qmail-queue reads on descriptor 1, and vchkpw on descriptor 3. */
interface Files {
  readonly directory: string;
  readonly envelope: string;
  readonly descriptor: string;
}

/** @throws Error when the tool could not work: that takes another time */
function timeOf(
  tool: string,
  args: readonly string[],
  { directory, envelope, descriptor }: Files,
): Pick<Measurement, 'milliseconds' | 'cpuMilliseconds'> {
  const fd = fs.openSync(descriptor, 'r');
  const output = tool === 'qmail-queue' ? fs.openSync(envelope, 'r') : 'ignore';
  const [start, cpuBefore] = [performance.now(), waitedCpuSeconds()];
  const stdio: StdioOptions = ['pipe', output, 'pipe', fd];
  const options = { cwd: directory, env: environment, input: inputs[tool] ?? '', stdio };
  const { status, stderr } = spawnSync(process.execPath, args, options);
  const milliseconds = performance.now() - start;
  const cpuMilliseconds = (waitedCpuSeconds() - cpuBefore) * 1000;
  fs.closeSync(fd);
  if (typeof output === 'number') fs.closeSync(output);
  if (status === 111 || status === null) throw new Error(`${tool}: ${status} ${stderr}`);
  return { milliseconds, cpuMilliseconds };
}

function report(measurements: readonly Measurement[]): string {
  const rows = ['node -e 0', ...Object.keys(works)].map((tool) => {
    const own = measurements.filter((measurement) => measurement.tool === tool);
    const cpu = mean(own.map(({ cpuMilliseconds }) => cpuMilliseconds));
    const nodeCpu = mean(own.map(({ nodeCpuMilliseconds }) => nodeCpuMilliseconds));
    return [
      tool,
      figure(median(own.map(({ milliseconds }) => milliseconds))),
      figure(median(own.map(({ timesNode }) => timesNode))),
      figure(cpu),
      figure(cpu / nodeCpu),
    ];
  });
  const slowest = (column: number): string => {
    const row = rows.slice(1).reduce((a, b) => (Number(a[column]) > Number(b[column]) ? a : b));
    return `${row[0]}, ${row[column]} times`;
  };
  return [
    'start: a tool for one small piece of work, start to exit, beside `node -e 0` (medians; processor time: means; aim: under 3 times)',
    '',
    table(['tool', 'ms', 'x node -e 0', 'CPU ms', 'x node -e 0'], rows),
    '',
    `most time: ${slowest(2)}; most processor time: ${slowest(4)}`,
  ].join('\n');
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
