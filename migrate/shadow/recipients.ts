// Which recipients two SMTP servers are asked for: of each domain of the host accounts, aliases and a name that nobody has, by alias domains too; and addresses elsewhere, in the ways by
// which a relay may be tried.

import { randomBytes } from 'node:crypto';
import { parseVdelivermail } from '../../src/formats/dot-qmail/vdelivermail-command.js';
import type { Layout } from '../../src/layout.js';
import { type ListedDomain, listedDomains } from '../../src/stores/accounts/domain-list.js';
import { accountsOf } from '../../src/stores/accounts/enumeration.js';
import { aliasLines, aliasNames } from '../../src/stores/domains/aliases.js';
import { sampleOf } from './accounts.js';

/** By the files of the host. A trick is a spelling by which a server could be made to relay. */
export type RecipientKind = 'account' | 'alias' | 'missing' | 'catch-all' | 'relay' | 'trick';

export interface AskedRecipient {
  readonly address: string;
  readonly kind: RecipientKind;
}

/** A domain that is nowhere (RFC 2606). */
export const elsewhere = 'relay-test.invalid';

/** @param sample at most so many accounts, and as many aliases, of a domain @throws TemporaryError */
export async function askedRecipients(layout: Layout, sample: number | undefined): Promise<AskedRecipient[]> {
  const domains = listedDomains(layout) ?? [];
  const asked: AskedRecipient[] = [];
  for (const place of domains) asked.push(...(await recipientsOf(place, place.name === place.realName ? sample : 1)));
  return [...asked, ...relayAttempts(domains[0]?.name)];
}

async function recipientsOf(place: ListedDomain, sample: number | undefined): Promise<AskedRecipient[]> {
  const at = (kind: RecipientKind) => (name: string) => ({ address: `${name}@${place.name}`, kind });
  const accounts = accountsOf(place).map(({ name }) => name);
  const aliases = (await aliasNames(place)).filter((name) => !/default|-owner/.test(name));
  const nobody = `nobody-${randomBytes(6).toString('hex')}`;
  return [
    ...sampleOf(accounts, sample).map(at('account')),
    ...sampleOf(aliases, sample).map(at('alias')),
    at(takesAll(place) ? 'catch-all' : 'missing')(nobody),
  ];
}

/** Whether mail for names that nobody has goes somewhere. */
function takesAll(place: ListedDomain): boolean {
  const lines = (aliasLines(place, 'default') ?? []).filter((line) => line !== '' && !line.startsWith('#'));
  const ends = lines.map((line) => (line.startsWith('|') ? parseVdelivermail(line.slice(1))?.args[1] : undefined));
  return lines.length > 0 && ends.some((end) => end !== 'bounce-no-mailbox' && end !== 'delete');
}

function relayAttempts(domain: string | undefined): AskedRecipient[] {
  const tricks =
    domain === undefined
      ? []
      : [`joe%${elsewhere}@${domain}`, `@${domain}:joe@${elsewhere}`, `"joe@${elsewhere}"@${domain}`];
  return [
    { address: `joe@${elsewhere}`, kind: 'relay' },
    ...[...tricks, `${elsewhere}!joe`].map((address) => ({ address, kind: 'trick' as const })),
  ];
}
