// The access rules of tcpserver: a text of rules, the records that tcprules makes of it, and the rule that a client meets.
//
//   # comment
//   192.0.2.10-20:allow,RELAYCLIENT=""          an address, here a range in one of its numbers
//   10.20.:allow,DATABYTES="1000000"            a prefix: ends with its separator
//   joe@192.0.2.7:deny                          the client's ident and address
//   =.example.com:deny                          the client's host name, or with a leading dot the end of it
//   :allow                                      everybody else
//
// This is the language of Debian's ucspi-tcp-ipv6: the address ends at the first colon before `allow` or `deny`, so IPv6 addresses may be written with their
// colons. Where that program loops for ever (a line without an instruction, also one of blanks) the line is refused here. Trailing spaces and tabs are dropped, CR is not.
// A record's key is the address; its data `D\0` for deny, then `+NAME=value\0` for each variable. When an address occurs twice the first line wins.
// All text is Latin-1. See formats/cdb-tcprules.md 2.

import { ConfigurationError } from '../../errors.js';
import { withoutTrailingBlanks } from '../controls/control-file.js';

export { ucspiAddress } from '../ucspi-address.js';

/** A line that cannot be compiled. Its `text` is what tcprules prints of it. */
export class RuleSyntaxError extends ConfigurationError {
  readonly text: string;
  constructor(path: string, line: number, text: string) {
    super(path, line, `unable to parse this line: ${text}`);
    this.text = text;
  }
}

/** One rule as written, its range not yet expanded. `settings` are `NAME=value`, in order. */
export interface RuleLine {
  readonly address: string;
  readonly deny: boolean;
  readonly settings: readonly string[];
}

/** A record of the compiled form. */
export interface RuleRecord {
  readonly key: string;
  readonly data: string;
}

/**
 * The records of a text in source order, ranges expanded in place.
 * @param path names the text in messages
 * @throws RuleSyntaxError at the first line that is no rule
 */
export function compileRules(text: Buffer, path: string): RuleRecord[] {
  const records: RuleRecord[] = [];
  let number = 0;
  for (const raw of text.toString('latin1').split('\n')) {
    number++;
    const line = ruleText(raw);
    if (line === undefined) continue;
    const rule = parseRuleLine(line);
    const addresses = rule === undefined ? undefined : expandRange(rule.address);
    if (rule === undefined || addresses === undefined) throw new RuleSyntaxError(path, number, line);
    const data = ruleData(rule);
    for (const key of addresses) records.push({ key, data });
  }
  return records;
}

/** A line without what is dropped from its end; undefined for an empty line or a comment. A line of blanks gives '', which is no rule. */
export function ruleText(raw: string): string | undefined {
  return raw === '' || raw.startsWith('#') ? undefined : withoutTrailingBlanks(raw);
}

/** Takes a line of `ruleText` apart; undefined when it is no rule. A range that cannot be expanded is not noticed here. */
export function parseRuleLine(line: string): RuleLine | undefined {
  const found = /:(allow|deny)/.exec(line);
  if (found === null) return undefined;
  const settings = parseSettings(line, found.index + found[0].length);
  if (settings === undefined) return undefined;
  return { address: line.slice(0, found.index), deny: found[1] === 'deny', settings };
}

/** `,NAME=QvalueQ` again and again up to the end, Q being any character; undefined when something else is there. */
function parseSettings(line: string, start: number): string[] | undefined {
  const settings: string[] = [];
  let at = start;
  while (at < line.length) {
    const equals = line.indexOf('=', at);
    if (line[at] !== ',' || equals < 0 || equals + 1 >= line.length) return undefined;
    const end = line.indexOf(line.charAt(equals + 1), equals + 2);
    if (end < 0) return undefined;
    settings.push(line.slice(at + 1, equals + 1) + line.slice(equals + 2, end));
    at = end + 1;
  }
  return settings;
}

/** The data of a rule's record. */
export function ruleData({ deny, settings }: RuleLine): string {
  return (deny ? 'D\0' : '') + settings.map((setting) => `+${setting}\0`).join('');
}

/**
 * The addresses that a rule stands for: one, or each number of its range; none for a range that runs backwards; undefined when the range is none of
 * numbers. Only the first `-` is a range, and only where there is neither `=` nor `@`.
 */
export function expandRange(address: string): string[] | undefined {
  const dash = address.indexOf('-');
  if (dash < 0 || address.includes('=') || address.includes('@')) return [address];
  const start = address.lastIndexOf('.', dash) + 1;
  const dot = address.indexOf('.', dash);
  const end = dot < 0 ? address.length : dot;
  const first = rangeNumber(address.slice(start, dash));
  const last = rangeNumber(address.slice(dash + 1, end));
  if (first === undefined || last === undefined) return undefined;
  const addresses: string[] = [];
  for (let number = first; number <= Math.min(last, 255); number++) {
    addresses.push(address.slice(0, start) + number + address.slice(end));
  }
  return addresses;
}

/** Decimal; nothing is 0, and what exceeds a machine word wraps, as in the original. */
function rangeNumber(digits: string): number | undefined {
  if (!/^[0-9]*$/.test(digits)) return undefined;
  return digits.length < 16 ? Number(digits) : Number(BigInt.asUintN(64, BigInt(digits)));
}

/** A compiled rule. `settings` keeps what the record holds, in order; in `environment` the later of two with the same name has won. */
export interface Rule {
  readonly deny: boolean;
  readonly settings: readonly string[];
  readonly environment: ReadonlyMap<string, string>;
}

/** Reads a record's data. Pieces end with NUL; those that begin with neither `D` nor `+`, and one that is not ended, are ignored as tcpserver ignores them. */
export function parseRule(data: Buffer): Rule {
  const pieces = data.toString('latin1').split('\0').slice(0, -1);
  const settings = pieces.filter((piece) => piece.startsWith('+')).map((piece) => piece.slice(1));
  const environment = new Map<string, string>();
  for (const setting of settings) {
    const equals = setting.indexOf('=');
    if (equals >= 0) environment.set(setting.slice(0, equals), setting.slice(equals + 1));
  }
  return { deny: pieces.some((piece) => piece.startsWith('D')), settings, environment };
}

/** Who connects, as tcpserver would put it into the environment: the address in the form of `ucspiAddress`, ident and host name where they are known. */
export interface RuleClient {
  readonly ip: string;
  readonly info?: string | undefined;
  /** In lower case. */
  readonly host?: string | undefined;
}

/** The keys under which a client's rule may stand, in the order in which they are tried. */
export function* ruleKeys({ ip, info, host }: RuleClient): Generator<string> {
  if (info !== undefined) {
    yield `${info}@${ip}`;
    if (host !== undefined) yield `${info}@=${host}`;
  }
  yield ip;
  if (host !== undefined) yield `=${host}`;
  for (let at = ip.length - 1; at >= 0; at--) if (ip[at] === '.' || ip[at] === ':') yield ip.slice(0, at + 1);
  if (host !== undefined) {
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) yield `=${host.slice(dot)}`;
    yield '=';
  }
  yield '';
}

/**
 * The rule for a client: the first key that exists, and that one alone. undefined when there is none, which allows the client with no variables.
 * @param find gives a record's data
 */
export function lookUpRule(
  find: (key: string) => Buffer | undefined,
  client: RuleClient,
): { readonly key: string; readonly rule: Rule } | undefined {
  for (const key of ruleKeys(client)) {
    const data = find(key);
    if (data !== undefined) return { key, rule: parseRule(data) };
  }
  return undefined;
}
