// The maps that a Postfix in front of this server asks, by name. Each answer is looked up in the files of the host when it is asked for.
//
//   name               key                    answer                                              main.cf
//   relay-domains      example.jp             OK where mail for it is taken from everybody        relay_domains
//   mydestination      example.jp             OK where it is delivered on this host besides       mydestination, virtual_mailbox_domains
//   transport          user@example.jp        the next hop of what is delivered on this host      transport_maps
//   recipients         user@example.jp        OK where the recipient exists                       relay_recipient_maps, virtual_mailbox_maps
//   recipient-access   user@example.jp        DUNNO, or the reply that RCPT gets here             check_recipient_access
//
// A recipient is asked for by the code of RCPT, so catch-alls, aliases, user-extension, disabled accounts and alias domains agree:
//
//   RCPT here                      recipients    recipient-access
//   250                            OK            DUNNO
//   552 5.2.2 over quota           OK            the reply: refused in front too, instead of taken and bounced
//   other 5xx                      NOTFOUND      the reply
//   4xx, trouble                   TEMP          the reply
//   needs the queue                OK            DUNNO
//   not in rcpthosts               NOTFOUND      DUNNO: another's business
//   passed on (a backup MX)        OK            DUNNO
//
// Postfix asks a socketmap with whole keys only. Who asks for `@example.jp` or for a name alone gets NOTFOUND, or every unknown user would be found. Names of maps may be written
// with `_` and with Postfix's own words (relay_recipient_maps).

import type { Delivery } from '../../delivery/accept.js';
import type { Outcome } from '../../delivery/resolution/resolution.js';
import { servedDomain } from '../../delivery/resolution/served-domain.js';
import { splitAddress } from '../../mail/address.js';
import { isOwnAddress } from '../../net/own-addresses.js';
import { longestAddress, parsePath, replaceLiteral } from '../../protocols/smtp-address.js';
import type { Control } from '../../stores/control.js';
import { type Answer, listed, notFound } from './answer.js';

/** What the maps ask. */
export interface MapSource {
  readonly control: Control;
  readonly delivery: Pick<Delivery, 'resolve'>;
  /** Where Postfix is to send what is delivered here, such as `smtp:[127.0.0.1]:10025`; undefined: nobody said. */
  nextHop(): string | undefined;
}

/** Looks a key up. Throws TemporaryError or CorruptFileError for trouble. */
export type MapLookUp = (source: MapSource, key: string) => Answer | Promise<Answer>;

const lookUps: Readonly<Record<string, MapLookUp>> = {
  'relay-domains': relayDomains,
  mydestination,
  transport,
  recipients,
  'recipient-access': recipientAccess,
};

/** Other words for them: those of main.cf. */
const synonyms: Readonly<Record<string, string>> = {
  domains: 'relay-domains',
  'virtual-domains': 'mydestination',
  'local-domains': 'mydestination',
  'virtual-mailbox-domains': 'mydestination',
  'transport-maps': 'transport',
  'relay-transport': 'transport',
  'relay-recipients': 'recipients',
  'relay-recipient-maps': 'recipients',
  'local-recipient-maps': 'recipients',
  'virtual-mailbox-maps': 'recipients',
  'check-recipient-access': 'recipient-access',
};

/** The names of the maps, for messages. */
export const mapNames: readonly string[] = Object.keys(lookUps);

/** The map with a name; undefined when there is none. */
export function findMap(name: string): MapLookUp | undefined {
  const word = name.toLowerCase().replaceAll('_', '-');
  const known = Object.hasOwn(synonyms, word) ? (synonyms[word] ?? word) : word;
  return Object.hasOwn(lookUps, known) ? lookUps[known] : undefined;
}

function relayDomains({ control }: MapSource, domain: string): Answer {
  return !domain.includes('@') && servedDomain(control, domain) !== undefined ? listed : notFound;
}

function mydestination({ control }: MapSource, domain: string): Answer {
  return !domain.includes('@') && servedDomain(control, domain) === 'here' ? listed : notFound;
}

function transport({ control, nextHop }: MapSource, key: string): Answer {
  const domain = key.includes('@') ? splitAddress(key).domain : key;
  if (domain === undefined || servedDomain(control, domain) !== 'here') return notFound;
  const hop = nextHop();
  if (hop !== undefined) return { kind: 'found', data: hop };
  return { kind: 'temporary', reason: 'the next hop is not known: vqmail serve needs --postmap-transport' };
}

async function recipients(source: MapSource, key: string): Promise<Answer> {
  const outcome = await outcomeOf(source, key);
  if (outcome === undefined) return notFound;
  if (isFull(outcome)) return listed;
  if (outcome.kind === 'defer') return { kind: 'temporary', reason: outcome.text, cause: outcome.cause };
  return outcome.kind === 'refuse' ? notFound : listed;
}

async function recipientAccess(source: MapSource, key: string): Promise<Answer> {
  const outcome = await outcomeOf(source, key);
  if (outcome === undefined || (outcome.kind !== 'refuse' && outcome.kind !== 'defer')) return dunno;
  return { kind: 'found', data: `${outcome.code} ${outcome.status} ${outcome.text}`.replace(/[^ -~]+/g, ' ') };
}

const dunno: Answer = { kind: 'found', data: 'DUNNO' };

/** What RCPT would come to for a client that may not relay; undefined where strangers may not send to the domain, and for what is no address. */
async function outcomeOf({ control, delivery }: MapSource, key: string): Promise<Outcome | undefined> {
  const address = addressOf(control, key);
  const { local, domain } = splitAddress(address);
  if (local === '' || domain === undefined || address.length > longestAddress) return undefined;
  if (servedDomain(control, domain) === undefined) return undefined;
  return (await delivery.resolve(address)).outcome;
}

/** Whether the mailbox is there and has no room, which passes. */
function isFull(outcome: Outcome): boolean {
  return 'status' in outcome && /^[45]\.2\.[23]$/.test(outcome.status);
}

/** A recipient as Postfix writes it: its local part may be in quotes, its domain an address of this host. */
function addressOf(control: Control, key: string): string {
  if (key.startsWith('@')) return '';
  const { address } = parsePath(`<${key}>`);
  if (!address.endsWith(']')) return address;
  const name = control.localIpHost();
  return name === undefined ? address : replaceLiteral(address, name, isOwnAddress);
}
