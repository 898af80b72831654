// Strings as a server writes them (RFC 3501 4.3): quoted where every byte may stand there, else a literal. Texts are Latin-1, a character a byte.

/** Bytes that must not stand in a quoted string. */
const notQuotable = /[\r\n\x80-\xff]/;
const special = /["\\]/g;
const mostEscapes = 4;

/** `"text"` with a few escapes, or `{4}` with CRLF and the text. NUL, which neither may hold, becomes U+FFFD, as in Dovecot. */
export function quotedOrLiteral(text: string): string {
  const shown = withoutNul(text);
  const escapes = shown.match(special)?.length ?? 0;
  if (notQuotable.test(shown) || escapes > mostEscapes) return `{${shown.length}}\r\n${shown}`;
  return escapes === 0 ? `"${shown}"` : `"${shown.replace(special, '\\$&')}"`;
}

function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\xef\xbf\xbd') : text;
}

/** The same, or NIL for undefined. */
export function nstring(text: string | undefined): string {
  return text === undefined ? 'NIL' : quotedOrLiteral(text);
}

/** The same without the line ends of folding. */
export function nstringUnfolded(text: string | undefined): string {
  return nstring(text?.replace(/[\r\n]+(?=[ \t]|$)/g, '').replace(/[\r\n]+/g, ' '));
}

/** Text for people: blanks of any kind and number become one; a text that changes by that, or has quotes in it, is a literal, as Dovecot writes it. */
export function stringForHumans(text: string): string {
  const shown = withoutNul(text.replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, ''));
  if (shown === text && !/["\\\x80-\xff]/.test(text)) return `"${text}"`;
  return shown === '' ? '""' : `{${shown.length}}\r\n${shown}`;
}
