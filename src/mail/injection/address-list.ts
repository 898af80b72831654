// A field with a list of addresses (To, Cc, From, ...): each address is found and may be rewritten (formats/qmail.md 8.1). RFC 822's lists are easiest read from the right, which also
// gives the order in which qmail-inject lists the recipients of a field: the last first.
//
//   Cc: hanako@mailtest.example.jp, Group: a@else.example, "B C" <b@else.example>;        b, a, hanako
//
// A blank between addresses counts as a comma and becomes one, but for that in front of `<`. What stands there is a name and stays.

import type { Token } from './tokens.js';

/** Rewrites the tokens of one address, empty for `<>`. */
export type Rewrite = (address: readonly Token[]) => readonly Token[];

/** @returns the field with its addresses rewritten; undefined when it is no such field */
export function rewriteAddressList(field: readonly Token[], rewrite: Rewrite): Token[] | undefined {
  const colon = field.findIndex(({ type }) => type === ':');
  if (colon < 0) return undefined;
  const reader = new ListReader(field.slice(colon + 1), rewrite);
  const list = reader.read();
  return list && [...field.slice(0, colon + 1), ...list];
}

const partOfName: ReadonlySet<Token['type']> = new Set(['comment', 'atom', 'quoted', '@', '.']);

class ListReader {
  readonly #tokens: readonly Token[];
  readonly #rewrite: Rewrite;
  /** What has been read, from the right. */
  readonly #out: Token[] = [];
  #address: Token[] = [];
  #at: number;
  /** Whether a word may still belong to the address at hand: behind (that is, read from the right, before) a dot or at. */
  #joins = true;
  /** Between `;` and `:`, read from the right: these come in pairs. */
  #isInGroup = false;

  constructor(tokens: readonly Token[], rewrite: Rewrite) {
    this.#tokens = tokens;
    this.#rewrite = rewrite;
    this.#at = tokens.length - 1;
  }

  read(): Token[] | undefined {
    for (let token = this.#tokens[this.#at]; token !== undefined; token = this.#tokens[this.#at]) {
      if (!this.#take(token)) return undefined;
    }
    this.#flush();
    return this.#out.reverse();
  }

  #take(token: Token): boolean {
    switch (token.type) {
      case ';':
        this.#flushWithComma();
        if (this.#isInGroup) return false;
        this.#isInGroup = true;
        this.#keep(token);
        this.#joins = true;
        return true;
      case ':':
        this.#flush();
        if (!this.#isInGroup) return false;
        this.#isInGroup = false;
        this.#keep(token);
        for (let name = this.#next(); name !== undefined && name.type !== ','; name = this.#next()) this.#keep(name);
        this.#joins = true;
        return true;
      case '>':
        return this.#bracketed(token);
      case ',':
        this.#flush();
        this.#keep(token);
        this.#joins = true;
        return true;
      case 'comment':
        this.#keep(token);
        return true;
      case 'atom':
      case 'quoted':
      case 'literal':
        if (this.#address.length > 0 && !this.#joins) this.#flushWithComma();
        this.#joins = false;
        this.#add(token);
        return true;
      default:
        this.#joins = true;
        this.#add(token);
        return true;
    }
  }

  #bracketed(token: Token): boolean {
    this.#flushWithComma();
    this.#keep(token);
    for (let inner = this.#next(); inner !== undefined && inner.type !== '<'; inner = this.#next()) this.#add(inner);
    this.#put(this.#rewrite(this.#address.toReversed()));
    const opening = this.#next();
    if (opening === undefined) return false;
    this.#keep(opening);
    for (let name = this.#next(); name !== undefined && partOfName.has(name.type); name = this.#next())
      this.#keep(name);
    this.#joins = false;
    return true;
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  #keep(token: Token): void {
    this.#out.push(token);
    this.#at--;
  }

  #add(token: Token): void {
    this.#address.push(token);
    this.#at--;
  }

  #flush(): void {
    if (this.#address.length > 0) this.#put(this.#rewrite(this.#address.toReversed()));
  }

  #flushWithComma(): void {
    if (this.#address.length === 0) return;
    this.#flush();
    this.#out.push({ type: ',' });
  }

  #put(address: readonly Token[]): void {
    this.#out.push(...address.toReversed());
    this.#address = [];
  }
}
