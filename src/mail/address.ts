// Mail addresses as qmail treats them: Latin-1 text, one character a byte, split at the last `@`, compared with ASCII letters folded.
//
// An address in the envelope has no quotes: `a b@example.jp` is the local part `a b`. Quotes appear when it is written for others to read, in
// `Return-Path: <"a b"@example.jp>` and in SMTP. Which bytes force them is qmail's own rule (quote.c, formats/qmail.md 0.3), a little narrower than
// RFC 5322's atoms: every byte above 127 forces quotes. Nothing here checks that an address is well formed: qmail does not either.

export interface AddressParts {
  readonly local: string;
  /** What follows the last `@`, possibly empty; undefined when there is no `@`. */
  readonly domain: string | undefined;
}

/** ASCII letters in lower case, every other byte as it is (`toLowerCase` would also fold the Latin-1 letters above 127). */
export function lower(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}

/** Splits at the last `@`. */
export function splitAddress(address: string): AddressParts {
  const at = address.lastIndexOf('@');
  return at < 0
    ? { local: address, domain: undefined }
    : { local: address.slice(0, at), domain: address.slice(at + 1) };
}

/** A local part as it is written in a header field or SMTP command: in quotes where qmail puts them. */
export function quoteLocalPart(local: string): string {
  return needsQuotes(local) ? `"${local.replace(/[\r\n"\\]/g, '\\$&')}"` : local;
}

/** A whole address with its local part quoted (qmail's quote2). The empty address stays empty. */
export function quoteAddress(address: string): string {
  if (address === '') return '';
  const { local, domain } = splitAddress(address);
  return domain === undefined ? quoteLocalPart(local) : `${quoteLocalPart(local)}@${domain}`;
}

/** The first line that a delivery writes, qmail-local's RPLINE, ended by LF. The null sender gives `<>`. */
export function returnPathLine(sender: string): string {
  return `Return-Path: <${oneLine(quoteAddress(sender))}>\n`;
}

/** The line against loops, qmail-local's DTLINE, ended by LF. The address is not quoted. */
export function deliveredToLine(address: string): string {
  return `Delivered-To: ${oneLine(address)}\n`;
}

function needsQuotes(local: string): boolean {
  if (!/^[A-Za-z0-9!#$%&'*+\-./=?^_`{|}~]+$/.test(local)) return true;
  return local.startsWith('.') || local.endsWith('.') || local.includes('..');
}

function oneLine(text: string): string {
  return text.replaceAll('\n', '_');
}
