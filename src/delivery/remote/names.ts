// Names to addresses: the MX, A and AAAA records of a domain (RFC 5321 5.1), asked of the machine's resolver, or of the servers that a caller names.
//
// Four answers, which must never look like each other: records; the name is there without such records (NODATA); there is no such name (NXDOMAIN, or a name that cannot
// be one); later: the servers failed, refused or said nothing. CNAMEs are followed by the resolver that is asked. There is no search list and no /etc/hosts, as in qmail.
// A name in UTF-8 is asked for in its ASCII form (RFC 5890).

import dns from 'node:dns';
import net from 'node:net';
import { domainToASCII } from 'node:url';
import { errnoOf } from '../../errors.js';

export type NameAnswer<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'none' | 'missing' | 'later' };

export interface MailExchanger {
  readonly host: string;
  readonly preference: number;
}

export interface NameService {
  /** The MX records of a domain, in any order. A null MX (RFC 7505) has the host ''. */
  exchangers(domain: string): Promise<NameAnswer<readonly MailExchanger[]>>;
  /** The addresses of a host, those of IPv4 first. */
  addresses(host: string): Promise<NameAnswer<readonly string[]>>;
}

/** How long the first try at one server may take (each further one twice as long), and how many there are. */
export interface NamePatience {
  readonly timeout: number;
  readonly tries: number;
}
const usualPatience: NamePatience = { timeout: 5000, tries: 3 };

/**
 * Names as DNS has them.
 * @param servers addresses, with a port where it is not 53 (`127.0.0.1:5353`); the machine's unless given
 */
export function dnsNames(servers?: readonly string[], patience: NamePatience = usualPatience): NameService {
  const resolver = new dns.promises.Resolver(patience);
  if (servers !== undefined) resolver.setServers(servers);
  return {
    exchangers: (domain) =>
      ask(domain, async (name) =>
        (await resolver.resolveMx(name)).map(({ exchange, priority }) => ({ host: exchange, preference: priority })),
      ),
    addresses: async (host) => {
      const [four, six] = await Promise.all([
        ask(host, (name) => resolver.resolve4(name)),
        ask(host, (name) => resolver.resolve6(name)),
      ]);
      return together(four, six);
    },
  };
}

async function ask<T>(name: string, query: (name: string) => Promise<T[]>): Promise<NameAnswer<readonly T[]>> {
  const ascii = asciiName(name);
  if (ascii === undefined) return { kind: 'missing' };
  try {
    const value = await query(ascii);
    return value.length === 0 ? { kind: 'none' } : { kind: 'found', value };
  } catch (error) {
    return { kind: answerOf(errnoOf(error)) };
  }
}

function answerOf(code: string | undefined): 'none' | 'missing' | 'later' {
  if (code === dns.NODATA) return 'none';
  if (code === dns.NOTFOUND || code === dns.BADNAME || code === dns.BADQUERY) return 'missing';
  return 'later';
}

/** A name that DNS may be asked for; undefined: there cannot be such a host. */
export function asciiName(name: string): string | undefined {
  const bare = name.replace(/\.$/, '');
  if (bare === '' || bare.length > 253 || /[\x00-\x20\x7f]/.test(bare)) return undefined;
  if (/^[\x21-\x7e]*$/.test(bare))
    return bare.split('.').some((label) => label === '' || label.length > 63) ? undefined : bare;
  return domainToASCII(Buffer.from(bare, 'latin1').toString('utf8')) || undefined;
}

function together(
  four: NameAnswer<readonly string[]>,
  six: NameAnswer<readonly string[]>,
): NameAnswer<readonly string[]> {
  const found = [four, six].flatMap((answer) => (answer.kind === 'found' ? answer.value : []));
  if (found.length > 0) return { kind: 'found', value: found };
  if (four.kind === 'later' || six.kind === 'later') return { kind: 'later' };
  return { kind: four.kind === 'missing' && six.kind === 'missing' ? 'missing' : 'none' };
}

/** An IP address written as a domain: `1.2.3.4`, `[1.2.3.4]`, `[IPv6:2001:db8::1]`, `[::1]`. undefined: it is a name. */
export function literalAddress(domain: string): string | undefined {
  if (net.isIPv4(domain)) return domain;
  const inside = /^\[(?:IPv6:)?([^\]]*)\]$/i.exec(domain)?.[1];
  return inside !== undefined && net.isIP(inside) !== 0 ? inside : undefined;
}
