// Asks a host's files for recipients all over it, as fast as they answer, in a process of its own: what one answer costs, and what the process needs then.

import { Layout } from '../../../src/layout.js';
import { type Host, openHost } from '../../../src/stores/host.js';
import { accountName, domainName } from '../../stores/large-host.js';

export interface StoreLoad {
  readonly root: string;
  readonly domains: number;
  readonly accountsPerDomain: number;
  readonly seconds: number;
}

export interface StoreResult {
  /** From the start of the process to its first answer. */
  readonly startMs: number;
  /** Processor time of one answer about an account that is there, and about one that is not. */
  readonly cpuMicroseconds: number;
  readonly unknownCpuMicroseconds: number;
  readonly residentMib: number;
}

/** One answer: is the domain ours, who serves it, is there such an account, what does .qmail-default say. */
function answer(host: Host, domainName: string, account: string): boolean {
  if (!host.control.isAllowedRecipientDomain(`${account}@${domainName}`)) throw new Error(`not ours: ${domainName}`);
  const domain = host.domain(domainName);
  return domain?.dotQmail('-default') !== undefined && domain.account(account) !== undefined;
}

export function askStores(load: StoreLoad): StoreResult {
  const host = openHost(new Layout({ root: load.root }));
  if (!answer(host, domainName(0), accountName(0))) throw new Error('the first account is not found');
  const startMs = performance.now();
  // Every domain once: the kernel's own caches are not what is measured.
  for (let number = 0; number < load.domains; number++) answer(host, domainName(number), accountName(0));
  const known = cpuPerAnswer(host, load, accountName, true);
  const unknown = cpuPerAnswer(host, load, (account) => `no-${account}`, false);
  const residentMib = process.memoryUsage().rss / 1024 / 1024;
  return { startMs, cpuMicroseconds: known, unknownCpuMicroseconds: unknown, residentMib };
}

function cpuPerAnswer(
  host: Host,
  { domains, accountsPerDomain, seconds }: StoreLoad,
  name: (account: number) => string,
  expected: boolean,
): number {
  const begun = process.cpuUsage();
  const end = performance.now() + seconds * 1000;
  let answers = 0;
  while (performance.now() < end) {
    for (let i = 0; i < 100; i++, answers++) {
      // Two strides without a common factor with the sizes: every domain and account is met, none twice in a row.
      const account = name((answers * 104_729) % accountsPerDomain);
      if (answer(host, domainName((answers * 7919) % domains), account) !== expected)
        throw new Error(`wrong: ${account}`);
    }
  }
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / answers;
}
