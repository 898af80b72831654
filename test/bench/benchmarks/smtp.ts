// Delivered messages per second: vqmail, Postfix and the bare library on the same disk in the same run, and what the disk itself allows.
//
// Delivered means in the Maildir: the clock stops when the last message is acknowledged and the server's queue is empty, and the files in new/ are counted.
// Ratios are taken within a round and their median is shown. The processor time is all processes' of the server, per message.

import { startLoad } from '../measure/load.js';
import { treeCpuSeconds } from '../measure/process-tree.js';
import { figure, median, percent, table } from '../measure/table.js';
import { startBareLibrary } from '../servers/bare-library.js';
import { clearMessages, countMessages, makeMaildir, syncDisk } from '../servers/maildirs.js';
import { postfixIsThere, startPostfix } from '../servers/postfix.js';
import { accountNames, type SmtpServerUnderTest } from '../servers/smtp-server-under-test.js';
import { startVqmailForDelivery } from '../servers/vqmail.js';
import type { Workplace } from '../servers/workplace.js';
import { type BenchmarkOptions, type BenchmarkResult, turned } from './benchmark.js';

interface Case {
  readonly messageBytes: number;
  readonly connections: number;
  readonly recipients: number;
  /** A new connection for every message. */
  readonly reconnect: boolean;
}

interface Measurement extends Case {
  readonly round: number;
  /** `vqmail`, `Postfix`, `bare library`, or `disk`, whose messages are files. */
  readonly program: string;
  readonly messagesPerSecond: number;
  readonly cpuMsPerMessage: number;
  /** The load client's share of one processor. */
  readonly clientCpu: number;
}

const kibi = 1024;
/** Bytes that one measurement may put into Maildirs: bounds the largest cases. */
const mostBytes = 200 * kibi * kibi;
/** Messages from this size on are removed after a measurement; smaller ones stay until the end (`clearMessages` says why). */
const removedFromBytes = 256 * kibi;
const filesInFlight = 16;

export async function smtp(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const servers = [await startVqmailForDelivery(workplace, options.profile)];
  if (postfixIsThere())
    servers.push(await startPostfix(workplace, 'postfix', { domains: 1, accountsPerDomain: accountNames.length }));
  servers.push(await startBareLibrary(workplace));
  const diskMaildirs = accountNames.map((account) => workplace.path('disk', account, 'Maildir'));
  workplace.makeMailDirectory(workplace.path('disk'));
  for (const maildir of diskMaildirs) makeMaildir(maildir);

  const measurements: Measurement[] = [];
  const cases = options.quick ? quickCases : allCases;
  options.progress('smtp: warming up');
  for (const server of servers) await measureServer(server, warmUp, 0, options.warmUpSeconds);
  for (const [number, one] of cases.entries()) {
    for (let round = 0; round < options.rounds; round++) {
      options.progress(`smtp ${describe(one)} (${number + 1}/${cases.length}, round ${round + 1}/${options.rounds})`);
      measurements.push(await measureDisk(diskMaildirs, one, round, options.seconds / 2));
      for (const server of turned(servers, round))
        measurements.push(await measureServer(server, one, round, options.seconds));
    }
  }
  for (const server of servers) await server.stop();
  return { text: report(cases, measurements), measurements };
}

const allCases: readonly Case[] = [
  ...[2, 50, 1024].flatMap((size) =>
    [1, 10, 100].flatMap((connections) =>
      [1, 10].map((recipients) => ({ messageBytes: size * kibi, connections, recipients, reconnect: false })),
    ),
  ),
  { messageBytes: 2 * kibi, connections: 10, recipients: 1, reconnect: true },
  { messageBytes: 2 * kibi, connections: 100, recipients: 1, reconnect: true },
];

const warmUp: Case = { messageBytes: 2 * kibi, connections: 10, recipients: 1, reconnect: false };

const quickCases: readonly Case[] = [
  { messageBytes: 2 * kibi, connections: 1, recipients: 1, reconnect: false },
  { messageBytes: 2 * kibi, connections: 10, recipients: 1, reconnect: false },
  { messageBytes: 2 * kibi, connections: 100, recipients: 1, reconnect: false },
  { messageBytes: 2 * kibi, connections: 10, recipients: 10, reconnect: false },
  { messageBytes: 50 * kibi, connections: 10, recipients: 1, reconnect: false },
  { messageBytes: 1024 * kibi, connections: 10, recipients: 1, reconnect: false },
  { messageBytes: 2 * kibi, connections: 10, recipients: 1, reconnect: true },
];

async function measureServer(
  server: SmtpServerUnderTest,
  one: Case,
  round: number,
  seconds: number,
): Promise<Measurement> {
  const { messageBytes, connections, reconnect, recipients: recipientsPerMessage } = one;
  const mostMessages = Math.ceil(mostBytes / (messageBytes * recipientsPerMessage));
  const { port, recipients } = server;
  const orders = {
    port,
    connections,
    recipientsPerMessage,
    messageBytes,
    seconds,
    mostMessages,
    reconnect,
    recipients,
  };
  const load = await startLoad('smtpMessages', orders);
  await server.drained();
  const countBefore = countMessages(server.maildirs);
  const cpuBefore = treeCpuSeconds(server.pid);
  const start = performance.now();
  const result = await load.go();
  await server.drained();
  const elapsed = (performance.now() - start) / 1000;
  const cpu = treeCpuSeconds(server.pid) - cpuBefore;
  const expected = result.messages * recipientsPerMessage;
  const found = countMessages(server.maildirs) - countBefore;
  if (found !== expected)
    throw new Error(`${server.name}: ${expected} acknowledged, ${found} in Maildirs (${describe(one)})`);
  tidy(server.maildirs, one);
  return {
    ...one,
    round,
    program: server.name,
    messagesPerSecond: result.messages / elapsed,
    cpuMsPerMessage: (cpu * 1000) / result.messages,
    clientCpu: result.cpuSeconds / result.seconds,
  };
}

function tidy(maildirs: readonly string[], { messageBytes }: Case): void {
  if (messageBytes >= removedFromBytes) clearMessages(maildirs);
  else syncDisk(maildirs);
}

async function measureDisk(
  maildirs: readonly string[],
  one: Case,
  round: number,
  seconds: number,
): Promise<Measurement> {
  const load = await startLoad('diskFiles', {
    maildirs,
    fileBytes: one.messageBytes,
    seconds,
    inFlight: filesInFlight,
  });
  const result = await load.go();
  tidy(maildirs, one);
  const messagesPerSecond = result.files / result.seconds;
  return { ...one, round, program: 'disk', messagesPerSecond, cpuMsPerMessage: Number.NaN, clientCpu: Number.NaN };
}

function describe({ messageBytes, connections, recipients, reconnect }: Case): string {
  const size = messageBytes >= kibi * kibi ? `${messageBytes / kibi / kibi} MiB` : `${messageBytes / kibi} KiB`;
  const each = reconnect ? ', one message each' : '';
  return `${size}, ${connections} connection${connections === 1 ? '' : 's'}${each}, ${recipients} recipient${recipients === 1 ? '' : 's'}`;
}

function report(cases: readonly Case[], measurements: readonly Measurement[]): string {
  const rows = cases.map((one) => {
    const values = (program: string, field: 'messagesPerSecond' | 'cpuMsPerMessage' | 'clientCpu'): number[] =>
      measurements.filter((m) => m.program === program && sameCase(m, one)).map((m) => m[field]);
    const rate = (program: string): number => median(values(program, 'messagesPerSecond'));
    const cpu = (program: string): number => median(values(program, 'cpuMsPerMessage'));
    const ratio = (program: string, field: 'messagesPerSecond' | 'cpuMsPerMessage' = 'messagesPerSecond'): number => {
      const others = values(program, field);
      return median(values('vqmail', field).map((value, round) => value / (others[round] ?? Number.NaN)));
    };
    return [
      describe(one),
      ...['vqmail', 'Postfix', 'bare library'].map((program) => figure(rate(program))),
      figure(ratio('Postfix')),
      figure(ratio('bare library')),
      figure(rate('disk')),
      percent(ratio('disk') * one.recipients),
      ...['vqmail', 'Postfix', 'bare library'].map((program) => figure(cpu(program))),
      figure(ratio('Postfix', 'cpuMsPerMessage')),
      percent(median(values('vqmail', 'clientCpu'))),
    ];
  });
  return [
    'smtp: delivered messages per second, and processor milliseconds per message of all server processes (medians; aim: 2 x Postfix at 0.4 of its CPU, 1.2 x bare,',
    'half of the disk with 1 recipient and 70 % with 10). disk: files per second with create, fsync, rename, fsync of the directory, 16 in flight.',
    '',
    table(
      [
        'case',
        'vqmail/s',
        'Postfix/s',
        'bare/s',
        'x Postfix',
        'x bare',
        'disk/s',
        'of disk',
        'CPU vqmail',
        'CPU Postfix',
        'CPU bare',
        'CPU x Postfix',
        'client CPU',
      ],
      rows,
    ),
  ].join('\n');
}

function sameCase(a: Case, b: Case): boolean {
  return (
    a.messageBytes === b.messageBytes &&
    a.connections === b.connections &&
    a.recipients === b.recipients &&
    a.reconnect === b.reconnect
  );
}
