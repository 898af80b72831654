// MTA-STS (RFC 8461): a domain says which MX hosts are its own and that they speak TLS with a certificate which anybody can check. Kept policies by domain.
//
//   _mta-sts.example.jp  TXT  "v=STSv1; id=20261124"        there is a policy, in this version
//   https://mta-sts.example.jp/.well-known/mta-sts.txt      mode: enforce, mx: *.example.jp, max_age: 604800
//
// Only `enforce` changes where mail goes. The record is looked at again after `recheckMs`; a policy that is kept counts until its max_age is over, whatever happens to the record or
// to the server meanwhile, and is fetched again when half of that is over, or a day, so that it does not run out while it is in force (RFC 8461 3.3). One that cannot be fetched
// is not asked for again for `recheckMs`, and mail goes as if there were none. Policies are in memory: a process that starts anew fetches them again.
//
// Mail that goes to a relay of smtproutes has no business with the policy of the recipient's domain.

import { lower } from '../../../mail/address.js';

export interface StsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none';
  /** Host names, or `*.` and what follows the first label. */
  readonly mx: readonly string[];
  readonly maxAgeSeconds: number;
}

/** Where records and policies come from. */
export interface StsSource {
  /** The id in the TXT record; undefined: there is none. @throws when it cannot be asked for */
  policyId(domain: string): Promise<string | undefined>;
  /** @throws when it cannot be had, or is no policy */
  fetch(domain: string): Promise<StsPolicy>;
}

interface Kept {
  readonly id: string | undefined;
  readonly policy: StsPolicy | undefined;
  readonly expiresMs: number;
  readonly refreshAtMs: number;
  readonly recheckAtMs: number;
}

const recheckMs = 10 * 60 * 1000;
/** However short the age of a policy is, it is not fetched more often. */
const leastMs = 60 * 1000;
const dayMs = 24 * 60 * 60 * 1000;
const mostDomains = 5000;

export class StsPolicies {
  readonly #source: StsSource;
  readonly #nowMs: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #running = new Map<string, Promise<StsPolicy | undefined>>();

  constructor(source: StsSource, nowMs: () => number = Date.now) {
    this.#source = source;
    this.#nowMs = nowMs;
  }

  /** The policy to be enforced for a domain; undefined: none. Never rejects. */
  async enforced(domain: string): Promise<StsPolicy | undefined> {
    const name = lower(domain).replace(/\.$/, '');
    const kept = this.#kept.get(name);
    const policy =
      kept !== undefined && this.#nowMs() < kept.recheckAtMs ? this.#valid(kept) : await this.#once(name, kept);
    return policy?.mode === 'enforce' ? policy : undefined;
  }

  /** Several messages for a domain ask for its policy once. */
  #once(name: string, kept: Kept | undefined): Promise<StsPolicy | undefined> {
    const running = this.#running.get(name) ?? this.#look(name, kept).finally(() => this.#running.delete(name));
    this.#running.set(name, running);
    return running;
  }

  async #look(name: string, kept: Kept | undefined): Promise<StsPolicy | undefined> {
    const next = await this.#next(name, kept).catch(() => this.#asBefore(kept));
    this.#kept.delete(name);
    this.#kept.set(name, next);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > mostDomains && oldest !== undefined) this.#kept.delete(oldest);
    return this.#valid(next);
  }

  async #next(name: string, kept: Kept | undefined): Promise<Kept> {
    const id = await this.#source.policyId(name);
    const isSame = kept !== undefined && id === kept.id && this.#nowMs() < kept.refreshAtMs;
    if (id === undefined || isSame) return this.#asBefore(kept);
    const policy = await this.#source.fetch(name);
    const [now, ageMs] = [this.#nowMs(), 1000 * policy.maxAgeSeconds];
    const refreshAtMs = now + Math.min(ageMs / 2, dayMs);
    const recheckAtMs = Math.min(now + recheckMs, Math.max(refreshAtMs, now + leastMs));
    return { id, policy, expiresMs: now + ageMs, refreshAtMs, recheckAtMs };
  }

  #asBefore(kept: Kept | undefined): Kept {
    const nothing = { id: undefined, policy: undefined, expiresMs: 0, refreshAtMs: 0 };
    return { ...nothing, ...kept, recheckAtMs: this.#nowMs() + recheckMs };
  }

  #valid({ policy, expiresMs }: Kept): StsPolicy | undefined {
    return this.#nowMs() < expiresMs ? policy : undefined;
  }
}

/** Whether a policy names an MX host. A star stands for one label (RFC 8461 4.1). */
export function namesHost({ mx }: StsPolicy, host: string): boolean {
  const name = lower(host).replace(/\.$/, '');
  return mx.some((pattern) => {
    const wanted = lower(pattern);
    return wanted.startsWith('*.') ? name.slice(name.indexOf('.')) === wanted.slice(1) : name === wanted;
  });
}
