// IMAP with a mailbox of 1,000,000 messages (100,000 with --quick): what a session does first. vqmail alone: there is nothing to compare, it is to work.
//
// The messages are names of a few files (hard links), so the disk has to make directory entries only.

import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ImapLoadClient } from '../load/imap-client.js';
import { treeCpuSeconds } from '../measure/process-tree.js';
import { figure, table } from '../measure/table.js';
import { domainName, maildirOf, passwordHashes } from '../servers/host-tree.js';
import { fillMaildir, makeMaildir } from '../servers/maildirs.js';
import { startVqmail } from '../servers/vqmail.js';
import type { Workplace } from '../servers/workplace.js';
import type { BenchmarkOptions, BenchmarkResult } from './benchmark.js';

interface Measurement {
  readonly command: string;
  readonly wallMs: number;
  readonly cpuMs: number;
}

const password = 'password';
/** Below what file systems allow a file to have. */
const linksOfAFile = 20_000;
const message = 'From: a@bench.example\nTo: b@bench.example\nSubject: one of many\n\nHello.\n';

export async function imapLarge(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const many = options.quick ? 100_000 : 1_000_000;
  const server = await startVqmail(workplace, 'vqmail-imap-large', {
    domains: 1,
    accountsPerDomain: 1,
    passwd: () => passwordHashes.$1$,
    profile: options.profile,
    workers: 1,
    options: ['--listen', 'imap=127.0.0.1:0'],
  });
  options.progress('imap-large: filling a mailbox');
  const folder = `${maildirOf(server.layout, 0, 0)}/.Large`;
  makeMaildir(folder);
  fill(folder, many);
  const client = await ImapLoadClient.logIn(server.ports('imap'), `u0@${domainName(0)}`, password);
  const measurements: Measurement[] = [];
  for (const command of [
    'SELECT Large',
    'SELECT Large',
    'FETCH 1:* FLAGS',
    `UID FETCH ${many - 99}:* (UID FLAGS ENVELOPE)`,
    'SEARCH RETURN (COUNT) UNSEEN',
    'STORE 1 +FLAGS (\\Flagged)',
    'NOOP',
  ]) {
    options.progress(`imap-large: ${command}`);
    const [start, cpuBefore] = [performance.now(), treeCpuSeconds(server.pid)];
    await client.ask(command);
    const wallMs = performance.now() - start;
    // The last tick of the clock is counted late.
    await pause(20);
    measurements.push({ command, wallMs, cpuMs: (treeCpuSeconds(server.pid) - cpuBefore) * 1000 });
  }
  client.close();
  await server.stop();
  const rows = measurements.map(({ command, wallMs, cpuMs }) => [
    command,
    `${figure(wallMs)} ms`,
    `${figure(cpuMs)} ms`,
  ]);
  const text = [
    `imap-large: one session of vqmail (one worker) with ${many} messages, each command once, in this order.`,
    '',
    table(['command', 'time', 'CPU'], rows),
  ].join('\n');
  return { text, measurements };
}

function fill(folder: string, many: number): void {
  const sources = Math.ceil(many / linksOfAFile);
  fillMaildir(folder, sources, Buffer.from(message, 'latin1'));
  const files = fs.readdirSync(path.join(folder, 'cur')).map((name) => path.join(folder, 'cur', name));
  for (let number = sources; number < many; number++)
    fs.linkSync(
      files[number % sources] ?? '',
      path.join(folder, 'cur', `${1400000000 + number}.${number}.mx.bench.example,S=${message.length}:2,S`),
    );
}
