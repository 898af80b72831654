// Modified UTF-7 (RFC 3501 5.1.3): mailbox names in US-ASCII, what is beyond it as base64 of UTF-16 (with `,` for `/`, without `=`) between `&` and `-`; `&-` is `&`.
//
//   &ZeVnLIqe-      日本語          R&-D      R&D
//
// Decoding is strict: only what encoding gives is accepted, so that a name has one spelling. Text is a JavaScript string here; on disk and in IMAP the encoded form is ASCII.

/** The text that an encoded name stands for; undefined when it is not what encoding gives. */
export function decodeModifiedUtf7(name: string): string | undefined {
  if (/[^\x20-\x7e]/.test(name)) return undefined;
  const text = name.replace(/&([A-Za-z0-9+,]*)-/g, (_, shifted: string) =>
    shifted === '' ? '&' : (utf16Text(shifted) ?? '\0'),
  );
  return encodeModifiedUtf7(text) === name ? text : undefined;
}

/** The encoded form of a text. Unpaired surrogates are encoded as they are. */
export function encodeModifiedUtf7(text: string): string {
  return text.replace(/&|[^\x20-\x7e]+/g, (run) => (run === '&' ? '&-' : `&${shiftedForm(run)}-`));
}

function shiftedForm(run: string): string {
  const bytes = Buffer.from(run, 'utf16le').swap16();
  return bytes.toString('base64').replace(/=+$/, '').replaceAll('/', ',');
}

function utf16Text(shifted: string): string | undefined {
  const bytes = Buffer.from(shifted.replaceAll(',', '/'), 'base64');
  return bytes.length % 2 === 0 ? bytes.swap16().toString('utf16le') : undefined;
}
