// What qmail-inject makes of a message that a person or program hands in: a complete header, a sender and recipients (formats/qmail.md 8.1).
//
//   Subject: plain           ->   Date: 24 Nov 2026 02:34:55 -0000
//                                 Message-ID: <20261124023455.26.qmail@mail.example.gr.jp>
//                                 From: hoster@mail.example.gr.jp
//                                 Cc: recipient list not shown: ;
//                                 Subject: plain
//
// Addresses are completed and their fields written anew; Bcc, Return-Path and Content-Length are taken out; what is missing is added on top. With any Resent- field,
// the Resent- fields count instead of the others. Pure: time, process id and names are given.

import { quoteAddress } from '../address.js';
import { qmailDate } from '../dates.js';
import { qmailMessageId } from '../message-id.js';
import { type Rewrite, rewriteAddressList } from './address-list.js';
import { completeAddress, type HostNames } from './address-rules.js';
import { nameOf, splitHeader } from './header-fields.js';
import { addressText, parseTokens, serializeTokens, type Token } from './tokens.js';

export interface InjectOptions {
  readonly names: HostNames;
  /** Of the user who injects; `host` undefined: defaultHost. */
  readonly from: { readonly name: string | undefined; readonly user: string; readonly host: string | undefined };
  /** Of the envelope sender, where it differs (QMAILSUSER, QMAILSHOST). */
  readonly returnPath: { readonly user: string | undefined; readonly host: string | undefined };
  /** The sender that was asked for with `-f`. */
  readonly sender: string | undefined;
  /** The letters of QMAILINJECT: c s f i r m. */
  readonly flags: string;
  /** Where recipients come from. `arguments or header`: from the header when there are no arguments. */
  readonly recipientsFrom: 'arguments' | 'header' | 'both' | 'arguments or header';
  readonly arguments: readonly string[];
  /** List addresses, lower case: a message to one of them gets Mail-Followup-To (QMAILMFTFILE). */
  readonly lists: ReadonlySet<string>;
  readonly unixSeconds: number;
  readonly pid: number;
}

export interface Injected {
  readonly sender: string;
  readonly recipients: readonly string[];
  /** The header with the empty line where one had to be added, Latin-1. */
  readonly header: string;
  /** Where the rest of the message begins in the bytes that were given. */
  readonly bodyOffset: number;
}

/** A header or argument that cannot be understood: qmail-inject's words. */
export class InjectError extends Error {}

const lineLength = 80;
const recipientFields = ['to', 'cc', 'bcc', 'apparently-to'];
const resentRecipientFields = ['resent-to', 'resent-cc', 'resent-bcc'];
const otherAddressFields = [
  'sender',
  'from',
  'reply-to',
  'return-receipt-to',
  'errors-to',
  'resent-sender',
  'resent-from',
  'resent-reply-to',
];
const leftOut = new Set(['bcc', 'resent-bcc', 'return-path', 'content-length']);

/** @param bytes the message, or as much of it as surely holds its header @throws InjectError */
export function inject(bytes: Buffer, options: InjectOptions): Injected {
  const { fields, bodyOffset, needsEmptyLine } = splitHeader(bytes);
  const isResent = fields.some((field) => nameOf(field).startsWith('resent-'));
  const work = new Injection(options, isResent);
  for (const field of fields) work.field(field);
  return {
    sender: upToNul(work.sender()),
    recipients: work.recipients().map(upToNul),
    header: work.header() + (needsEmptyLine ? '\n' : ''),
    bodyOffset,
  };
}

/** An address as it goes into the envelope, where a NUL ends it. */
function upToNul(address: string): string {
  return address.split('\0', 1)[0] ?? '';
}

/** An address that is not from the message. @throws InjectError */
function ownTokens(quoted: string): Token[] {
  const tokens = parseTokens(quoted);
  if (tokens === undefined) throw new InjectError(`unable to parse this line:\n${quoted}`);
  return tokens;
}

class Injection {
  readonly #options: InjectOptions;
  readonly #isResent: boolean;
  readonly #kept: string[] = [];
  readonly #seen = new Set<string>();
  readonly #fromHeader: string[] = [];
  readonly #followUp: string[] = [];
  #returnPath: string | undefined;
  #isToList = false;

  constructor(options: InjectOptions, isResent: boolean) {
    this.#options = options;
    this.#isResent = isResent;
  }

  field(field: string): void {
    const name = nameOf(field);
    if (name === 'return-path' && !this.#has('s')) this.#readReturnPath(field);
    if ((name === 'from' && this.#has('f')) || (name === 'message-id' && this.#has('i'))) return;
    this.#seen.add(name);
    const isRecipients = recipientFields.includes(name) || resentRecipientFields.includes(name);
    const written =
      isRecipients || otherAddressFields.includes(name) ? this.#rewritten(field, name, isRecipients) : field;
    if (!leftOut.has(name)) this.#kept.push(written);
  }

  sender(): string {
    const { sender, names, from, returnPath, unixSeconds, pid } = this.#options;
    if (sender !== undefined) return this.#completed(quoteAddress(sender));
    if (this.#returnPath !== undefined) return this.#returnPath + (this.#has('r') ? '-@[]' : '');
    const perMessage = this.#has('m') ? `-${unixSeconds}.${pid}` : '';
    const user = `${returnPath.user ?? from.user}${perMessage}${this.#has('r') ? '-' : ''}`;
    const host = returnPath.host ?? from.host ?? names.defaultHost;
    return this.#completed(quoteAddress(`${user}@${host}`)) + (this.#has('r') ? '-@[]' : '');
  }

  recipients(): readonly string[] {
    const given = this.#options.arguments.map((argument) => this.#argument(argument));
    switch (this.#options.recipientsFrom) {
      case 'arguments':
        return given;
      case 'header':
        return this.#fromHeader;
      case 'both':
        return [...given, ...this.#fromHeader];
      case 'arguments or header':
        return this.#options.arguments.length > 0 ? given : this.#fromHeader;
    }
  }

  header(): string {
    const prefix = this.#isResent ? 'Resent-' : '';
    const lacks = (name: string): boolean => !this.#seen.has(`${prefix}${name}`.toLowerCase());
    const { unixSeconds, pid, names } = this.#options;
    const added: string[] = [];
    if (lacks('Date')) added.push(`${prefix}Date: ${qmailDate(unixSeconds)}\n`);
    if (lacks('Message-ID')) added.push(`${prefix}Message-ID: ${qmailMessageId(unixSeconds, pid, names.idHost)}\n`);
    if (lacks('From')) added.push(`${prefix}${this.#from()}`);
    if (lacks('To') && lacks('Cc')) added.push(`${prefix}Cc: recipient list not shown: ;\n`);
    if (!this.#isResent && this.#isToList && lacks('Mail-Followup-To'))
      added.push(`Mail-Followup-To: ${this.#followUp.toReversed().join(',\n  ')}\n`);
    return added.join('') + this.#kept.join('');
  }

  #has(flag: string): boolean {
    return this.#options.flags.includes(flag);
  }

  #from(): string {
    const { name, user, host = this.#options.names.defaultHost } = this.#options.from;
    const address = this.#complete(ownTokens(quoteAddress(`${user}@${host}`)));
    const start: Token[] = [{ type: 'atom', text: 'From' }, { type: ':' }];
    if (name === undefined) return serializeTokens([...start, ...address], 0);
    if (this.#has('c')) return serializeTokens([...start, ...address, { type: 'comment', text: name }], 0);
    return serializeTokens([...start, { type: 'quoted', text: name }, { type: '<' }, ...address, { type: '>' }], 0);
  }

  #rewritten(field: string, name: string, isRecipients: boolean): string {
    const counts = this.#isResent ? resentRecipientFields : recipientFields;
    const rewrite: Rewrite = (address) => {
      const complete = this.#complete(address);
      if (isRecipients) this.#note(name, addressText(complete), counts.includes(name));
      return complete;
    };
    const tokens = parseTokens(field);
    const rewritten = tokens && rewriteAddressList(tokens, rewrite);
    if (rewritten !== undefined) return serializeTokens(rewritten, lineLength);
    // A recipient field that cannot be understood is kept and gives no recipients, as of notqmail 1.09.
    if (isRecipients) return field;
    throw new InjectError(`unable to parse this line:\n${field.replace(/\n$/, '')}`);
  }

  #note(name: string, address: string, counts: boolean): void {
    if (counts) this.#fromHeader.push(address);
    if (name !== 'to' && name !== 'cc') return;
    if (this.#options.lists.has(address.toLowerCase())) this.#isToList = true;
    this.#followUp.push(quoteAddress(address));
  }

  /** The first address that is met counts: the last one of the first such field. */
  #readReturnPath(field: string): void {
    const tokens = parseTokens(field);
    const found: string[] = [];
    const rewritten =
      tokens &&
      rewriteAddressList(tokens, (address) => {
        const complete = this.#complete(address);
        found.push(addressText(complete));
        return complete;
      });
    if (rewritten === undefined) throw new InjectError(`unable to parse this line:\n${field.replace(/\n$/, '')}`);
    this.#returnPath ??= found[0];
  }

  #argument(argument: string): string {
    const tokens = parseTokens(quoteAddress(argument));
    if (tokens === undefined) throw new InjectError(`unable to parse address: ${argument}`);
    return addressText(this.#complete(tokens));
  }

  #completed(quoted: string): string {
    return addressText(this.#complete(ownTokens(quoted)));
  }

  #complete(address: readonly Token[]): readonly Token[] {
    return completeAddress(address, this.#options.names);
  }
}
