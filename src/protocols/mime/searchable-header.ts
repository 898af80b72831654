// Header text as SEARCH looks through it: unfolded, encoded words and the file names of RFC 2231 decoded.

import type { Charsets } from './charset.js';
import { parseContentDisposition, parseContentType } from './content-fields.js';
import { decodeHeaderText } from './encoded-words.js';
import { decodeExtendedValue } from './extended-values.js';
import { headerFields } from './header-lines.js';

/** The value of a field. @param stored its bytes, folded or not */
export function searchableValue(name: string, stored: string, charsets: Charsets): string {
  const text = decodeHeaderText(
    stored
      .replace(/\r?\n(?=[ \t])/g, '')
      .replace(/\r?\n$/, '')
      .trimStart(),
    charsets,
  );
  const extended = stored.includes("'") && stored.includes('*') ? extendedValues(name, stored, charsets) : [];
  return extended.length === 0 ? text : `${text}\n${extended.join('\n')}`;
}

function extendedValues(name: string, stored: string, charsets: Charsets): string[] {
  if (name !== 'content-type' && name !== 'content-disposition') return [];
  const parsed = name === 'content-type' ? parseContentType(stored) : parseContentDisposition(stored);
  return (parsed?.parameters ?? [])
    .filter((parameter) => parameter.name.endsWith('*'))
    .flatMap(({ value }) => decodeExtendedValue(value, charsets) ?? []);
}

/** A whole header, `Name: value` in each line. */
export function searchableHeader(header: Buffer, charsets: Charsets): string {
  const lines: string[] = [];
  for (const { name, start, valueStart, end } of headerFields(header)) {
    const value = searchableValue(name, header.toString('latin1', valueStart, end), charsets);
    lines.push(`${header.toString('latin1', start, valueStart)} ${value}\r\n`);
  }
  return lines.join('');
}
