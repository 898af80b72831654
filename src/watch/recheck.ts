// Whose open sessions have to be looked at again after events: those of accounts that were removed, have another password, or may have become closed to a service. What becomes of them,
// the disk decides (servers/open-sessions.ts), so it does not matter whether an event says too little: it names the account or the domain, no more.

import type { ChangeEvent } from './events.js';

/** One domain's sessions: those of some users, or all. */
export interface DomainRecheck {
  readonly domain: string;
  readonly users: readonly string[] | undefined;
}

/** `all`: the sessions of every domain. */
export type Recheck = 'all' | readonly DomainRecheck[];

/** @returns undefined when no session needs a look */
export function recheckAfter(events: readonly ChangeEvent[]): Recheck | undefined {
  const byDomain = new Map<string, Set<string> | undefined>();
  for (const event of events) {
    switch (event.event) {
      case 'limits changed':
        if (event.domain === undefined) return 'all';
        byDomain.set(event.domain, undefined);
        break;
      case 'domain removed':
      case 'domain moved':
      case 'domain changed':
        byDomain.set(event.domain, undefined);
        break;
      case 'user removed':
      case 'password changed':
      case 'flags changed': {
        const users = byDomain.has(event.domain) ? byDomain.get(event.domain) : new Set<string>();
        byDomain.set(event.domain, users?.add(event.user));
        break;
      }
    }
  }
  if (byDomain.size === 0) return undefined;
  return [...byDomain].map(([domain, users]) => ({ domain, users: users && [...users] }));
}
