// The host name of a client, for access rules such as `=.example.com:allow` and for Received lines: what tcpserver puts into TCPREMOTEHOST, when it looks.
//
// A name counts only when it leads back to the address (tcpserver -p). Whoever has an address may call it anything in its reverse zone, and a rule by name
// would otherwise let strangers relay. Trouble with the DNS, no name, an odd name, or a name that leads elsewhere: no name. Names come in lower case.

import { Resolver } from 'node:dns/promises';
import net from 'node:net';

/** The three questions; an own one for tests. */
export type NameResolver = Pick<Resolver, 'reverse' | 'resolve4' | 'resolve6'>;

/** Asks the system's name servers, for a few seconds at most. */
export function systemResolver(): NameResolver {
  return new Resolver({ timeout: 2000, tries: 2 });
}

/** The client's name; undefined when it has none that can be believed. Never rejects. */
export async function lookUpClientName(address: string, resolver: NameResolver): Promise<string | undefined> {
  try {
    const [name] = await resolver.reverse(address);
    if (name === undefined || !/^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/i.test(name) || name.length > 255) return undefined;
    const back = await (net.isIPv6(address) ? resolver.resolve6(name) : resolver.resolve4(name));
    return back.some((other) => isSame(other, address)) ? name.toLowerCase().replace(/\.$/, '') : undefined;
  } catch {
    return undefined;
  }
}

function isSame(a: string, b: string): boolean {
  if (!net.isIPv6(a) || !net.isIPv6(b)) return a === b;
  const list = new net.BlockList();
  list.addAddress(a, 'ipv6');
  return list.check(b, 'ipv6');
}
