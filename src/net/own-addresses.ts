// The IPv4 addresses of this host, as qmail finds them (ipme): those of all interfaces that are up, and 0.0.0.0.

import os from 'node:os';

/** Whether a dotted IPv4 address is one of this host's. The interfaces are looked at anew each time. */
export function isOwnAddress(ip: string): boolean {
  if (ip === '0.0.0.0') return true;
  return Object.values(os.networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === ip));
}
