// What qmail-send goes by: read when it starts, and of that only `locals` and `virtualdomains` again at SIGHUP (formats/qmail.md 1.2 and 4.7). A message that was preprocessed
// before keeps what it got.
//
// A control file that cannot be read keeps the queue from being taken; at SIGHUP both old values stay.

import type { RewritingRules } from '../formats/controls/address-rewriting.js';
import type { BounceIdentity } from '../formats/queue/queue-bounce.js';
import { lower } from '../mail/address.js';
import type { Control } from '../stores/control.js';
import type { ChannelName } from './tree.js';

export interface QueueControls extends BounceIdentity {
  readonly me: string | undefined;
  readonly rules: RewritingRules;
  /** Simultaneous deliveries of each channel; 0 holds them. */
  readonly concurrency: Readonly<Record<ChannelName, number>>;
  readonly lifetimeSeconds: number;
}

/** The deliveries that a channel may have at once, whatever the control files say: conf-spawn, which is compiled into qmail's spawners. */
export const defaultSpawnLimit = 120;

/** @throws TemporaryError when a file cannot be read, or neither locals nor me is there */
export function readQueueControls(control: Control, spawnLimit = defaultSpawnLimit): QueueControls {
  const me = control.me();
  // The originals keep these in an unsigned int: a negative number is a huge one.
  const concurrency = (name: string, otherwise: number): number =>
    Math.min(spawnLimit, (control.number(name) ?? otherwise) >>> 0);
  return {
    me,
    rules: control.rewriting(),
    concurrency: { local: concurrency('concurrencylocal', 10), remote: concurrency('concurrencyremote', 20) },
    lifetimeSeconds: control.number('queuelifetime') ?? 604_800,
    bounceFrom: control.line('bouncefrom') ?? 'MAILER-DAEMON',
    bounceHost: control.line('bouncehost') ?? me ?? 'bouncehost',
    doubleBounceTo: control.line('doublebounceto') ?? 'postmaster',
    doubleBounceHost: control.line('doublebouncehost') ?? me ?? 'doublebouncehost',
  };
}

/** The file that could not be read again at SIGHUP. */
export class RereadError extends Error {
  readonly file: 'control/locals' | 'control/virtualdomains';
  constructor(file: RereadError['file'], cause: unknown) {
    super(`unable to reread ${file}`, { cause });
    this.file = file;
  }
}

/** The controls with `locals` and `virtualdomains` as they are now; without `locals` the name that this host had at the start counts. @throws RereadError */
export function rereadQueueControls(control: Control, before: QueueControls): QueueControls {
  const locals = reread('control/locals', () => {
    const listed = control.listedLocals();
    if (listed !== undefined) return listed;
    if (before.me === undefined) throw new Error('neither control/locals nor control/me');
    return new Set([lower(before.me)]);
  });
  const virtualDomains = reread('control/virtualdomains', () => control.virtualDomains());
  return { ...before, rules: { ...before.rules, locals, virtualDomains } };
}

function reread<T>(file: RereadError['file'], read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new RereadError(file, error);
  }
}
