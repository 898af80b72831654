// Postfix's XCLIENT and XFORWARD (XCLIENT_README, XFORWARD_README): a front end says for whom it speaks.
//
//   XCLIENT NAME=spike.example.org ADDR=192.0.2.9 PORT=54605 HELO=spike LOGIN=joe@example.jp DESTADDR=192.0.2.1 DESTPORT=25
//   XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::9 PROTO=ESMTP HELO=spike IDENT=4XyzQueueId SOURCE=REMOTE
//
// Names in any case, each followed by `=` and its value in xtext (RFC 3461: `+` and two hexadecimal digits for a byte). `[UNAVAILABLE]` and `[TEMPUNAVAIL]` say that a value is
// not known, which is not the same as an attribute that is not there. An IPv6 address has `IPV6:` in front; a bare one is taken too.
//
// What an attribute is worth is checked here, once: an address is an address, a port is a port, texts have no control characters. A name that is not in the list is refused, as by
// Postfix. Dovecot's proxies send SESSION, TTL and others besides, to LMTP only: those are in a list of their own.

import net from 'node:net';

/** Attributes that were sent; undefined: the front end does not know. */
export type ClientAttributes = ReadonlyMap<string, string | undefined>;

export const xclientNames = ['NAME', 'ADDR', 'PORT', 'PROTO', 'HELO', 'LOGIN', 'DESTADDR', 'DESTPORT'] as const;
export const xforwardNames = ['NAME', 'ADDR', 'PORT', 'PROTO', 'HELO', 'IDENT', 'SOURCE'] as const;

/** What Dovecot's LMTP proxy sends besides; of no meaning here. */
export const dovecotNames = ['SESSION', 'TTL', 'TIMEOUT', 'CLIENT-TRANSPORT', 'DESTNAME', 'FORWARD'] as const;

/** What is wrong with an argument, for the reply. */
export class AttributeError extends Error {}

const longestValue = 255;

/**
 * Reads the argument of XCLIENT or XFORWARD.
 * @param names the attributes that there are
 * @throws AttributeError
 */
export function parseAttributes(argument: string, names: readonly string[]): ClientAttributes {
  const words = argument.split(' ').filter((word) => word !== '');
  if (words.length === 0) throw new AttributeError('attributes are missing');
  const attributes = new Map<string, string | undefined>();
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals <= 0) throw new AttributeError('an attribute is NAME=value');
    const name = word.slice(0, equals).toUpperCase();
    if (!names.includes(name)) throw new AttributeError(`unknown attribute ${printable(name).slice(0, 20)}`);
    attributes.set(name, checkedValue(name, word.slice(equals + 1)));
  }
  return attributes;
}

function checkedValue(name: string, encoded: string): string | undefined {
  const text = decodeXtext(encoded);
  if (text === undefined || text.length > longestValue) throw new AttributeError(`bad value of ${name}`);
  if (/^\[(?:UNAVAILABLE|TEMPUNAVAIL)\]$/i.test(text)) return undefined;
  const checked = (checks[name] ?? printable)(text);
  if (checked === undefined) throw new AttributeError(`bad value of ${name}`);
  return checked;
}

const checks: Readonly<Record<string, (text: string) => string | undefined>> = {
  ADDR: address,
  DESTADDR: address,
  PORT: port,
  DESTPORT: port,
  NAME: (text) => (/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/.test(text) ? text : undefined),
  PROTO: (text) => (/^[A-Za-z]{1,16}$/.test(text) ? text.toUpperCase() : undefined),
};

function address(text: string): string | undefined {
  const plain = text.replace(/^IPV6:/i, '');
  return net.isIP(plain) > 0 && !plain.includes('%') ? plain : undefined;
}

function port(text: string): string | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? text : undefined;
}

/** Without control characters: the text goes into log lines and header fields. */
function printable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]/g, '?');
}

/** RFC 3461 section 4; a stray `=` is let pass, as Postfix does. undefined when a `+` has no two hexadecimal digits behind it. */
export function decodeXtext(text: string): string | undefined {
  if (/\+(?![0-9A-Fa-f]{2})/.test(text)) return undefined;
  return text.replace(/\+([0-9A-Fa-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
