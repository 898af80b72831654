// Where a message goes on to behind the queue, for `vqmail route`:
//
//   queued, and forwarded to x@example.org
//     /var/qmail/control: neither locals nor virtualdomains has its domain, so x@example.org is for another host
//     sent to the MX hosts of example.org
//       mx1.example.org, preference 10: 192.0.2.1                       with --dns
//   queued, and given to a program as uid 6020 in /home/vpopmail/domains/example.jp: /usr/bin/maildrop ...
//
// Names are looked up only when that is asked for: without it nothing leaves the machine.

import fs from 'node:fs';
import { findDestination } from '../../delivery/remote/destination.js';
import { literalAddress, type NameService } from '../../delivery/remote/names.js';
import type { Resolver } from '../../delivery/resolution/resolve.js';
import type { Onward } from '../../delivery/resolution/way.js';
import { describe } from '../../errors.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { parseMap } from '../../formats/controls/control-file.js';
import { routeFor, type SmtpRoute } from '../../formats/controls/smtp-routes.js';
import { lower, splitAddress } from '../../mail/address.js';
import { isOwnAddress } from '../../net/own-addresses.js';
import type { Host } from '../../stores/host.js';

export interface OnwardContext {
  readonly host: Host;
  readonly resolver: Resolver;
  readonly say: (step: string) => void;
  /** Where names are looked up; undefined: nowhere. */
  readonly names: NameService | undefined;
}

/** How far forwards are followed. */
const longestChain = 5;

/** Whether this host has a queue, or queue hosts. */
export function hasQueue(host: Host): boolean {
  if (fs.statSync(bytesPath(host.layout.queue), { throwIfNoEntry: false }) !== undefined) return true;
  try {
    return host.control.qmqpServers().length > 0;
  } catch {
    return false;
  }
}

/**
 * Tells where the queue sends a message. Does not throw.
 * @returns the exit code: 0; 100 or 111 when the message is for another host that will not get it, or not now
 */
export async function sayOnward(
  context: OnwardContext,
  places: readonly Onward[],
  seen: readonly string[] = [],
): Promise<number> {
  const { say } = context;
  let exitCode = 0;
  // A user whose default delivery is not known.
  if (places.length === 0) say('queued; where it goes then is for the queue to say');
  for (const place of places) {
    if (place.kind === 'program')
      say(`queued, and given to a program as uid ${place.uid} in ${place.hostDirectory}: ${place.command.trim()}`);
    else if (place.kind === 'mbox') say(`queued, and appended to ${place.path} in ${place.hostDirectory}`);
    else if (place.kind === 'forward') await sayForward(context, place.address, seen);
    else exitCode = await sayRemote(context, place.address);
  }
  return exitCode;
}

async function sayForward(context: OnwardContext, address: string, seen: readonly string[]): Promise<void> {
  const { resolver, say } = context;
  say(`queued, and forwarded to ${address}`);
  const inner = (step: string): void => say(`  ${step}`);
  if (seen.includes(lower(address))) return inner('which led here: the forwards go in a circle');
  if (seen.length >= longestChain) return inner('and so on');
  const onward: Onward[] = [];
  const { outcome } = resolver.resolve(address, inner, (where) => onward.push(where));
  if (outcome.kind === 'queue') {
    await sayOnward({ ...context, say: inner }, onward, [...seen, lower(address)]);
    return;
  }
  if (outcome.kind === 'deliver')
    return inner(
      `delivered to ${outcome.maildirs.map(({ maildir }) => `${context.host.layout.host(maildir)}/`).join(' and ')}`,
    );
  if (outcome.kind === 'discard') return inner(`thrown away: ${outcome.reason}`);
  inner(`${outcome.kind === 'refuse' ? 'bounced' : 'tried again later'}: ${outcome.text}`);
}

async function sayRemote(context: OnwardContext, address: string): Promise<number> {
  const { host, say } = context;
  const { domain = '' } = splitAddress(address);
  const servers = qmqpServers(host);
  if (servers.length > 0) {
    say(`handed by QMQP to the first of ${servers.join(', ')} that answers`);
    return 0;
  }
  let route: SmtpRoute;
  const file = host.layout.control('smtproutes');
  try {
    route = routeFor(parseMap(readIfPresent(file) ?? Buffer.alloc(0)), domain);
  } catch (error) {
    say(`${host.layout.host(file)}: cannot be read, so the queue tries again later: ${describe(error)}`);
    return 111;
  }
  const literal = literalAddress(domain);
  if (route.relay !== '')
    say(`queued, and sent to ${route.relay} port ${route.port}, as ${host.layout.host(file)} says`);
  else if (literal !== undefined) say(`queued, and sent to ${literal} port ${route.port}`);
  else say(`queued, and sent to the MX hosts of ${domain}`);
  return context.names === undefined ? 0 : sayAddresses(say, context.names, domain, route);
}

async function sayAddresses(
  say: OnwardContext['say'],
  names: NameService,
  domain: string,
  route: SmtpRoute,
): Promise<number> {
  const destination = await findDestination({ names, isOwnAddress, random: () => 0 }, domain, route);
  if ('report' in destination) {
    const { letter, text } = destination.report;
    say(`  ${text.trim().replaceAll('\n', ' ')}`);
    return letter === 'D' ? 100 : 111;
  }
  const byHost = new Map<string, { preference: number; addresses: string[] }>();
  for (const { host, ip, preference } of destination.targets) {
    const known = byHost.get(host) ?? { preference, addresses: [] };
    known.addresses.push(ip);
    byHost.set(host, known);
  }
  for (const [host, { preference, addresses }] of byHost)
    say(`  ${host}${route.relay === '' ? `, preference ${preference}` : ''}: ${addresses.join(' ')}`);
  return 0;
}

function qmqpServers(host: Host): readonly string[] {
  try {
    return host.control.qmqpServers();
  } catch {
    return [];
  }
}
