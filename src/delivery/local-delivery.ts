// Delivery by this process: resolutions from the files of the host, messages into its Maildirs. It may do only what the process's uid may; domains of another
// uid are delivered through a process of that uid (src/processes).

import type { Host } from '../stores/host.js';
import { removeStaleTemporaries } from '../stores/maildir.js';
import type { Delivery, Envelope, ResolveOptions } from './accept.js';
import { LocalMessage } from './incoming-message.js';
import { refuse, trouble } from './outcomes.js';
import { hasQuota, overQuotaText, quotaState, warnOwner } from './quota.js';
import type { MaildirTarget, Resolution } from './resolution.js';
import { Resolver } from './resolve.js';

/** Delivery on this host. */
export function createDelivery(host: Host): Delivery {
  const cleaned = new Cleaning();
  const resolver = new Resolver(host);
  return {
    resolve(recipient: string, options: ResolveOptions = {}) {
      const resolution = resolver.resolve(recipient);
      const { outcome } = resolution;
      if (outcome.kind !== 'deliver' || !outcome.maildirs.some(hasQuota)) return resolution;
      return withinQuota(host, resolution, outcome.maildirs, options.declaredSizeBytes ?? 0);
    },
    accept(envelope: Envelope) {
      for (const { outcome } of envelope.recipients) {
        if (outcome.kind === 'deliver') for (const { maildir } of outcome.maildirs) cleaned.visit(maildir);
      }
      return new LocalMessage(host, envelope);
    },
  };
}

async function withinQuota(
  host: Host,
  resolution: Resolution,
  targets: readonly MaildirTarget[],
  declaredBytes: number,
): Promise<Resolution> {
  try {
    for (const target of targets.filter(hasQuota)) {
      if ((await quotaState(target, declaredBytes, Date.now())) !== 'over') continue;
      await warnOwner(host, target, Date.now());
      return { ...resolution, outcome: refuse(552, '5.2.2', overQuotaText(host, target)) };
    }
    return resolution;
  } catch (error) {
    return { ...resolution, outcome: trouble(error) };
  }
}

/** How often the tmp/ of a Maildir is looked through for files of dead writers, and how many Maildirs are remembered as done. */
const cleanAgainMs = 24 * 3600 * 1000;
const rememberedMaildirs = 10_000;

/** Sees to it that what crashed writers left in tmp/ goes away, at most once a day for a Maildir. */
class Cleaning {
  readonly #last = new Map<string, number>();

  visit(maildir: string): void {
    const now = Date.now();
    if (now - (this.#last.get(maildir) ?? 0) < cleanAgainMs) return;
    if (this.#last.size >= rememberedMaildirs) this.#last.clear();
    this.#last.set(maildir, now);
    void removeStaleTemporaries(maildir, now);
  }
}
