// The addresses of a From, To, ... field for IMAP's ENVELOPE (RFC 3501 7.4.2, RFC 5322 3.4), as forgiving as Dovecot, whose answers mail programs have kept:
//
//   Noel <noel@example.jp>        name Noel, mailbox noel, domain example.jp
//   noel@example.jp (Noel)        the same: a comment behind the address is the name when there is no other
//   friends: a@b, c@d;            a start of group, its addresses, an end of group
//   noel                          domain MISSING_DOMAIN
//   Noel Smith                    a name without mailbox: MISSING_MAILBOX at MISSING_DOMAIN
//   <noel@                        domain SYNTAX_ERROR
//   <@relay:noel@example.jp>      the route is kept apart
//
// What cannot be understood ends the list. Names and mailboxes are free of quoting, encoded words are not decoded. Texts are Latin-1, the value may be folded.

import { type Progress, Rfc822Reader, Word } from './rfc822-reader.js';

export interface MailAddress {
  readonly name: string | undefined;
  readonly route: string | undefined;
  /** undefined: of an end of group. */
  readonly mailbox: string | undefined;
  /** undefined: of a start or an end of group. */
  readonly domain: string | undefined;
}

type Draft = { -readonly [field in keyof MailAddress]: MailAddress[field] };

/** More would only be an attack. */
const mostAddresses = 10_000;

export function parseAddresses(value: string): MailAddress[] {
  return new AddressReader(value).list();
}

class AddressReader {
  readonly #reader: Rfc822Reader;
  readonly #found: MailAddress[] = [];

  constructor(text: string) {
    this.#reader = new Rfc822Reader(text);
  }

  list(): MailAddress[] {
    const reader = this.#reader;
    if (reader.skipBlanks() !== 'more') return [];
    while (this.#found.length < mostAddresses) {
      if (this.#address() === 'end' || reader.peek() !== ',') break;
      reader.at++;
      const progress = reader.skipBlanks();
      if (progress === 'broken') this.#found.push(missing(emptyDraft()));
      if (progress !== 'more') break;
    }
    return this.#found;
  }

  #address(): Progress {
    const start = this.#reader.at;
    const group = this.#group();
    if (group !== undefined) return group;
    this.#reader.at = start;
    return this.#mailbox();
  }

  /** `phrase : mailboxes ;`. @returns undefined when no group begins here */
  #group(): Progress | undefined {
    const reader = this.#reader;
    const name = new Word();
    if (reader.phrase(name) !== 'more' || reader.peek() !== ':') return undefined;
    reader.at++;
    let progress = reader.skipBlanks();
    this.#found.push({ ...emptyDraft(), mailbox: name.text });
    if (progress === 'more' && reader.peek() !== ';') progress = this.#members();
    if (progress !== 'broken') {
      const isClosed = reader.peek() === ';';
      if (isClosed) reader.at++;
      progress = isClosed ? reader.skipBlanks() : 'broken';
    }
    this.#found.push(emptyDraft());
    return progress === 'end' ? 'end' : 'more';
  }

  #members(): Progress {
    const reader = this.#reader;
    while (this.#found.length < mostAddresses) {
      this.#mailbox();
      if (reader.peek() !== ',') break;
      reader.at++;
      if (reader.skipBlanks() !== 'more') return 'broken';
    }
    return 'more';
  }

  #mailbox(): Progress {
    const start = this.#reader.at;
    const draft = emptyDraft();
    let progress = this.#named(draft);
    if (progress === undefined) {
      this.#reader.at = start;
      progress = this.#plain(draft);
    }
    this.#found.push(missing(draft));
    return progress;
  }

  /** `[phrase] <address>`. @returns undefined when it is not that */
  #named(draft: Draft): Progress | undefined {
    const name = new Word();
    if (this.#reader.phrase(name) !== 'more' || this.#reader.peek() !== '<') return undefined;
    draft.name = name.text === '' ? undefined : name.text;
    if (this.#angle(draft) === 'broken') draft.domain = 'SYNTAX_ERROR';
    return this.#reader.isAtEnd ? 'end' : 'more';
  }

  #angle(draft: Draft): Progress {
    const reader = this.#reader;
    reader.at++;
    if (reader.skipBlanks() !== 'more') return 'broken';
    if (reader.peek() === '@' && this.#route(draft) === 'broken') return 'broken';
    if (reader.peek() !== '>') {
      if (this.#localPart(draft) !== 'more') return 'broken';
      if (reader.peek() === '@' && this.#domain(draft) !== 'more') return 'broken';
    }
    if (reader.peek() !== '>') return 'broken';
    reader.at++;
    return reader.skipBlanks();
  }

  /** `@domain,@domain:` in front of an address. */
  #route(draft: Draft): Progress {
    const reader = this.#reader;
    const route = new Word();
    let progress: Progress = 'more';
    while (progress === 'more' && reader.peek() === '@') {
      route.text += route.text === '' ? '@' : ',@';
      progress = reader.domain(route);
      while (progress === 'more' && reader.peek() === ',') {
        reader.at++;
        progress = reader.skipBlanks();
      }
    }
    if (progress === 'more') draft.route = route.text;
    if (progress === 'more' && reader.peek() === ':') reader.at++;
    else {
      draft.route = 'INVALID_ROUTE';
      if (reader.isAtEnd) return 'broken';
    }
    return reader.skipBlanks() === 'more' ? 'more' : 'broken';
  }

  /** `local@domain`, or a word that is an address without a domain, or several that are a name without an address. */
  #plain(draft: Draft): Progress {
    const reader = this.#reader;
    reader.comment = '';
    const isQuoted = reader.peek() === '"';
    const local = new Word();
    let progress = this.#localPart(draft, local);
    let hasDomain = false;
    if (progress !== 'end' && reader.peek() === '@') {
      hasDomain = true;
      const end = this.#domain(draft);
      if (end !== 'more') progress = end;
    }
    if (reader.comment !== '') draft.name = reader.comment;
    else if (!hasDomain) {
      const rest = new Word();
      reader.phrase(rest);
      if (rest.text !== '') draft.name = `${local.text} ${rest.text}`;
      else if (isQuoted && progress !== 'broken') draft.name = local.text;
      if (draft.name !== undefined) draft.mailbox = undefined;
      return 'broken';
    }
    return progress;
  }

  #localPart(draft: Draft, word = new Word()): Progress {
    const progress = this.#reader.peek() === '"' ? this.#reader.quotedString(word) : this.#reader.looseDotAtom(word);
    if (progress !== 'broken') draft.mailbox = word.text;
    return progress;
  }

  #domain(draft: Draft): Progress {
    const word = new Word();
    const progress = this.#reader.domain(word);
    if (progress !== 'broken') draft.domain = word.text;
    return progress;
  }
}

function emptyDraft(): Draft {
  return { name: undefined, route: undefined, mailbox: undefined, domain: undefined };
}

function missing(draft: Draft): MailAddress {
  return { ...draft, mailbox: draft.mailbox ?? 'MISSING_MAILBOX', domain: draft.domain || 'MISSING_DOMAIN' };
}
