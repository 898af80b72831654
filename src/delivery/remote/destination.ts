// Which addresses a message for a domain may go to, in the order in which they are tried (RFC 5321 5.1, RFC 7505; formats/qmail.md 7.1, 7.2).
//
//   a route with a relay   the relay's addresses, never its MX hosts; this host may be its own relay
//   an IP literal          that address
//   MX records             their hosts by rising preference, equal ones in random order, each with its IPv4 addresses before those of IPv6: a host that has sent over IPv4
//                          for years is known, and named in SPF records, by those
//   no MX record           the domain's own addresses
//   a null MX              none: refused for good
//
// A host of an MX record that does not exist is left out. One that cannot be found at the moment is left out too, and when nothing is left the message waits. Where one of the
// addresses is this host's, that one and all of the same or a worse preference are left out; when nothing is left the mail would go in circles, and is refused.
//
// The name of a relay is this host's own setting, so a relay without an address makes mail wait; qmail-remote refuses it for good.

import net from 'node:net';
import type { SmtpRoute } from '../../formats/controls/smtp-routes.js';
import { literalAddress, type MailExchanger, type NameService } from './names.js';
import { fixedReports, type MessageReport, noSuchHost } from './reports.js';

/** One address to connect to. */
export interface Target {
  readonly ip: string;
  /** The name that the address belongs to; the address itself where there is none. */
  readonly host: string;
  readonly preference: number;
}

export type Destination = { readonly targets: readonly Target[] } | { readonly report: MessageReport };

/** What the search goes by. */
export interface DestinationSearch {
  readonly names: NameService;
  readonly isOwnAddress: (ip: string) => boolean;
  readonly random: () => number;
}

/** Where a message for `domain` goes. Never throws. */
export async function findDestination(
  search: DestinationSearch,
  domain: string,
  route: SmtpRoute,
): Promise<Destination> {
  if (route.relay !== '') return findRelay(search.names, route.relay);
  const found = await findHosts(search, domain);
  return 'report' in found ? found : withoutOurselves(found.targets, search.isOwnAddress);
}

async function findRelay(names: NameService, relay: string): Promise<Destination> {
  if (net.isIP(relay) !== 0) return { targets: [{ ip: relay, host: relay, preference: 0 }] };
  const answer = await names.addresses(relay);
  return answer.kind === 'found'
    ? { targets: targetsOf(answer.value, relay, 0) }
    : { report: fixedReports.noHostForNow };
}

async function findHosts(search: DestinationSearch, domain: string): Promise<Destination> {
  const literal = literalAddress(domain);
  if (literal !== undefined) return { targets: [{ ip: literal, host: literal, preference: 0 }] };
  const exchangers = await search.names.exchangers(domain);
  if (exchangers.kind === 'later') return { report: fixedReports.noHostForNow };
  if (exchangers.kind === 'found') return findExchangers(search, exchangers.value);
  const answer = await search.names.addresses(domain);
  if (answer.kind === 'found') return { targets: targetsOf(answer.value, domain, 0) };
  return { report: answer.kind === 'later' ? fixedReports.noHostForNow : noSuchHost(domain) };
}

async function findExchangers(search: DestinationSearch, exchangers: readonly MailExchanger[]): Promise<Destination> {
  const real = exchangers.filter(({ host }) => host !== '' && host !== '.').slice(0, mostExchangers);
  const ordered = shuffled(real, search.random).sort((a, b) => a.preference - b.preference);
  const answers = await Promise.all(ordered.map(({ host }) => addressesOf(search.names, host)));
  const targets = ordered.flatMap(({ host, preference }, index) => {
    const answer = answers[index];
    return answer?.kind === 'found' ? targetsOf(answer.value, host, preference) : [];
  });
  if (targets.length > 0) return { targets };
  const isForNow = answers.some(({ kind }) => kind === 'later');
  return { report: isForNow ? fixedReports.noHostForNow : fixedReports.noExchanger };
}

/** More MX records than that are no use to anybody but who wants us busy. */
const mostExchangers = 50;

async function addressesOf(names: NameService, host: string): ReturnType<NameService['addresses']> {
  const literal = literalAddress(host);
  return literal === undefined ? names.addresses(host) : { kind: 'found', value: [literal] };
}

function targetsOf(addresses: readonly string[], host: string, preference: number): Target[] {
  return addresses.map((ip) => ({ ip, host, preference }));
}

function withoutOurselves(targets: readonly Target[], isOwnAddress: (ip: string) => boolean): Destination {
  const own = targets.filter(({ ip }) => isOwnAddress(ip)).map(({ preference }) => preference);
  const limit = Math.min(...own);
  const left = targets.filter(({ preference }) => preference < limit);
  return left.length > 0 ? { targets: left } : { report: fixedReports.ourselves };
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  return order;
}
