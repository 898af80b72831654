// ip_alias_map as texts that can be compared and shown: `192.0.2.1 example.jp`, for each address the line that counts.

import { parseIpAliasMap } from '../../formats/vpopmail/ip-alias-map.js';

/** The assignments of addresses to domains. */
export function ipAliasTexts(bytes: Buffer): string[] {
  const domains = new Map<string, string>();
  for (const line of parseIpAliasMap(bytes).lines)
    if (line.kind === 'entry' && !domains.has(line.ip)) domains.set(line.ip, line.domain);
  return [...domains].map(([ip, domain]) => `${ip} ${domain}`);
}
