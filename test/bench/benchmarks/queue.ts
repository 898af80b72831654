// Messages per second through the queue: handed over, queued, delivered; vqmail in qmail-send's place and Postfix on the same disk in the same run.
//
//   local       from QMQP (SMTP would pass vqmail's queue by) into Maildirs of this host
//   user        the same into the Maildir of a user of the system
//   program     to a program: `|` in a .qmail file, or in Postfix's aliases
//   forward     sent on to a mailbox of this host, by a .qmail file or an alias
//   remote      from SMTP to smtp-sink, with 1, 20 and 120 deliveries at once: one destination for 1 and 20, twelve for 120 (both programs open at most 20 sessions to one by default)
//
// The clock runs from the first message that is handed over until the queue is empty, and the messages in Maildirs, or in the sinks, are counted.

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Layout } from '../../../src/layout.js';
import { programPath } from '../../support/needs.js';
import { freePort, waitForPort } from '../../support/ports.js';
import { makeQueue } from '../../support/queue-host.js';
import type { MessageResult } from '../load/smtp-messages.js';
import { type Load, startLoad } from '../measure/load.js';
import { treeCpuSeconds } from '../measure/process-tree.js';
import { figure, median, table } from '../measure/table.js';
import { maildirOf } from '../servers/host-tree.js';
import { type LocalKind, type LocalUser, makePostfixUser, makeQmailUser } from '../servers/local-user.js';
import { countMessages, syncDisk } from '../servers/maildirs.js';
import { postfixIsThere, startPostfix } from '../servers/postfix.js';
import { accountNames, mailDomain } from '../servers/smtp-server-under-test.js';
import { startVqmail } from '../servers/vqmail.js';
import type { Workplace } from '../servers/workplace.js';
import { type BenchmarkOptions, type BenchmarkResult, turned } from './benchmark.js';

interface Case {
  readonly channel: 'local' | 'remote' | LocalKind;
  readonly concurrency: number;
  readonly destinations: number;
  readonly messages: number;
}

interface Measurement extends Case {
  readonly round: number;
  readonly program: string;
  readonly messagesPerSecond: number;
  readonly cpuMsPerMessage: number;
}

const allCases: readonly Case[] = [
  { channel: 'local', concurrency: 20, destinations: 1, messages: 2000 },
  { channel: 'user', concurrency: 10, destinations: 1, messages: 1000 },
  { channel: 'program', concurrency: 10, destinations: 1, messages: 1000 },
  { channel: 'forward', concurrency: 10, destinations: 1, messages: 1000 },
  { channel: 'remote', concurrency: 1, destinations: 1, messages: 500 },
  { channel: 'remote', concurrency: 20, destinations: 1, messages: 2000 },
  { channel: 'remote', concurrency: 120, destinations: 12, messages: 2000 },
];
const quickCases: readonly Case[] = [
  { channel: 'local', concurrency: 20, destinations: 1, messages: 500 },
  { channel: 'remote', concurrency: 20, destinations: 1, messages: 500 },
];
const messageBytes = 2048;
/** Connections that hand messages over. */
const handingOver = 20;

/** A started program whose queue is looked at. */
interface QueueUnderTest {
  readonly name: string;
  readonly pid: number;
  readonly smtpPort: number;
  readonly qmqpPort: number;
  readonly recipients: readonly string[];
  drained(): Promise<void>;
  /** Messages that have arrived. */
  arrived(): number;
  stop(): Promise<void>;
}

export async function queue(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const sink = programPath('smtp-sink');
  const measurements: Measurement[] = [];
  const cases = options.quick ? quickCases : allCases;
  for (const one of cases) {
    if (one.channel === 'remote' && sink === undefined) continue;
    const sinks = one.channel === 'remote' ? await startSinks(workplace, one) : undefined;
    const name = `${one.channel}-${one.concurrency}`;
    const programs = [await startOurs(workplace, `vqmail-${name}`, one, sinks, options.profile)];
    if (postfixIsThere()) programs.push(await startTheirs(workplace, `postfix-${name}`, one, sinks));
    options.progress(`queue ${describe(one)}: warming up`);
    for (const program of programs) await measure(program, { ...one, messages: one.messages / 2 }, 0);
    for (let round = 0; round < options.rounds; round++) {
      options.progress(`queue ${describe(one)} (round ${round + 1}/${options.rounds})`);
      for (const program of turned(programs, round)) measurements.push(await measure(program, one, round));
    }
    for (const program of programs) await program.stop();
    await sinks?.stop();
  }
  return { text: report(cases, measurements), measurements };
}

async function measure(program: QueueUnderTest, one: Case, round: number): Promise<Measurement> {
  const load = await startHandingOver(program, one);
  await program.drained();
  const before = program.arrived();
  const cpuBefore = treeCpuSeconds(program.pid);
  const start = performance.now();
  const { messages: sent } = await load.go();
  await program.drained();
  const elapsed = (performance.now() - start) / 1000;
  const cpu = treeCpuSeconds(program.pid) - cpuBefore;
  const found = program.arrived() - before;
  if (found !== sent) throw new Error(`${program.name}: ${sent} taken, ${found} arrived (${describe(one)})`);
  return {
    ...one,
    round,
    program: program.name,
    messagesPerSecond: sent / elapsed,
    cpuMsPerMessage: (cpu * 1000) / sent,
  };
}

/** A load client that hands the messages over; some may have gone before it starts. */
function startHandingOver(program: QueueUnderTest, { channel, messages }: Case): Promise<Load<MessageResult>> {
  const { recipients, qmqpPort, smtpPort } = program;
  const orders = { connections: handingOver, messageBytes, mostMessages: messages, recipients };
  if (channel !== 'remote') return startLoad('qmqpMessages', { ...orders, port: qmqpPort });
  return startLoad('smtpMessages', {
    ...orders,
    port: smtpPort,
    recipientsPerMessage: 1,
    reconnect: false,
    seconds: 600,
  });
}

interface Sinks {
  readonly ports: readonly number[];
  arrived(): number;
  stop(): Promise<void>;
}

const remoteDomain = (number: number): string => `r${number}.bench.example`;

async function startSinks(workplace: Workplace, one: Case): Promise<Sinks> {
  const names = Array.from({ length: one.destinations }, (_, number) => `sink-${one.concurrency}-${number}`);
  const ports: number[] = [];
  const stops: (() => Promise<void>)[] = [];
  for (const name of names) {
    const port = await freePort();
    // It counts what it has got, a line over and over.
    const args = ['-c', '-u', 'nobody', `127.0.0.1:${port}`, '1000'];
    const { started } = workplace.start(name, programPath('smtp-sink') ?? '', args);
    await waitForPort(port, () => workplace.log(name));
    ports.push(port);
    stops.push(started.stop);
  }
  const count = (name: string): number => Number(/mesg=(\d+)(?![\s\S]*mesg=)/.exec(workplace.log(name))?.[1] ?? 0);
  return {
    ports,
    arrived: () => names.reduce((sum, name) => sum + count(name), 0),
    stop: async () => void (await Promise.all(stops.map((stop) => stop()))),
  };
}

const recipientsOf = ({ channel, destinations }: Case, user: LocalUser | undefined): string[] => {
  if (user !== undefined) return [user.recipient];
  return channel === 'local'
    ? accountNames.map((name) => `${name}@${mailDomain}`)
    : Array.from({ length: destinations }, (_, number) => `someone@${remoteDomain(number)}`);
};

const localKind = ({ channel }: Case): LocalKind | undefined =>
  channel === 'local' || channel === 'remote' ? undefined : channel;

async function startOurs(
  workplace: Workplace,
  name: string,
  one: Case,
  sinks: Sinks | undefined,
  profile: string | undefined,
): Promise<QueueUnderTest> {
  const kind = localKind(one);
  let user: LocalUser | undefined;
  const prepare = (layout: Layout): void => {
    makeQueue(layout.root);
    fs.chmodSync(layout.queue, 0o755);
    const channel = one.channel === 'remote' ? 'remote' : 'local';
    workplace.write(layout.control(`concurrency${channel}`), `${one.concurrency}\n`);
    if (kind !== undefined) user = makeQmailUser(workplace, layout, kind);
    const routes = sinks?.ports.map((port, number) => `${remoteDomain(number)}:127.0.0.1:${port}\n`);
    if (routes === undefined) return;
    workplace.write(layout.control('smtproutes'), routes.join(''));
    workplace.write(layout.control('rcpthosts'), routes.map((_, number) => `${remoteDomain(number)}\n`).join(''));
  };
  const server = await startVqmail(workplace, name, {
    domains: 1,
    accountsPerDomain: accountNames.length,
    passwd: () => '*',
    profile,
    prepare,
    options: ['--listen', 'qmqp=127.0.0.1:0', '--queue', 'instead'],
  });
  const mess = path.join(server.layout.queue, 'mess');
  const maildirs = accountNames.map((_, account) => maildirOf(server.layout, 0, account));
  return {
    name: 'vqmail',
    pid: server.pid,
    smtpPort: server.smtpPort,
    qmqpPort: server.qmqpPort,
    recipients: recipientsOf(one, user),
    async drained() {
      while (fs.readdirSync(mess).some((place) => fs.readdirSync(path.join(mess, place)).length > 0)) await sleep(10);
      syncDisk(maildirs);
    },
    arrived: () => sinks?.arrived() ?? countMessages(maildirs) + (user?.arrived() ?? 0),
    stop: server.stop,
  };
}

async function startTheirs(
  workplace: Workplace,
  name: string,
  one: Case,
  sinks: Sinks | undefined,
): Promise<QueueUnderTest> {
  const qmqpPort = await freePort();
  const transport = sinks?.ports.map((port, number) => `${remoteDomain(number)} smtp:[127.0.0.1]:${port}\n`);
  const file = workplace.write(workplace.path(name, 'etc', 'transport'), transport?.join('') ?? '');
  const perDestination = String(Math.min(20, one.concurrency));
  const kind = localKind(one);
  const user = kind === undefined ? undefined : makePostfixUser(workplace, name, kind, one.concurrency);
  const server = await startPostfix(workplace, name, {
    domains: 1,
    accountsPerDomain: accountNames.length,
    settings: {
      qmqpd_authorized_clients: '127.0.0.0/8',
      transport_maps: `texthash:${file}`,
      initial_destination_concurrency: perDestination,
      default_destination_concurrency_limit: perDestination,
      ...user?.settings,
    },
    services: [
      `127.0.0.1:${qmqpPort} inet n - n - - qmqpd`,
      `smtp unix - - n - ${one.concurrency} smtp`,
      ...(user?.services ?? []),
    ],
  });
  await waitForPort(qmqpPort, () => workplace.log(name));
  return {
    ...server,
    smtpPort: server.port,
    qmqpPort,
    recipients: recipientsOf(one, user),
    async drained() {
      await server.drained();
      syncDisk(server.maildirs);
    },
    arrived: () => sinks?.arrived() ?? countMessages(server.maildirs) + (user?.arrived() ?? 0),
  };
}

function describe({ channel, concurrency }: Case): string {
  return `${channel}, ${concurrency} at once`;
}

function report(cases: readonly Case[], measurements: readonly Measurement[]): string {
  const rows = cases.map((one) => {
    const values = (program: string, field: 'messagesPerSecond' | 'cpuMsPerMessage'): number[] =>
      measurements
        .filter((m) => m.program === program && m.channel === one.channel && m.concurrency === one.concurrency)
        .map((m) => m[field]);
    const others = values('Postfix', 'messagesPerSecond');
    const ratio = median(
      values('vqmail', 'messagesPerSecond').map((value, round) => value / (others[round] ?? Number.NaN)),
    );
    return [
      describe(one),
      figure(median(values('vqmail', 'messagesPerSecond'))),
      figure(median(others)),
      figure(ratio),
      figure(median(values('vqmail', 'cpuMsPerMessage'))),
      figure(median(values('Postfix', 'cpuMsPerMessage'))),
    ];
  });
  return [
    'queue: messages per second from QMQP to the Maildir or program, or from SMTP to smtp-sink, and processor milliseconds per message of all server processes (medians; aim: 2 x Postfix local,',
    '1 x remote).',
    '',
    table(['case', 'vqmail/s', 'Postfix/s', 'x Postfix', 'CPU vqmail', 'CPU Postfix'], rows),
  ].join('\n');
}
