// ip_alias_map: which domain a login without one belongs to, by the address of this host that the client connected to (formats/vpopmail.md 6.2).
//
//   192.0.2.1 example.jp        two words a line, separated by blanks or TABs; what follows is ignored
//
// The first line of an address counts. Lines with fewer than two words mean nothing; vipmap drops them when it rewrites the file (a temporary file, then
// rename; then it appends), without a lock.
// Kept: every byte.

import { joinLines, splitLines, type TextLine } from '../text-lines.js';

export type IpAliasLine =
  | (TextLine & { readonly kind: 'entry'; readonly ip: string; readonly domain: string })
  | (TextLine & { readonly kind: 'broken' });

export interface IpAliasDocument {
  readonly lines: readonly IpAliasLine[];
}

/** Reads ip_alias_map. Every input has a document. */
export function parseIpAliasMap(bytes: Buffer): IpAliasDocument {
  return { lines: splitLines(bytes).map(ipAliasLine) };
}

/** The bytes of the file; the mirror of `parseIpAliasMap`. */
export function serializeIpAliasMap(document: IpAliasDocument): Buffer {
  return joinLines(document.lines);
}

/** The domain of an address of this host, case kept; undefined when the map has none. */
export function domainOfIp(document: IpAliasDocument, ip: string): string | undefined {
  const found = document.lines.find((line) => line.kind === 'entry' && line.ip === ip);
  return found?.kind === 'entry' ? found.domain : undefined;
}

/** The line that vipmap adds, LF included. */
export function ipAliasText(ip: string, domain: string): string {
  return `${ip} ${domain}\n`;
}

function ipAliasLine(line: TextLine): IpAliasLine {
  const [ip, domain] = line.text.split(/[ \t\r]+/).filter((word) => word !== '');
  return ip === undefined || domain === undefined
    ? { ...line, kind: 'broken' }
    : { ...line, kind: 'entry', ip, domain };
}
