// `vqmail serve` as an administrator starts it (as root: supervisor and one worker a core), on a host tree made for the benchmark.

import type { ChildProcess } from 'node:child_process';
import type { Layout } from '../../../src/layout.js';
import { vqmailProgram } from '../../support/started-server.js';
import { type HostTreeOptions, maildirOf, makeHostTree } from './host-tree.js';
import { accountNames, mailDomain, type SmtpServerUnderTest } from './smtp-server-under-test.js';
import type { Started, Workplace } from './workplace.js';

export interface VqmailOptions extends HostTreeOptions {
  /** A folder for .cpuprofile files: every process is profiled from start to end. */
  readonly profile?: string | undefined;
  /** Left to the program when undefined. */
  readonly workers?: number | undefined;
  /** Further options of `serve`. */
  readonly options?: readonly string[];
  /** Changes the tree before it is served. */
  readonly prepare?: (layout: Layout) => void;
}

export interface StartedVqmail extends Started {
  readonly layout: Layout;
  readonly smtpPort: number;
  readonly pop3Port: number;
  /** NaN unless it was asked for. */
  readonly qmqpPort: number;
  /** The port of another protocol that was asked for. */
  readonly ports: (protocol: string) => number;
  /** From its start until it was ready. */
  readonly startSeconds: number;
}

/** Makes the tree below `name` in the work place and serves it on free ports. @throws Error with the log when it ends before it is ready */
export async function startVqmail(workplace: Workplace, name: string, options: VqmailOptions): Promise<StartedVqmail> {
  const layout = makeHostTree(workplace, workplace.path(name), options);
  options.prepare?.(layout);
  const profile = options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`];
  const workers = options.workers === undefined ? [] : ['--workers', String(options.workers)];
  const listen = ['--listen', 'smtp=127.0.0.1:0', '--listen', 'pop3=127.0.0.1:0'];
  const args = [
    ...profile,
    vqmailProgram,
    'serve',
    '--root',
    layout.root,
    ...listen,
    ...workers,
    ...(options.options ?? []),
  ];
  const start = performance.now();
  const { child, started } = workplace.start(name, process.execPath, args, { pipeOutput: true });
  const output = await readyLine(child, () => workplace.log(name));
  const startSeconds = (performance.now() - start) / 1000;
  const port = (protocol: string): number =>
    Number(new RegExp(`\\b${protocol}=\\S*?:(\\d+)(?=\\s|$)`, 'm').exec(output)?.[1]);
  return {
    ...started,
    layout,
    smtpPort: port('smtp'),
    pop3Port: port('pop3'),
    qmqpPort: port('qmqp'),
    ports: port,
    startSeconds,
  };
}

function readyLine(child: ChildProcess, log: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
      const line = /^ready .*\n/m.exec(output)?.[0];
      if (line !== undefined) resolve(line);
    });
    child.once('exit', () => reject(new Error(`vqmail serve ended before it was ready: ${log()}`)));
  });
}

/** It as one of the servers of the delivery benchmarks: one domain with their accounts. */
export async function startVqmailForDelivery(workplace: Workplace, profile?: string): Promise<SmtpServerUnderTest> {
  const options = { domains: 1, accountsPerDomain: accountNames.length, passwd: () => '*', profile };
  const server = await startVqmail(workplace, 'vqmail', options);
  return {
    name: 'vqmail',
    pid: server.pid,
    port: server.smtpPort,
    recipients: accountNames.map((account) => `${account}@${mailDomain}`),
    maildirs: accountNames.map((_, account) => maildirOf(server.layout, 0, account)),
    drained: async () => {},
    stop: server.stop,
  };
}
