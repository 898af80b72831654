// How many sessions there may be at one moment: in all, and from one address to one protocol. Pure counting; who accepts connections asks, and gives back what
// it was given. tcpserver has the first limit (-c) and not the second.
//
// An address is counted in the form in which its owner holds it: IPv4 by itself (also when it comes mapped into IPv6), IPv6 by its /64, since one customer
// has at least that. Addresses in `unlimited` (loopback unless told otherwise: a front end on the same host brings everybody's mail from there) are held to
// the limit in all alone, and so are the clients of a unix socket, which have no address.

import net from 'node:net';

export interface ConnectionLimitSettings {
  /** Sessions of all protocols together. */
  readonly maxConnections: number;
  /** Sessions of one protocol from one address. */
  readonly maxConnectionsPerAddress: number;
  /** Addresses (`192.0.2.7`) and networks (`192.0.2.0/24`, `2001:db8::/32`) that the limit for one address does not hold for. */
  readonly unlimited: readonly string[];
}

export const defaultConnectionLimits: ConnectionLimitSettings = {
  maxConnections: 4000,
  maxConnectionsPerAddress: 100,
  unlimited: ['127.0.0.0/8', '::1'],
};

/** A place that was given to one session. */
export interface Place {
  readonly key: string;
}

/** Why there is no place: the whole server is full, or this address or user has its share. */
export type NoPlace = 'full' | 'address-full' | 'user-full';

export class ConnectionLimits {
  readonly #settings: ConnectionLimitSettings;
  readonly #unlimited: net.BlockList;
  readonly #byKey = new Map<string, number>();
  #total = 0;

  /** @throws Error when an address or network in `unlimited` is none; see `parseNetworks` */
  constructor(settings: ConnectionLimitSettings) {
    this.#settings = settings;
    this.#unlimited = parseNetworks(settings.unlimited);
  }

  /** Sessions at this moment. */
  get total(): number {
    return this.#total;
  }

  /**
   * Takes a place for a session.
   * @param isExempt asked only when the address has its share already: whether it may have more (a client that may relay)
   */
  enter(protocol: string, address: string, isExempt: (address: string) => boolean = () => false): Place | NoPlace {
    if (this.#total >= this.#settings.maxConnections) return 'full';
    const plain = plainAddress(address);
    const count = this.#byKey.get(keyOf(protocol, plain)) ?? 0;
    if (count >= this.#settings.maxConnectionsPerAddress && !this.#isUnlimited(plain) && !isExempt(plain))
      return 'address-full';
    return this.add(protocol, plain);
  }

  /** Counts a session that has begun already. */
  add(protocol: string, address: string): Place {
    const key = keyOf(protocol, plainAddress(address));
    this.#byKey.set(key, (this.#byKey.get(key) ?? 0) + 1);
    this.#total++;
    return { key };
  }

  /** Gives a place back; once for each. */
  leave(place: Place): void {
    const left = (this.#byKey.get(place.key) ?? 1) - 1;
    if (left > 0) this.#byKey.set(place.key, left);
    else this.#byKey.delete(place.key);
    this.#total--;
  }

  #isUnlimited(address: string): boolean {
    if (!net.isIP(address)) return true;
    return this.#unlimited.check(address, net.isIPv6(address) ? 'ipv6' : 'ipv4');
  }
}

function keyOf(protocol: string, plain: string): string {
  return `${protocol} ${countedAddress(plain)}`;
}

/** Counts the sessions of each user who has logged in. */
export class UserLimit {
  readonly #most: number;
  readonly #byUser = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns gives the place back, to be called once; undefined when there is none */
  enter(user: string): (() => void) | undefined {
    return (this.#byUser.get(user) ?? 0) < this.#most ? this.add(user) : undefined;
  }

  /** Counts a session that has been let in already. @returns as `enter` */
  add(user: string): () => void {
    this.#byUser.set(user, (this.#byUser.get(user) ?? 0) + 1);
    return () => {
      const left = (this.#byUser.get(user) ?? 1) - 1;
      if (left > 0) this.#byUser.set(user, left);
      else this.#byUser.delete(user);
    };
  }
}

/** An address as the socket gives it, without the zone and not mapped into IPv6. */
export function plainAddress(address: string): string {
  const withoutZone = address.split('%', 1)[0] ?? address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(withoutZone)?.[1] ?? withoutZone;
}

/** What an address is counted as: itself, or the /64 that an IPv6 address is in. */
export function countedAddress(address: string): string {
  if (!net.isIPv6(address)) return address;
  const [head = '', tail] = address.toLowerCase().split('::', 2);
  const left = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const right = tail === '' ? [] : tail.split(':');
    const rightGroups = right.length + (tail.includes('.') ? 1 : 0);
    while (left.length + rightGroups < 8) left.push('0');
    left.push(...right);
  }
  const groups = left.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(':')}::/64`;
}

/** A set of addresses and networks. @throws Error that names the first which is neither */
export function parseNetworks(texts: readonly string[]): net.BlockList {
  const list = new net.BlockList();
  for (const text of texts) {
    const [address = '', prefix] = text.split('/', 2);
    const family = net.isIPv6(address) ? 'ipv6' : 'ipv4';
    const bits = prefix === undefined ? undefined : Number(prefix);
    const widest = family === 'ipv6' ? 128 : 32;
    if (!net.isIP(address) || (prefix !== undefined && !/^\d{1,3}$/.test(prefix)) || (bits ?? 0) > widest)
      throw new Error(`${text} is neither an address nor a network such as 192.0.2.0/24`);
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, bits, family);
  }
  return list;
}
