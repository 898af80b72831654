// How soon `vqmail watch --json` tells of a change: from the return of a tool's call (vpasswd, the last rename is then done) to its line, on hosts with few and with many domains.

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
  readonly domains: number;
  /** Infinity: no line came. */
  readonly milliseconds: number;
}

const sizes = { full: [10, 10_000], quick: [10, 1000] };
const accountsPerDomain = 10;
const patienceMs = 5000;

export async function watcherLatency(workplace: Workplace, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const measurements: Measurement[] = [];
  for (const domains of options.quick ? sizes.quick : sizes.full) {
    options.progress(`watcher: ${domains} domains`);
    const layout = makeAdminTree(workplace, `watcher-${domains}`, { domains, accountsPerDomain });
    const watcher = new Watcher(workplace, layout.root, `watch-${domains}`);
    await watcher.ready(layout.root);
    for (let change = 0; change < options.rounds * 20; change++) {
      const [domain, user] = [domainName((change * 37) % domains), accountName(change % accountsPerDomain)];
      const seen = watcher.lineWith(domain);
      const { exit, stdout } = await callTool(layout.root, ['vpasswd', `${user}@${domain}`, `secret-${change}`]);
      if (exit !== 0) throw new Error(`vpasswd: ${exit} ${stdout}`);
      const done = performance.now();
      const at = await seen;
      // A line may come before the call has returned.
      measurements.push({
        domains,
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
  const rows = [...new Set(measurements.map(({ domains }) => domains))].map((domains) => {
    const own = measurements.filter((m) => m.domains === domains).map(({ milliseconds }) => milliseconds);
    const sorted = own.toSorted((a, b) => a - b);
    return [
      `${domains} domains`,
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
