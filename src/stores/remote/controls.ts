// The control files that outgoing mail goes by. Each delivery looks at them again (one stat a file when nothing changed), as each qmail-remote reads them.
//
//   line      helohost (absent: me)     what we call ourselves; without both nothing is sent
//             outgoingip, outgoingip6   the IPv4 and IPv6 address to connect from; absent, empty, 0.0.0.0 and ::: the system's choice
//   number    timeoutconnect (60)       seconds for a connection to come about
//             timeoutremote (1200)      seconds for one read or write
//   map       smtproutes, authsenders   formats/controls/smtp-routes.ts
//   list      tlsclientciphers          joined with colons, in OpenSSL's notation; absent: those of this version of node
//
// An unreadable file is a temporary failure for the delivery and never means its default. outgoingip6 and the rest of the files' meanings that qmail does not know are
// those of widely used patches (formats/qmail.md 1.6), outgoingip6 and IPv6 are ours.

import net from 'node:net';
import { TemporaryError } from '../../errors.js';
import { Snapshot } from '../../files/snapshot.js';
import { parseLine, parseList, parseMap, parseNumber } from '../../formats/controls/control-file.js';
import type { Layout } from '../../layout.js';

/** What the files say at one moment. */
export interface RemoteSettings {
  readonly heloHost: string;
  readonly connectTimeoutMs: number;
  readonly ioTimeoutMs: number;
  readonly outgoingIp: string | undefined;
  readonly outgoingIp6: string | undefined;
  readonly routes: ReadonlyMap<string, string>;
  readonly authSenders: ReadonlyMap<string, string>;
  readonly ciphers: string | undefined;
}

const noMap: ReadonlyMap<string, string> = new Map();
const mostSeconds = 86_400;

export class RemoteControls {
  readonly #line: (name: string) => string | undefined;
  readonly #number: (name: string) => number | undefined;
  readonly #map: (name: string) => ReadonlyMap<string, string> | undefined;
  readonly #ciphers: Snapshot<string>;

  constructor(layout: Layout) {
    this.#line = byName(layout, ['me', 'helohost', 'outgoingip', 'outgoingip6'], parseLine);
    this.#number = byName(layout, ['timeoutconnect', 'timeoutremote'], parseNumber);
    this.#map = byName(layout, ['smtproutes', 'authsenders'], parseMap);
    this.#ciphers = new Snapshot(layout.control('tlsclientciphers'), (bytes) => parseList(bytes).join(':'));
  }

  /** @throws TemporaryError when a file cannot be read, or when this host has no name */
  read(): RemoteSettings {
    const heloHost = this.#line('helohost') ?? this.#line('me');
    if (heloHost === undefined)
      throw new TemporaryError(
        '4.3.5',
        'unable to read controls',
        new Error('neither control/helohost nor control/me'),
      );
    return {
      // A line end of another system must not get into the command.
      heloHost: heloHost.replace(/[\r\0]/g, ''),
      connectTimeoutMs: milliseconds(this.#number('timeoutconnect') ?? 60),
      ioTimeoutMs: milliseconds(this.#number('timeoutremote') ?? 1200),
      outgoingIp: addressIn('outgoingip', this.#line('outgoingip'), net.isIPv4),
      outgoingIp6: addressIn('outgoingip6', this.#line('outgoingip6'), net.isIPv6),
      routes: this.#map('smtproutes') ?? noMap,
      authSenders: this.#map('authsenders') ?? noMap,
      ciphers: this.#ciphers.get() || undefined,
    };
  }
}

function byName<T>(
  layout: Layout,
  names: readonly string[],
  parse: (bytes: Buffer) => T,
): (name: string) => T | undefined {
  const snapshots = new Map(names.map((name) => [name, new Snapshot(layout.control(name), (bytes) => parse(bytes))]));
  return (name) => snapshots.get(name)?.get();
}

function milliseconds(seconds: number): number {
  return 1000 * Math.min(Math.max(seconds, 1), mostSeconds);
}

function addressIn(file: string, line: string | undefined, isAddress: (text: string) => boolean): string | undefined {
  if (line === undefined || ['', '0.0.0.0', '::'].includes(line)) return undefined;
  if (isAddress(line)) return line;
  throw new TemporaryError('4.3.5', 'unable to read controls', new Error(`control/${file}: not an address: ${line}`));
}
