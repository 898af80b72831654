// What writers are told to do to accounts: each account is added, gets other passwords, perhaps is deleted and added again, many of them at the same time; and what must be true when
// its last call has ended.

import { passwords } from './admin-host.js';
import type { Call } from './writers.js';

export interface LifecycleOptions {
  /** Begins every name, so that no other writer has it. */
  readonly prefix: string;
  readonly accounts: number;
  readonly domains: readonly string[];
  /** From 0 up to 1. */
  readonly random: () => number;
}

export interface Lifecycles {
  readonly calls: readonly Call[];
  /** Number of a call -> the account that it was the last one for, and the password that it then has; undefined: it is gone. */
  readonly settled: ReadonlyMap<number, { readonly address: string; readonly password: string | undefined }>;
}

/** How many accounts of one writer are being worked on. */
const atOnce = 20;

export function makeLifecycles(options: LifecycleOptions): Lifecycles {
  const { random } = options;
  const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(random() * items.length)];
  const waiting = Array.from({ length: options.accounts }, (_, number) => {
    const address = `${options.prefix}${number}@${pick(options.domains)}`;
    return { address, calls: callsFor(address, random, () => pick(passwords) ?? '') };
  });
  const calls: Call[] = [];
  const settled = new Map<number, { address: string; password: string | undefined }>();
  const active = waiting.splice(0, atOnce);
  while (active.length > 0) {
    const at = Math.floor(random() * active.length);
    const one = active[at];
    const call = one?.calls.shift();
    if (one === undefined || call === undefined) break;
    calls.push(call);
    if (one.calls.length > 0) continue;
    settled.set(calls.length - 1, { address: one.address, password: call[2] });
    active.splice(at, 1, ...waiting.splice(0, 1));
  }
  return { calls, settled };
}

function callsFor(address: string, random: () => number, password: () => string): Call[] {
  const calls: Call[] = [['vadduser', address, password()]];
  if (random() < 0.5) calls.push(['vpasswd', address, password()]);
  if (random() < 0.5) return calls;
  calls.push(['vdeluser', address]);
  if (random() < 0.2) calls.push(['vadduser', address, password()]);
  return calls;
}
