// The limits of a domain (.qmailadmin-limits) or of the host (vlimits.default) before and now, as the file's own keys: `+disable_pop`, `-disable_imap`, `maxpopaccounts -1 -> 50`.
//
// An absent file and one that limits nothing are the same here: for a domain the host's limits count then or not at all, which the watcher does not say.

import { type DomainLimits, noLimits } from '../../formats/vpopmail/domain-limits.js';

/** What differs, in the order of the file; empty when nothing does. */
export function limitChanges(before: DomainLimits | undefined, after: DomainLimits | undefined): string[] {
  const [was, is] = [before ?? noLimits, after ?? noLimits];
  return Object.entries(is).flatMap(([key, value]) => {
    const old = was[key as keyof DomainLimits];
    if (old === value) return [];
    return typeof value === 'boolean' ? [`${value ? '+' : '-'}${key}`] : [`${key} ${old} -> ${value}`];
  });
}
