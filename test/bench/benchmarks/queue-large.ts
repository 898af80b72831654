// A large queue: `vqmail serve` takes up 100,000 messages that another program has left.
//
//   waiting    every message is to be tried again tomorrow
//   due        every message is due, for a host that takes connections and never answers
//
// With them lies one message for a Maildir of this host, due now. Measured from the start of the program: until the queue is taken up (the first `status:` line), until that message is
// delivered, and the most memory that the queue process has had five seconds later. Aim: taken up within 10 seconds, 300 MB.

import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Layout } from '../../../src/layout.js';
import { childrenOf, nameOf } from '../../support/child-processes.js';
import { makeQueue, queueIds } from '../../support/queue-host.js';
import { figure, table } from '../measure/table.js';
import { startVqmail } from '../servers/vqmail.js';
import type { Workplace } from '../servers/workplace.js';
import type { BenchmarkOptions, BenchmarkResult } from './benchmark.js';

const messages = { quick: 10_000, full: 100_000 } as const;
const split = 23;
const cases = ['waiting', 'due'] as const;

interface Measurement {
  readonly name: (typeof cases)[number];
  readonly messages: number;
  readonly takenUpSeconds: number;
  readonly deliveredSeconds: number;
  readonly peakMegabytes: number;
}

export async function queueLarge(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const count = options.quick ? messages.quick : messages.full;
  const measurements: Measurement[] = [];
  const deaf = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(deaf, 'listening');
  const { port } = deaf.address() as net.AddressInfo;
  for (const name of cases) {
    options.progress(`queue-large: ${count} messages, ${name}`);
    measurements.push(await measure(workplace, name, count, port, options.profile));
  }
  deaf.close();
  return { text: report(measurements), measurements };
}

async function measure(
  workplace: Workplace,
  name: Measurement['name'],
  count: number,
  port: number,
  profile: string | undefined,
): Promise<Measurement> {
  const program = `queue-large-${name}`;
  let last = '';
  let start = 0;
  const server = await startVqmail(workplace, program, {
    domains: 1,
    accountsPerDomain: 1,
    passwd: () => '*',
    profile,
    options: ['--queue', 'instead'],
    prepare(layout) {
      makeQueue(layout.root);
      workplace.write(layout.control('smtproutes'), `:127.0.0.1:${port}\n`);
      const seconds = Math.floor(Date.now() / 1000) + (name === 'waiting' ? 86_400 : -10);
      for (let number = 0; number < count; number++)
        leave(layout, 'remote', `someone@r${number % 50}.bench.example`, seconds);
      last = leave(layout, 'local', 'd0.bench.example-u0@d0.bench.example', seconds - 100_000);
      start = performance.now();
    },
  });
  const until = async (line: string): Promise<number> => {
    while (!workplace.log(program).includes(line)) await sleep(20);
    return (performance.now() - start) / 1000;
  };
  const takenUpSeconds = await until('\nstatus: local 0/');
  const deliveredSeconds = await until(`\nend msg ${last}\n`);
  // The others are looked at meanwhile.
  await sleep(5000);
  const measurement = { name, messages: count, takenUpSeconds, deliveredSeconds, peakMegabytes: peakOf(server.pid) };
  await server.stop();
  return measurement;
}

/** A message that has been preprocessed. @returns its number */
function leave(layout: Layout, channel: 'local' | 'remote', address: string, seconds: number): string {
  const { qmailq, qmails, qmail } = queueIds;
  const made = `${layout.queue}/pid/made`;
  fs.writeFileSync(made, 'Received: (qmail 1 invoked from network); 1 Jan 2026 00:00:00 -0000\nSubject: x\n\nx\n');
  fs.chownSync(made, qmailq, qmail);
  const number = fs.statSync(made).ino;
  const place = (kind: string): string => `${layout.queue}/${kind}/${number % split}/${number}`;
  fs.renameSync(made, place('mess'));
  for (const [file, text] of [
    [place('info'), 'Fsender@far.example\0'],
    [place(channel), `T${address}\0`],
  ] as const) {
    fs.writeFileSync(file, text, { mode: 0o600 });
    fs.chownSync(file, qmails, qmail);
    fs.utimesSync(file, seconds, seconds);
  }
  // So that nothing has expired.
  fs.utimesSync(place('info'), Date.now() / 1000, Math.floor(Date.now() / 1000));
  return String(number);
}

/** The most memory that the queue process has occupied. */
function peakOf(supervisor: number): number {
  const pid = childrenOf(supervisor).find((child) => nameOf(child) === 'qmail-send');
  const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

function report(measurements: readonly Measurement[]): string {
  const rows = measurements.map(({ name, messages, takenUpSeconds, deliveredSeconds, peakMegabytes }) => [
    name,
    String(messages),
    figure(takenUpSeconds),
    figure(deliveredSeconds),
    figure(peakMegabytes),
  ]);
  return [
    'queue-large: seconds from the start of the program until a queue that was left to it is taken up, and until the one message in it that can be delivered is; the most memory of the',
    'queue process (aim: 10 s, 300 MB).',
    '',
    table(['messages are', 'messages', 'taken up, s', 'delivered, s', 'peak MB'], rows),
  ].join('\n');
}
