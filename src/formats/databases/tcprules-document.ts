// The text of access rules (/etc/tcp/smtp) as a document: every line kept as it is, so that programs of ours can add and remove rules beside those of vpopmail
// and of people; and what in it does something else than it seems to say. The grammar is in tcprules.ts.
//
// The rules of clients that logged in (`ADDRESS:allow,RELAYCLIENT="",RBLSMTPD=""`) never stand in this file: vpopmail compiles it together with etc/open-smtp.

import type { LineFinding } from '../line-finding.js';
import { joinLines, type LineEnd, splitLines, type TextLine } from '../text-lines.js';
import { ipv6Groups, ucspiAddress } from '../ucspi-address.js';
import { expandRange, parseRuleLine, type RuleLine, ruleText } from './tcprules.js';

export type RulesLine =
  | (TextLine & { readonly kind: 'rule' } & RuleLine)
  | (TextLine & { readonly kind: 'comment' | 'blank' | 'broken' });

export interface RulesDocument {
  readonly lines: readonly RulesLine[];
}

/** Reads a text of rules. Every input has a document; lines that tcprules would refuse are `broken`. */
export function parseRulesDocument(bytes: Buffer): RulesDocument {
  return { lines: splitLines(bytes).map(({ text, end }) => rulesLine(text, end)) };
}

/** The bytes of a document; the mirror of `parseRulesDocument`. */
export function serializeRulesDocument(document: RulesDocument): Buffer {
  return joinLines(document.lines);
}

/** One line of rules from its text (without LF). */
export function rulesLine(text: string, end: LineEnd = '\n'): RulesLine {
  const line = ruleText(text);
  if (line === undefined) return { text, end, kind: text.startsWith('#') ? 'comment' : 'blank' };
  const rule = parseRuleLine(line);
  if (rule === undefined || expandRange(rule.address) === undefined) return { text, end, kind: 'broken' };
  return { text, end, kind: 'rule', ...rule };
}

/**
 * The text of a rule, without LF. Each value is put between the first of the usual quotes that is not in it.
 * @throws RangeError when no line could say it: a value with every quote, a line feed, or an address that would end elsewhere
 */
export function ruleLineText({ address, deny, settings }: RuleLine): string {
  const written = settings.map((setting) => {
    const equals = setting.indexOf('=');
    const value = setting.slice(equals + 1);
    const quote = [...'"\'/+|!%'].find((candidate) => !value.includes(candidate));
    return `,${setting.slice(0, equals)}=${quote}${value}${quote}`;
  });
  const text = `${address}:${deny ? 'deny' : 'allow'}${written.join('')}`;
  const again = rulesLine(text);
  const isSame =
    again.kind === 'rule' && again.address === address && again.settings.join('\0') === settings.join('\0');
  if (!isSame || text.includes('\n')) throw new RangeError('no rule line can say this');
  return text;
}

/** Everything odd in a text of rules, in line order. */
export function rulesFindings(document: RulesDocument): LineFinding[] {
  const findings: LineFinding[] = [];
  const seen = new Map<string, number>();
  for (const [index, line] of document.lines.entries()) {
    const report = (severity: LineFinding['severity'], text: string): void => {
      findings.push({ line: index + 1, severity, text });
    };
    if (line.kind === 'broken') report('error', brokenBecause(line.text));
    if (line.kind !== 'rule') continue;
    for (const problem of addressProblems(line.address)) report('error', problem);
    const earlier = seen.get(line.address);
    if (earlier !== undefined) report('warning', `line ${earlier} has the same address and decides`);
    else seen.set(line.address, index + 1);
    if (line.deny && line.settings.length > 0) report('warning', 'variables behind deny have no effect');
  }
  return findings;
}

function brokenBecause(text: string): string {
  const line = text.replace(/[ \t]+$/, '');
  if (line === '') return 'a line of blanks: tcprules never ends on it; empty it';
  if (line.endsWith('\r')) return 'has a DOS line end; tcprules refuses the whole file';
  if (!/:(allow|deny)/.test(line)) return 'has neither :allow nor :deny; tcprules refuses the whole file or never ends';
  if (parseRuleLine(line) === undefined) return 'is not ADDRESS:allow,NAME="VALUE"; tcprules refuses the whole file';
  return 'the range is not one of numbers; tcprules refuses the whole file';
}

/** Why an address matches no client, or not those that it seems to name. */
function addressProblems(address: string): string[] {
  if (address === '') return [];
  if (/^[ \t]/.test(address)) return ['begins with a blank, which is part of the address; it never matches'];
  if (address.includes('=')) return hostProblems(address);
  const ip = address.slice(address.lastIndexOf('@') + 1);
  if (/\/\d+$/.test(ip)) return ['tcprules knows no /NN; write a prefix that ends with a dot (or a colon), or a range'];
  if (ip.includes(':')) return ipv6Problems(ip);
  if (expandRange(address)?.length === 0) return ['the range runs backwards and stands for nothing'];
  const numbers = ip.replace(/\.$/, '').split('.');
  if (!numbers.every((number) => /^[0-9-]+$/.test(number)))
    return ['is no address, and for a host name a = is missing'];
  const isWhole = numbers.length === 4 && !ip.endsWith('.');
  if (!isWhole && !(numbers.length < 4 && ip.endsWith('.')))
    return ['a prefix must end with a dot; this never matches'];
  if (!isWhole && address.includes('@')) return ['an ident cannot stand before a prefix; this never matches'];
  return [];
}

function hostProblems(address: string): string[] {
  const host = address.slice(address.indexOf('=') + 1);
  if (/[A-Z]/.test(host)) return ['host names are compared in lower case; this never matches'];
  if (address.includes('@') && host.startsWith('.')) return ['an ident cannot stand before a host suffix'];
  return [];
}

function ipv6Problems(ip: string): string[] {
  if (/^::ffff:[0-9.]+$/i.test(ip)) return ['clients with an IPv4 address are seen with that alone; leave ::ffff: out'];
  if (ipv6Groups(ip) !== undefined) {
    const short = ucspiAddress(ip);
    return short === ip ? [] : [`is compared as text; write it as tcpserver does, ${short}`];
  }
  if (!ip.endsWith(':')) return ['is no IPv6 address, and a prefix must end with a colon; this never matches'];
  if (/[A-F]|(^|:)0[0-9a-f]/.test(ip)) return ['is compared as text; write it in lower case without leading zeros'];
  return [];
}
