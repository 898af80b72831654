// Whom a word about others is believed: addresses and networks that an administrator names, and `unix` for who comes through a unix socket, whose mode says who that may be. Nobody unless named.

import net from 'node:net';
import { parseNetworks } from './connection-limits.js';

export class TrustedPeers {
  readonly #networks: net.BlockList;
  readonly #trustsUnix: boolean;
  readonly #isEmpty: boolean;

  /** @throws Error that names the first text which is neither an address, a network nor `unix` */
  constructor(texts: readonly string[]) {
    this.#trustsUnix = texts.includes('unix');
    const networks = texts.filter((text) => text !== 'unix');
    this.#isEmpty = networks.length === 0;
    this.#networks = parseNetworks(networks);
  }

  /** @param address in ucspi-tcp's form, never mapped into IPv6; undefined for a client of a unix socket */
  includes(address: string | undefined): boolean {
    if (address === undefined) return this.#trustsUnix;
    if (this.#isEmpty || !net.isIP(address)) return false;
    return this.#networks.check(address, net.isIPv6(address) ? 'ipv6' : 'ipv4');
  }
}
