// What in a control file does something else than it seems to say: DOS line ends, blanks at the start of a line, comments where there is no comment syntax,
// lines that are never read. qmail reports none of these; an entry that matches nothing is refused mail (formats/qmail.md 10).

import { lower } from '../../mail/address.js';
import type { LineFinding } from '../line-finding.js';
import { splitLines } from '../text-lines.js';
import { type ControlLine, parseControlDocument, parseLine } from './control-file.js';

/** How a control file is read; see control-file.ts. */
export type ControlKind = 'line' | 'number' | 'list' | 'map';

type Severity = LineFinding['severity'];
type Oddity = readonly [Severity, string];

/** Everything odd in a control file, in line order. */
export function controlFindings(bytes: Buffer, kind: ControlKind): LineFinding[] {
  return kind === 'line' || kind === 'number' ? firstLineFindings(bytes, kind) : listFindings(bytes, kind === 'map');
}

function firstLineFindings(bytes: Buffer, kind: 'line' | 'number'): LineFinding[] {
  const findings: LineFinding[] = [];
  const value = parseLine(bytes);
  for (const [severity, text] of kind === 'line' ? lineOddities(value) : numberOddities(value)) {
    findings.push({ line: 1, severity, text });
  }
  const further = splitLines(bytes).findIndex(({ text }, index) => index > 0 && text.trim() !== '');
  if (further > 0) findings.push({ line: further + 1, severity: 'warning', text: 'only the first line is read' });
  return findings;
}

function lineOddities(value: string): Oddity[] {
  if (value === '') return [['warning', 'the value is empty; the default would only apply if the file were not there']];
  if (value.startsWith('#')) return [['error', 'there are no comments in this file: the line is taken as the value']];
  return textOddities(value, 'value');
}

function numberOddities(value: string): Oddity[] {
  const [, digits, rest = ''] = /^([0-9]*)(.*)$/s.exec(value) ?? [];
  if (digits === '' || digits === undefined) {
    return [['error', 'does not begin with a digit, so the default applies; write the number alone']];
  }
  if (Number(digits) > 0x7fff_ffff) return [['error', 'the number is larger than 2147483647 and becomes another one']];
  return rest.replace(/\r$/, '') === '' ? [] : [['warning', 'what stands behind the digits is ignored']];
}

function listFindings(bytes: Buffer, isMap: boolean): LineFinding[] {
  const findings: LineFinding[] = [];
  const seen = new Map<string, { line: number; entry: string }>();
  for (const [index, line] of parseControlDocument(bytes).lines.entries()) {
    if (line.kind !== 'entry') continue;
    const number = index + 1;
    const key = lower(isMap ? line.entry.replace(/:.*$/s, '') : line.entry);
    const repeated = repetition(seen.get(key), line, isMap);
    for (const [severity, text] of [...entryOddities(line, isMap), ...repeated]) {
      findings.push({ line: number, severity, text });
    }
    seen.set(key, { line: number, entry: line.entry });
  }
  return findings;
}

function entryOddities({ entry }: ControlLine, isMap: boolean): Oddity[] {
  const oddities = textOddities(entry, 'entry');
  if (isMap && !entry.includes(':')) oddities.push(['error', 'has no colon and is ignored; write KEY:VALUE']);
  return oddities;
}

function repetition(earlier: { line: number; entry: string } | undefined, line: ControlLine, isMap: boolean): Oddity[] {
  if (earlier === undefined) return [];
  if (isMap && earlier.entry !== line.entry) {
    return [['warning', `takes the place of line ${earlier.line}, which has the same key; the last one counts`]];
  }
  return [['warning', `stands in line ${earlier.line} already`]];
}

/** What makes a text another one than it looks. */
function textOddities(text: string, what: 'value' | 'entry'): Oddity[] {
  const oddities: Oddity[] = [];
  const error = (problem: string): void => {
    oddities.push(['error', problem]);
  };
  if (text.startsWith('\xef\xbb\xbf')) error(`begins with a byte order mark, which is part of the ${what}; remove it`);
  if (text.endsWith('\r')) error(`has a DOS line end; the CR is part of the ${what}, so write the line with LF alone`);
  if (/^[ \t]+#/.test(text)) error('a comment begins with # in the first column; this line is an entry');
  else if (/^[ \t]/.test(text)) error(`begins with a blank, which is part of the ${what}; remove it`);
  else if (/[ \t]#/.test(text)) error(`a comment behind the ${what} is part of it; put it on a line of its own`);
  if (text.includes('\0')) error('holds a NUL byte; remove it');
  return oddities;
}
