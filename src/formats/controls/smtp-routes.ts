// control/smtproutes and control/authsenders: who takes the mail for a domain, or of a sender, instead of its MX hosts (formats/qmail.md 7.1, 1.6).
//
//   example.jp:relay.example.net:587                     a relay and its port; 25 without one
//   .example.jp:[2001:db8::25]:2525                      every host below; an IPv6 address stands in brackets, so that its colons are its own
//   local.example:                                       an empty relay: MX as usual
//   :smarthost.example:587|user|password                 everything else, with SMTP AUTH (the common patch)
//   partner.example:|||tls                               MX as usual; words of ours behind a third bar
//
// The words, separated by commas: `tls` never send in clear, `verify` the same and the certificate has to be good for the relay's name, `clear` the password may cross the
// net without TLS, `8bit` send 8-bit mail even where 8BITMIME is not offered. A password cannot have a bar in it. The keys of authsenders are senders: the
// whole address, `@domain`, or a part of it from a dot on; empty means everyone.
//
// The first key found decides: the whole name, then from each dot on, then the empty key. Of equal keys the last line wins (formats/controls/control-file.ts). A port that is
// no number, or none that exists, is 0, where nobody listens: mail waits until the line is put right.

import { lower } from '../../mail/address.js';

export type RouteWord = 'tls' | 'verify' | 'clear' | '8bit';

export interface SmtpLogin {
  readonly user: string;
  readonly password: string;
}

/** What one line says. */
export interface SmtpRoute {
  /** A host name or an IP address without brackets; '' means the MX hosts of the domain. */
  readonly relay: string;
  readonly port: number;
  readonly login: SmtpLogin | undefined;
  readonly words: ReadonlySet<RouteWord>;
}

const knownWords: readonly RouteWord[] = ['tls', 'verify', 'clear', '8bit'];
const smtpPort = 25;

/** How mail goes that no line is about: to the MX hosts of its domain. */
export const noRoute: SmtpRoute = { relay: '', port: smtpPort, login: undefined, words: new Set() };

/** The value of a line, what stands behind its first colon. Every text has a meaning. */
export function parseRoute(value: string): SmtpRoute {
  const [place = '', user = '', password = '', words = ''] = value.split('|');
  const login = user === '' ? undefined : { user, password };
  return { ...parsePlace(place), login, words: parseWords(words) };
}

/** The route for a domain, as written on the command line of qmail-remote: without it `noRoute`. @param routes as parseMap gives them */
export function routeFor(routes: ReadonlyMap<string, string>, domain: string): SmtpRoute {
  return find(routes, domain, '.') ?? noRoute;
}

/** The route for mail of a sender, from authsenders; undefined when none is about it, or an empty one. */
export function routeOfSender(routes: ReadonlyMap<string, string>, sender: string): SmtpRoute | undefined {
  return find(routes, sender, '.@');
}

function find(routes: ReadonlyMap<string, string>, name: string, boundaries: string): SmtpRoute | undefined {
  if (routes.size === 0) return undefined;
  const key = lower(name);
  for (let at = 0; at <= key.length; at++) {
    if (at > 0 && at < key.length && !boundaries.includes(key.charAt(at))) continue;
    const value = routes.get(key.slice(at));
    if (value !== undefined) return value === '' ? undefined : parseRoute(value);
  }
  return undefined;
}

function parsePlace(place: string): { relay: string; port: number } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(place);
  const relay = bracketed?.[1] ?? place.split(':', 1)[0] ?? '';
  const colon = place.indexOf(':');
  const port = bracketed === null ? (colon < 0 ? undefined : place.slice(colon + 1)) : bracketed[2];
  return { relay: relay.replace(/^IPv6:/i, ''), port: port === undefined ? smtpPort : parsePort(port) };
}

function parsePort(text: string): number {
  const port = Number(/^[0-9]+/.exec(text)?.[0] ?? 0);
  return port <= 65535 ? port : 0;
}

function parseWords(text: string): ReadonlySet<RouteWord> {
  const given = lower(text).split(/[,\s]+/);
  return new Set(knownWords.filter((word) => given.includes(word)));
}
