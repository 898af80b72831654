// How soon `vqmail watch --json` tells of a change: from the return of a tool's call (vpasswd, the last rename is then done) to its line, on hosts with few and with many domains, and in a domain of
// 100,000 accounts.

import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { accountName, domainName } from '../../../stores/large-host.js';
import { callTool } from '../../../support/call-tool.js';
import { vqmailProgram } from '../../../support/started-server.js';
import { figure, median, table } from '../../measure/table.js';
import type { Workplace } from '../../servers/workplace.js';
import type { BenchmarkOptions, BenchmarkResult } from '../benchmark.js';
import { makeAdminTree } from './admin-tree.js';

interface Measurement {
  /** The host. */
  readonly host: string;
  /** Infinity: no line came. */
  readonly milliseconds: number;
}

interface Size {
  readonly domains: number;
  readonly accountsPerDomain: number;
  readonly changesPerRound: number;
}

const few: Size = { domains: 10, accountsPerDomain: 10, changesPerRound: 20 };
const sizes: Readonly<Record<'full' | 'quick', readonly Size[]>> = {
  full: [
    few,
    { domains: 10_000, accountsPerDomain: 10, changesPerRound: 20 },
    { domains: 1, accountsPerDomain: 100_000, changesPerRound: 10 },
  ],
  quick: [
    few,
    { domains: 1000, accountsPerDomain: 10, changesPerRound: 20 },
    { domains: 1, accountsPerDomain: 20_000, changesPerRound: 10 },
  ],
};
const patienceMs = 5000;

export async function watcherLatency(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const measurements: Measurement[] = [];
  for (const { domains, accountsPerDomain, changesPerRound } of options.quick ? sizes.quick : sizes.full) {
    const host = `${domains} domain${domains === 1 ? '' : 's'} of ${accountsPerDomain} accounts`;
    options.progress(`watcher: ${host}`);
    const layout = makeAdminTree(workplace, `watcher-${domains}`, { domains, accountsPerDomain });
    const watcher = new Watcher(workplace, layout.root, `watch-${domains}`);
    await watcher.ready(layout.root);
    for (let change = 0; change < options.rounds * changesPerRound; change++) {
      const [domain, user] = [domainName((change * 37) % domains), accountName((change * 7919) % accountsPerDomain)];
      const seen = watcher.lineWith(domain);
      const { exit, stdout } = await callTool(layout.root, ['vpasswd', `${user}@${domain}`, `secret-${change}`]);
      if (exit !== 0) throw new Error(`vpasswd: ${exit} ${stdout}`);
      const done = performance.now();
      const at = await seen;
      // A line may come before the call has returned.
      measurements.push({
        host,
        milliseconds: at === undefined ? Number.POSITIVE_INFINITY : Math.max(0, at - done),
      });
      await pause(20 + Math.random() * 100);
    }
    await watcher.stop();
  }
  return { text: report(measurements), measurements };
}

/** A running `vqmail watch` and its lines. */
class Watcher {
  readonly #child: ChildProcess;
  readonly #stop: () => Promise<void>;
  #waiting: ((line: string) => void)[] = [];

  constructor(workplace: Workplace, root: string, name: string) {
    const args = [vqmailProgram, '--root', root, 'watch', '--json'];
    const { child, started } = workplace.start(name, process.execPath, args, { pipeOutput: true });
    this.#child = child;
    this.#stop = started.stop;
    let rest = '';
    child.stdout?.setEncoding('latin1').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) for (const take of [...this.#waiting]) take(line);
    });
  }

  /** When the next line with this text came; undefined when none did in time. */
  lineWith(text: string): Promise<number | undefined> {
    return new Promise((resolve) => {
      const end = (at: number | undefined): void => {
        clearTimeout(timer);
        this.#waiting = this.#waiting.filter((other) => other !== take);
        resolve(at);
      };
      const take = (line: string): void => {
        if (line.includes(text)) end(performance.now());
      };
      const timer = setTimeout(() => end(undefined), patienceMs);
      this.#waiting.push(take);
    });
  }

  /** Changes something until a line tells of it: the watcher is up then. */
  async ready(root: string): Promise<void> {
    for (let attempt = 0; attempt < 24; attempt++) {
      const seen = this.lineWith(domainName(0));
      await callTool(root, ['vpasswd', `${accountName(0)}@${domainName(0)}`, `ready-${attempt}`]);
      if ((await seen) !== undefined) return;
      if (this.#child.exitCode !== null) break;
    }
    throw new Error('vqmail watch tells nothing');
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}

function report(measurements: readonly Measurement[]): string {
  const rows = [...new Set(measurements.map(({ host }) => host))].map((host) => {
    const own = measurements.filter((m) => m.host === host).map(({ milliseconds }) => milliseconds);
    const sorted = own.toSorted((a, b) => a - b);
    return [
      host,
      figure(median(own)),
      figure(sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN),
      String(own.filter((value) => !Number.isFinite(value)).length),
    ];
  });
  return [
    'admin: from the exit of vpasswd to the line of `vqmail watch --json` (aim: under 100 ms at the median)',
    '',
    table(['', 'median ms', '95 % ms', 'not told'], rows),
  ].join('\n');
}
