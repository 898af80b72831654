// Benchmarks: two programs in one run on one disk, ratios, and the processor time of all server processes beside them.
//
//   npm run bench                         everything, 15 to 20 minutes (as root, with Debian's postfix, dovecot-pop3d, dovecot-imapd installed)
//   npm run bench -- --quick              a small selection, one to two minutes
//   npm run bench -- smtp pop3            some: smtp rcpt stores pop3 imap imap-large logins connections queue queue-large start admin
//   --json FILE      every measurement      --rounds N  --seconds S   of each measurement
//   --dir DIRECTORY  on the disk to measure (default: the temporary directory)      --keep  leave the files there
//   --profile DIRECTORY  profile vqmail's processes, and list the functions that cost most (the rates of such a run count for nothing)
//
// What a number means is said above its table. Machines are noisy: ratios are taken within a round, rounds alternate, medians are shown. All traffic is on loopback.
// Programs that are not installed, or need root when we are not, are left out. This file also is the entry of the
// processes that it starts: load clients (`--load`) and the bare library (`--bare-library`).

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { admin } from './benchmarks/admin.js';
import type { Benchmark, BenchmarkOptions } from './benchmarks/benchmark.js';
import { connectionsHeld } from './benchmarks/connections.js';
import { imap } from './benchmarks/imap.js';
import { imapLarge } from './benchmarks/imap-large.js';
import { logins } from './benchmarks/logins.js';
import { pop3 } from './benchmarks/pop3.js';
import { queue } from './benchmarks/queue.js';
import { queueLarge } from './benchmarks/queue-large.js';
import { rcpt } from './benchmarks/rcpt.js';
import { smtp } from './benchmarks/smtp.js';
import { start } from './benchmarks/start.js';
import { stores } from './benchmarks/stores.js';
import { loadPrograms } from './load/programs.js';
import { runAsLoad } from './measure/load.js';
import { costliestFunctions } from './measure/profile.js';
import { serveBareLibrary } from './servers/bare-library.js';
import { Workplace } from './servers/workplace.js';

const benchmarks: Readonly<Record<string, Benchmark>> = {
  smtp,
  rcpt,
  stores,
  pop3,
  imap,
  'imap-large': imapLarge,
  logins,
  connections: connectionsHeld,
  queue,
  'queue-large': queueLarge,
  start,
  admin,
};

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      dir: { type: 'string', default: os.tmpdir() },
      keep: { type: 'boolean', default: false },
      profile: { type: 'string' },
    },
  });
  const unknown = positionals.filter((name) => benchmarks[name] === undefined);
  if (unknown.length > 0)
    throw new Error(`no such benchmark: ${unknown.join(' ')}; there are ${Object.keys(benchmarks).join(' ')}`);
  const options: BenchmarkOptions = {
    quick: values.quick,
    rounds: Number(values.rounds ?? (values.quick ? 1 : 3)),
    seconds: Number(values.seconds ?? (values.quick ? 0.8 : 1.5)),
    warmUpSeconds: values.quick ? 3 : 10,
    profile: values.profile === undefined ? undefined : path.resolve(values.profile),
    progress: (text) => process.stderr.write(`${text}\n`),
  };
  const results: Record<string, readonly unknown[]> = {};
  const workplaces: Workplace[] = [];
  process.once('SIGINT', () => void abandon(workplaces, values.keep));
  try {
    for (const name of positionals.length === 0 ? Object.keys(benchmarks) : positionals) {
      const workplace = new Workplace(values.dir);
      workplaces.push(workplace);
      results[name] = await runOne(name, workplace, options);
    }
  } finally {
    // Only now: removing files slows down those who make some (servers/maildirs).
    if (!values.keep) for (const workplace of workplaces) workplace.remove();
  }
  if (values.json !== undefined) {
    const machine = { cpus: os.cpus().length, model: os.cpus()[0]?.model, node: process.version, kernel: os.release() };
    fs.writeFileSync(values.json, `${JSON.stringify({ machine, options, results }, undefined, 1)}\n`);
  }
}

/** Leaves neither processes nor files behind when somebody has waited long enough. */
async function abandon(workplaces: readonly Workplace[], keep: boolean): Promise<void> {
  for (const workplace of workplaces) {
    await workplace.stop();
    if (!keep) workplace.remove();
  }
  process.exit(130);
}

async function runOne(name: string, workplace: Workplace, options: BenchmarkOptions): Promise<readonly unknown[]> {
  const benchmark = benchmarks[name];
  if (benchmark === undefined) return [];
  const profile = options.profile === undefined ? undefined : path.join(options.profile, name);
  if (profile !== undefined) {
    fs.mkdirSync(profile, { recursive: true });
    // Workers write there after they have become another user.
    fs.chmodSync(profile, 0o777);
  }
  try {
    const { text, measurements } = await benchmark(workplace, { ...options, profile });
    process.stdout.write(`\n${text}\n`);
    if (profile !== undefined) {
      process.stdout.write(`\n${name}: where vqmail's processes spend their time\n\n${costliestFunctions(profile)}\n`);
    }
    return measurements;
  } finally {
    await workplace.stop();
  }
}

async function dispatch([first = '', second = '', third = '', ...rest]: string[]): Promise<void> {
  // `node --test DIRECTORY` runs every file below a directory named test.
  if (process.env.NODE_TEST_CONTEXT !== undefined) return;
  if (first === '--bare-library') return serveBareLibrary(second);
  if (first !== '--load') return main([first, second, third, ...rest].filter((argument) => argument !== ''));
  const program = Object.entries(loadPrograms).find(([name]) => name === second)?.[1];
  if (program === undefined) throw new Error(`no load program ${second}`);
  await runAsLoad((channel) => program(JSON.parse(third), channel));
}

await dispatch(process.argv.slice(2));
