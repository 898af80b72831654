// Text of a charset as mail names it (RFC 2045 5.1, RFC 2978) -> Unicode. The decoders are the platform's (WHATWG Encoding: UTF-8, the ISO-8859 and windows families, ISO-2022-JP, Shift_JIS,
// EUC-JP, EUC-KR, Big5, GB18030, KOI8, ...); names that mail uses for the same are added here. Bytes that mean nothing become U+FFFD: nothing is refused.

import { TextDecoder } from 'node:util';

const aliases: Readonly<Record<string, string>> = {
  'us-ascii': 'windows-1252',
  ascii: 'windows-1252',
  cp932: 'shift_jis',
  'ms-kanji': 'shift_jis',
  'iso-2022-jp-1': 'iso-2022-jp',
  'iso-2022-jp-ms': 'iso-2022-jp',
  cp50220: 'iso-2022-jp',
  cp50221: 'iso-2022-jp',
  eucjp: 'euc-jp',
  'eucjp-ms': 'euc-jp',
  cp936: 'gbk',
  cp949: 'euc-kr',
  ks_c_5601: 'euc-kr',
  cp950: 'big5',
  utf8: 'utf-8',
  'unicode-1-1-utf-8': 'utf-8',
};

/** Decoders hold no state between texts, so one of each kind will do. */
export class Charsets {
  readonly #decoders = new Map<string, TextDecoder | undefined>();

  /** Whether texts of this charset can be read. */
  isKnown(charset: string): boolean {
    return this.#decoder(charset) !== undefined;
  }

  /** @returns undefined for a charset that is not known */
  decode(bytes: Buffer, charset: string): string | undefined {
    return this.#decoder(charset)?.decode(bytes);
  }

  /** Text that does not say what it is: UTF-8 if it can be that, else Latin-1. */
  decodeUnlabelled(bytes: Buffer): string {
    const text = this.#decoder('utf-8')?.decode(bytes) ?? '';
    return text.includes('\ufffd') ? bytes.toString('latin1') : text;
  }

  /** Reads a text of this charset piece by piece; one that is not known is read as one that does not say what it is. */
  pieceReader(charset: string | undefined): (piece: Buffer, isLast: boolean) => string {
    const known = charset === undefined || /^us-ascii$/i.test(charset.trim()) ? undefined : this.#decoder(charset);
    if (known === undefined) return (piece) => this.decodeUnlabelled(piece);
    const decoder = new TextDecoder(known.encoding);
    return (piece, isLast) => decoder.decode(piece, { stream: !isLast });
  }

  #decoder(charset: string): TextDecoder | undefined {
    const label = charset.toLowerCase().trim();
    if (this.#decoders.has(label)) return this.#decoders.get(label);
    const decoder = makeDecoder(aliases[label] ?? label);
    // Names come from messages: more than there are charsets are only noise.
    if (this.#decoders.size < 500) this.#decoders.set(label, decoder);
    return decoder;
  }
}

function makeDecoder(label: string): TextDecoder | undefined {
  try {
    return new TextDecoder(label);
  } catch {
    return undefined;
  }
}
