// ENVELOPE and BODYSTRUCTURE of a message (RFC 3501 7.4.2), in Dovecot's spelling, which mail programs have kept: encoded words and RFC 2231 values stay encoded, what is missing
// is NIL, Sender and Reply-To are From when they are missing. Texts are Latin-1; whoever writes them to a client turns them into bytes.

import { type MailAddress, parseAddresses } from '../mime/addresses.js';
import {
  type ContentDisposition,
  type Parameter,
  parseContentDisposition,
  parseContentLanguage,
} from '../mime/content-fields.js';
import { type MimePart, transferEncodingOf } from '../mime/structure.js';
import { nstring, nstringUnfolded, quotedOrLiteral, stringForHumans } from './strings.js';

/**
 * Of the texts that describe a message: ENVELOPE, BODYSTRUCTURE, picked header fields, PREVIEW. They are kept on disk; who makes one of them otherwise raises this, and they are made anew.
 */
export const describedVersion = 2;

type Fields = MimePart['fields'];

/** `("date" "subject" from sender reply-to to cc bcc "in-reply-to" "message-id")` */
export function formatEnvelope(fields: Fields): string {
  const text = (name: string): string => nstringUnfolded(fields.get(name)?.at(-1));
  const subject = fields.get('subject')?.at(-1);
  const from = addressList(fields, 'from');
  const orFrom = (name: string): string => {
    const list = addressList(fields, name);
    return list === 'NIL' ? from : list;
  };
  const lists = [
    from,
    orFrom('sender'),
    orFrom('reply-to'),
    ...['to', 'cc', 'bcc'].map((name) => addressList(fields, name)),
  ];
  return `(${[text('date'), subject === undefined ? 'NIL' : stringForHumans(subject), ...lists, text('in-reply-to'), text('message-id')].join(' ')})`;
}

function addressList(fields: Fields, name: string): string {
  const addresses = (fields.get(name) ?? []).flatMap(parseAddresses);
  return addresses.length === 0 ? 'NIL' : `(${addresses.map(formatAddress).join('')})`;
}

function formatAddress({ name, route, mailbox, domain }: MailAddress): string {
  return `(${name === undefined ? 'NIL' : stringForHumans(name)} ${nstring(route)} ${nstring(mailbox)} ${nstring(domain)})`;
}

/** BODYSTRUCTURE, or BODY without its extension data. */
export function formatBodyStructure(part: MimePart, isExtended: boolean): string {
  if (part.kind === 'multipart') return formatMultipart(part, isExtended);
  const { type, subtype, parameters } = part.contentType;
  const fields = [
    ...(part.kind === 'message' ? ['"message"', '"rfc822"'] : [quotedOrLiteral(type), quotedOrLiteral(subtype)]),
    formatParameters(isText(part) && !hasCharset(parameters) ? [...parameters, usAscii] : parameters),
    fieldText(part, 'content-id'),
    fieldText(part, 'content-description'),
    quotedOrLiteral(transferEncodingOf(part)),
    String(part.body.crlfBytes),
  ];
  const [inner] = part.children;
  if (part.kind === 'message' && inner !== undefined)
    fields.push(formatEnvelope(inner.fields), formatBodyStructure(inner, isExtended), String(part.body.lines));
  else if (isText(part)) fields.push(String(part.body.lines));
  if (isExtended) fields.push(fieldText(part, 'content-md5'), ...extension(part));
  return `(${fields.join(' ')})`;
}

const emptyText = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0';
const usAscii: Parameter = { name: 'charset', value: 'us-ascii' };

function formatMultipart(part: MimePart, isExtended: boolean): string {
  const { subtype, parameters } = part.contentType;
  const children =
    part.children.length === 0
      ? `${emptyText}${isExtended ? ' NIL NIL NIL NIL' : ''})`
      : part.children.map((child) => formatBodyStructure(child, isExtended)).join('');
  const fields = [children, quotedOrLiteral(subtype)];
  if (isExtended) fields.push(formatParameters(parameters), ...extension(part));
  return `(${fields.join(' ')})`;
}

/** Disposition, language, location. */
function extension(part: MimePart): string[] {
  return [formatDisposition(part), formatLanguage(part), fieldText(part, 'content-location')];
}

function formatDisposition({ fields }: MimePart): string {
  let parsed: ContentDisposition | undefined;
  // Of several the first that has parameters counts, else the last.
  for (const value of fields.get('content-disposition') ?? []) {
    if (parsed === undefined || parsed.parameters.length === 0) parsed = parseContentDisposition(value) ?? parsed;
  }
  if (parsed === undefined) return 'NIL';
  return `(${quotedOrLiteral(parsed.disposition)} ${formatParameters(parsed.parameters)})`;
}

function formatLanguage({ fields }: MimePart): string {
  const value = fields.get('content-language')?.[0];
  const tags = value === undefined ? [] : parseContentLanguage(value);
  return tags.length === 0 ? 'NIL' : `(${tags.map(quotedOrLiteral).join(' ')})`;
}

function formatParameters(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return 'NIL';
  return `(${parameters.map(({ name, value }) => `${quotedOrLiteral(name)} ${quotedOrLiteral(value)}`).join(' ')})`;
}

function fieldText({ fields }: MimePart, name: string): string {
  return nstringUnfolded(fields.get(name)?.[0]);
}

function isText({ contentType }: MimePart): boolean {
  return contentType.type.toLowerCase() === 'text';
}

function hasCharset(parameters: readonly Parameter[]): boolean {
  return parameters.some(({ name }) => name.toLowerCase() === 'charset');
}
