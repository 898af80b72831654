// Delivery by this process: resolutions from the files of the host, messages into its Maildirs. It may do only what the process's uid may; domains of another
// uid are delivered through a process of that uid (src/processes).

import type { Host } from '../stores/host.js';
import { removeStaleTemporaries } from '../stores/maildir/maildir.js';
import type { Delivery, Envelope, ResolveOptions } from './accept.js';
import { LocalMessage } from './incoming-message.js';
import { QuotaKeeper } from './quota.js';
import { trouble } from './resolution/outcomes.js';
import type { MaildirTarget, Resolution } from './resolution/resolution.js';
import { Resolver } from './resolution/resolve.js';
import type { ResolverSettings } from './resolution/way.js';
import { Workload } from './workload.js';

export interface DeliverySettings extends ResolverSettings {
  /** What a message is told that does not fit: for good (552 5.2.2), as vpopmail is built by default, or for now (452 4.2.2). */
  readonly whenOverQuota?: 'refuse' | 'defer';
}

/** Delivery on this host. */
export function createDelivery(host: Host, settings: DeliverySettings = {}): Delivery {
  const cleaning = new Cleaning();
  const resolver = new Resolver(host, settings);
  const quotas = new QuotaKeeper(host, settings.whenOverQuota);
  const tools = { log: host.log, quotas, workload: new Workload() };
  return {
    resolve(recipient: string, options: ResolveOptions = {}) {
      if (options.withLeads) return resolver.resolveWithLeads(recipient);
      const resolution = options.isRewritten
        ? resolver.resolveAssigned(recipient).resolution
        : resolver.resolve(recipient);
      const { outcome } = resolution;
      if (outcome.kind !== 'deliver' || !outcome.maildirs.some((target) => quotas.isKept(target))) return resolution;
      return withinQuota(quotas, resolution, outcome.maildirs, options.declaredSizeBytes);
    },
    accept(envelope: Envelope) {
      for (const { outcome } of envelope.recipients) {
        if (outcome.kind === 'deliver') for (const { maildir } of outcome.maildirs) cleaning.visit(maildir);
      }
      return new LocalMessage(tools, envelope);
    },
  };
}

async function withinQuota(
  quotas: QuotaKeeper,
  resolution: Resolution,
  targets: readonly MaildirTarget[],
  declaredSizeBytes: number | undefined,
): Promise<Resolution> {
  try {
    const outcome = await quotas.refusalAtRecipient(targets, declaredSizeBytes);
    return outcome === undefined ? resolution : { ...resolution, outcome };
  } catch (error) {
    return { ...resolution, outcome: trouble(error) };
  }
}

/** How often the tmp/ of a Maildir is looked through for files of dead writers, and how many Maildirs are remembered as done. */
const cleanAgainMs = 24 * 3600 * 1000;
const rememberedMaildirs = 10_000;

/** Sees to it that what crashed writers left in tmp/ goes away: at most once a day for a Maildir, one Maildir at a time. */
class Cleaning {
  readonly #last = new Map<string, number>();
  #running: Promise<unknown> = Promise.resolve();

  visit(maildir: string): void {
    const now = Date.now();
    if (now - (this.#last.get(maildir) ?? 0) < cleanAgainMs) return;
    if (this.#last.size >= rememberedMaildirs) this.#last.clear();
    this.#last.set(maildir, now);
    this.#running = this.#running.then(() => removeStaleTemporaries(maildir, now));
  }
}
