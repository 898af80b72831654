// Every comparison that is asked for, one account after the other, so that neither server has more than one session of it.

import { describe } from '../../src/errors.js';
import type { Layout } from '../../src/layout.js';
import { nameOf } from '../clients/server-address.js';
import { lookAtAccount } from './account.js';
import type { ComparedAccount } from './accounts.js';
import { type Difference, lastingDifferences } from './difference.js';
import { type Counts, type Looked, noCounts, type ServerPair } from './looked.js';
import { askedRecipients } from './recipients.js';
import { lookAtRecipients } from './smtp.js';

export interface ShadowOptions {
  readonly pairs: readonly ServerPair[];
  readonly accounts: readonly ComparedAccount[];
  /** At most so many accounts and aliases of a domain are asked for by SMTP. */
  readonly sample: number | undefined;
  /** The newest of a folder that are looked at. */
  readonly mostMessages: number;
  /** The address to connect from. */
  readonly from: string | undefined;
  readonly progress: (done: number, of: number) => void;
}

export interface ShadowReport {
  readonly differences: readonly Difference[];
  readonly compared: readonly ({ readonly protocol: string } & Counts)[];
}

interface Task {
  readonly subject: string;
  readonly look: () => Promise<Looked>;
}

/** Compares. What cannot be asked is a difference. @throws TemporaryError when the host's files cannot be read */
export async function compareServers(layout: Layout, options: ShadowOptions): Promise<ShadowReport> {
  const differences: Difference[] = [];
  const compared: ({ protocol: string } & Counts)[] = [];
  const perPair = await Promise.all(options.pairs.map((pair) => tasksOf(layout, pair, options)));
  const of = perPair.reduce((sum, tasks) => sum + tasks.length, 0);
  let done = 0;
  for (const [index, { old }] of options.pairs.entries()) {
    const protocol = nameOf(old);
    let total = noCounts;
    for (const task of perPair[index] ?? []) {
      options.progress(done++, of);
      let counts = noCounts;
      differences.push(
        ...(await lastingDifferences(async () => {
          const looked = await tried(task);
          counts = looked.counts;
          return looked.found.map(({ of: part, ...found }) => ({
            protocol,
            subject: [task.subject, part ?? ''].filter((word) => word !== '').join(' '),
            ...found,
          }));
        })),
      );
      total = sumOf(total, counts);
    }
    compared.push({ protocol, ...total });
  }
  options.progress(of, of);
  return { differences, compared };
}

async function tasksOf(layout: Layout, pair: ServerPair, options: ShadowOptions): Promise<Task[]> {
  if (pair.protocol !== 'smtp')
    return options.accounts.map((account) => ({
      subject: account.name,
      look: () => lookAtAccount(pair, account, options),
    }));
  const recipients = await askedRecipients(layout, options.sample);
  return [{ subject: '', look: () => lookAtRecipients(pair, recipients, options.from) }];
}

async function tried({ look }: Task): Promise<Looked> {
  try {
    return await look();
  } catch (error) {
    const unknown = { old: 'unknown', new: 'unknown', cause: describe(error), isNoticed: true };
    return { found: [{ what: 'could not be compared', ...unknown }], counts: noCounts };
  }
}

function sumOf(a: Counts, b: Counts): Counts {
  return {
    recipients: a.recipients + b.recipients,
    accounts: a.accounts + b.accounts,
    messages: a.messages + b.messages,
  };
}
