// 2,000 SMTP connections held, 200 of them sending: the memory of all processes before, while they are held, after each tenth of the messages, and after the end.
// It must not grow with the number of messages. The bare library beside it shows what a connection costs below us.

import { setTimeout as sleep } from 'node:timers/promises';
import { startLoad } from '../measure/load.js';
import { type TreeMemory, treeCpuSeconds, treeMemory } from '../measure/process-tree.js';
import { figure, mebibytes, table } from '../measure/table.js';
import { startBareLibrary } from '../servers/bare-library.js';
import { countMessages } from '../servers/maildirs.js';
import type { SmtpServerUnderTest } from '../servers/smtp-server-under-test.js';
import { startVqmailForDelivery } from '../servers/vqmail.js';
import type { Workplace } from '../servers/workplace.js';
import type { BenchmarkOptions, BenchmarkResult } from './benchmark.js';

const connections = 2000;
const senders = 200;
const messageBytes = 2048;
const messages = { full: 100_000, quick: 5000 };

interface Sample extends TreeMemory {
  readonly when: string;
  readonly messages: number;
}

interface Measurement {
  readonly program: string;
  readonly samples: readonly Sample[];
  readonly messagesPerSecond: number;
  readonly cpuMsPerMessage: number;
}

export async function connectionsHeld(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const count = options.quick ? messages.quick : messages.full;
  const measurements: Measurement[] = [];
  const starts = [
    { start: () => startVqmailForDelivery(workplace, options.profile), count },
    { start: () => startBareLibrary(workplace), count: Math.min(count, 10_000) },
  ];
  for (const { start, count } of starts) {
    const server = await start();
    options.progress(`connections: ${server.name}, ${count} messages`);
    measurements.push(await measure(server, count));
    await server.stop();
  }
  return { text: report(measurements), measurements };
}

async function measure(server: SmtpServerUnderTest, count: number): Promise<Measurement> {
  const samples: Sample[] = [];
  const sample = (when: string, messages: number): void => {
    samples.push({ when, messages, ...treeMemory(server.pid) });
  };
  sample('before', 0);
  const { port, recipients } = server;
  const orders = { port, connections, senders, messages: count, messageBytes, recipients, reportEvery: count / 10 };
  const load = await startLoad('smtpCrowd', orders);
  sample(`${connections} connections held`, 0);
  const cpuBefore = treeCpuSeconds(server.pid);
  const result = await load.go((done) => sample(`${senders} sending`, done));
  const cpu = treeCpuSeconds(server.pid) - cpuBefore;
  const found = countMessages(server.maildirs);
  if (found !== result.messages)
    throw new Error(`${server.name}: ${result.messages} acknowledged, ${found} in Maildirs`);
  await sleep(2000);
  sample('all closed', result.messages);
  return {
    program: server.name,
    samples,
    messagesPerSecond: result.messages / result.seconds,
    cpuMsPerMessage: (cpu * 1000) / result.messages,
  };
}

function report(measurements: readonly Measurement[]): string {
  const rows = measurements.flatMap(({ program, samples }) =>
    samples.map((sample, index) => [
      index === 0 ? program : '',
      sample.when,
      String(sample.messages),
      mebibytes(sample.rss),
      mebibytes(sample.pss),
      String(sample.processes),
    ]),
  );
  const summaries = measurements.map(({ program, samples, messagesPerSecond, cpuMsPerMessage }) => {
    const [before, held] = samples;
    const sending = samples.filter(({ when }) => when.endsWith('sending'));
    const perConnection = ((held?.pss ?? Number.NaN) - (before?.pss ?? Number.NaN)) / connections / 1024;
    const growth = (sending.at(-1)?.pss ?? Number.NaN) / (sending.at(1)?.pss ?? Number.NaN);
    return `${program}: ${figure(perConnection)} KiB a held connection; memory at the last tenth / at the second tenth ${figure(growth)}; ${figure(messagesPerSecond)} messages/s, CPU ${figure(cpuMsPerMessage)} ms each`;
  });
  return [
    `connections: memory of all processes with ${connections} SMTP connections, ${senders} of them sending (RSS counts shared pages once a process, PSS once in all)`,
    '',
    table(['program', 'when', 'messages', 'RSS', 'PSS', 'processes'], rows),
    '',
    ...summaries,
  ].join('\n');
}
