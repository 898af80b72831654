// Parameter values of RFC 2231: `utf-8'de'%C3%A4.pdf`. The language is passed over.

import type { Charsets } from './charset.js';

/** @returns undefined when it is none */
export function decodeExtendedValue(value: string, charsets: Charsets): string | undefined {
  const found = /^([^']*)'[^']*'(.*)$/s.exec(value);
  if (found === null) return undefined;
  const [, charset = '', text = ''] = found;
  const bytes = text.replace(/%([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return charsets.decode(Buffer.from(bytes, 'latin1'), charset === '' ? 'utf-8' : charset);
}
