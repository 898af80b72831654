// ~vpopmail/etc/ip_alias_map, changed: which domain a login without one belongs to (formats/vpopmail/ip-alias-map.ts; formats/vpopmail.md 6.2).
//
// Adding a pair removes it where it stands and puts it at the end; an address can have several lines, of which the first counts. The original rewrites the file through
// ip_alias_map.PID and then appends to it, without a lock; here it is one replacement, under a lock file of ours that takes part in nothing else and goes away again.
// Lines with fewer than two words vanish, as with the original; everything else stays. A new file has the mode of whoever makes it and belongs to him.

import fs from 'node:fs';
import { withLock } from '../files/locks/lock.js';
import { bytesPath, readIfPresent } from '../files/read.js';
import { replaceFile } from '../files/replace.js';
import { ipAliasText, parseIpAliasMap, serializeIpAliasMap } from '../formats/vpopmail/ip-alias-map.js';
import type { Layout } from '../layout.js';

/** One line: an address of this host and the domain of its logins. */
export interface IpAlias {
  readonly ip: string;
  readonly domain: string;
}

/** The map in file order; empty when there is none. @throws TemporaryError */
export function readIpAliases(layout: Layout): IpAlias[] {
  const bytes = readIfPresent(layout.etc('ip_alias_map')) ?? Buffer.alloc(0);
  return parseIpAliasMap(bytes).lines.flatMap((line) =>
    line.kind === 'entry' ? [{ ip: line.ip, domain: line.domain }] : [],
  );
}

/** Puts a pair at the end of the map. @param mode of the new file @throws TemporaryError */
export async function addIpAlias(layout: Layout, alias: IpAlias, mode: number): Promise<void> {
  await change(layout, mode, (bytes) =>
    Buffer.concat([
      without(bytes ?? Buffer.alloc(0), alias),
      Buffer.from(ipAliasText(alias.ip, alias.domain), 'latin1'),
    ]),
  );
}

/** Removes a pair. An absent map stays absent. @param mode of the new file @throws TemporaryError */
export async function removeIpAlias(layout: Layout, alias: IpAlias, mode: number): Promise<void> {
  await change(layout, mode, (bytes) => bytes && without(bytes, alias));
}

async function change(
  layout: Layout,
  mode: number,
  edit: (bytes: Buffer | undefined) => Buffer | undefined,
): Promise<void> {
  const file = layout.etc('ip_alias_map');
  const lock = layout.lockOf(file);
  await withLock(lock, { kind: 'fcntl' }, async () => {
    try {
      const bytes = edit(readIfPresent(file));
      if (bytes !== undefined) await replaceFile(file, bytes, { mode, temporaryName: `ip_alias_map.${process.pid}` });
    } finally {
      // A waiter notices, and makes another.
      fs.rmSync(bytesPath(lock), { force: true });
    }
  });
}

function without(bytes: Buffer, { ip, domain }: IpAlias): Buffer {
  const lines = parseIpAliasMap(bytes).lines.filter(
    (line) => line.kind === 'entry' && !(line.ip === ip && line.domain === domain),
  );
  return serializeIpAliasMap({ lines: lines.map((line) => ({ ...line, end: '\n' })) });
}
