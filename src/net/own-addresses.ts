// The addresses of this host, as qmail finds them (ipme): those of all interfaces that are up, and 0.0.0.0. Those of IPv6 likewise, however they are written, with `::`; an IPv4
// address that is written as one of IPv6 (`::ffff:192.0.2.1`) is that of IPv4.

import net from 'node:net';
import os from 'node:os';

/** Whether an address is one of this host's. The interfaces are looked at anew each time. */
export function isOwnAddress(ip: string): boolean {
  const plain = plainAddress(ip);
  if (plain === '0.0.0.0' || plain === '::') return true;
  return Object.values(os.networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === plain));
}

function plainAddress(ip: string): string {
  if (!net.isIPv6(ip)) return ip;
  const { address } = new net.SocketAddress({ address: ip, family: 'ipv6' });
  return /^::ffff:([0-9.]+)$/.exec(address)?.[1] ?? address;
}
