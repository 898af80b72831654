// Reads the grammar of a client's command (RFC 9051 9) from left to right. A command is lines with literals between them: every line but the last ends with the announcement of
// the literal that follows it.
//
//   a1 LOGIN {4}        piece: the line, with its literal (4 bytes)
//   noel "secret"       piece: the rest
//
// Methods carry the RFC's names; each takes what it names or fails with a text for BAD. Texts are Latin-1, literals bytes.

/** A line without its line end, and the literal that it announced. The announcement itself is cut off. */
export interface CommandPiece {
  readonly text: string;
  readonly literal?: Literal;
}

export interface Literal {
  readonly bytes: Buffer;
  /** literal8 (RFC 3516): may hold NUL. */
  readonly isBinary: boolean;
}

/** What a client wrote is no command: the text goes behind BAD. */
export class SyntaxProblem extends Error {}

const atomSpecials = '(){ %*"\\]';
const listWildcards = '%*';
const longestAtom = 64 * 1024;
/** Of parentheses in each other. */
const deepest = 100;

export class Decoder {
  readonly #pieces: readonly CommandPiece[];
  #piece = 0;
  #at = 0;
  #depth = 0;

  constructor(pieces: readonly CommandPiece[]) {
    this.#pieces = pieces;
  }

  #text(): string {
    return this.#pieces[this.#piece]?.text ?? '';
  }

  /** The next character; '' at the end of a line. */
  peek(): string {
    return this.#text().charAt(this.#at);
  }

  #isAtLiteral(): boolean {
    return this.#at >= this.#text().length && this.#pieces[this.#piece]?.literal !== undefined;
  }

  isAtEnd(): boolean {
    return this.#at >= this.#text().length && !this.#isAtLiteral();
  }

  /** @throws SyntaxProblem unless the command ends here */
  end(): void {
    // Clients of old leave blanks behind.
    while (this.peek() === ' ') this.#at++;
    if (!this.isAtEnd()) throw new SyntaxProblem('Unexpected extra arguments');
  }

  /** Takes a character if it is next. */
  take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  /** @throws SyntaxProblem unless it is next */
  expect(character: string): void {
    if (!this.take(character))
      throw new SyntaxProblem(character === ' ' ? 'Missing arguments' : `Missing '${character}'`);
  }

  /** One blank; more are forgiven. */
  sp(): void {
    this.expect(' ');
    while (this.peek() === ' ') this.#at++;
  }

  /** Takes a blank if one is next and something follows it. */
  maybeSp(): boolean {
    if (this.peek() !== ' ') return false;
    while (this.peek() === ' ') this.#at++;
    return !this.isAtEnd();
  }

  #while(isTaken: (character: string) => boolean): string {
    const text = this.#text();
    const start = this.#at;
    while (this.#at < text.length && isTaken(text.charAt(this.#at))) this.#at++;
    if (this.#at - start > longestAtom) throw new SyntaxProblem('Too long argument');
    return text.slice(start, this.#at);
  }

  /** 1*ATOM-CHAR */
  atom(): string {
    const text = this.#while((character) => isAtomCharacter(character));
    if (text === '') throw new SyntaxProblem('Missing or invalid argument');
    return text;
  }

  /** An atom in upper case that is a word of the protocol, `]` and brackets aside: `BODY.PEEK`, `HEADER.FIELDS`. */
  word(): string {
    const text = this.#while((character) => /[A-Za-z0-9.\-=+]/.test(character));
    if (text === '') throw new SyntaxProblem('Missing or invalid argument');
    return text.toUpperCase();
  }

  /** Takes a word if it is next, in any case. @param word in upper case */
  takeWord(word: string): boolean {
    const rest = this.#text().slice(this.#at, this.#at + word.length + 1);
    if (rest.slice(0, word.length).toUpperCase() !== word || /[A-Za-z0-9.\-=+]$/.test(rest.slice(word.length)))
      return false;
    this.#at += word.length;
    return true;
  }

  /** Without leading word nothing is taken. */
  maybeWord(): string {
    return this.#while((character) => /[A-Za-z0-9.\-=+]/.test(character)).toUpperCase();
  }

  /** atom / string, `]` allowed in an atom. */
  astring(): string {
    if (this.#isString()) return this.string();
    const text = this.#while((character) => isAtomCharacter(character) || character === ']');
    if (text === '') throw new SyntaxProblem('Missing or invalid argument');
    return text;
  }

  /** A mailbox pattern of LIST: an astring in which `%` and `*` may stand. */
  listMailbox(): string {
    if (this.#isString()) return this.string();
    const text = this.#while(
      (character) => isAtomCharacter(character) || character === ']' || listWildcards.includes(character),
    );
    if (text === '') throw new SyntaxProblem('Missing or invalid argument');
    return text;
  }

  #isString(): boolean {
    return this.peek() === '"' || this.#isAtLiteral();
  }

  /** quoted / literal */
  string(): string {
    if (this.#isAtLiteral()) return this.literal().bytes.toString('latin1');
    return this.#quoted();
  }

  /** string / NIL; undefined for NIL. */
  nstring(): string | undefined {
    if (this.#isString()) return this.string();
    if (this.atom().toUpperCase() !== 'NIL') throw new SyntaxProblem('Invalid argument');
    return undefined;
  }

  #quoted(): string {
    this.expect('"');
    let text = '';
    for (;;) {
      text += this.#while((character) => character !== '"' && character !== '\\');
      if (this.take('"')) return text;
      if (!this.take('\\')) throw new SyntaxProblem("Missing '\"'");
      const escaped = this.peek();
      if (escaped !== '"' && escaped !== '\\') throw new SyntaxProblem('Escaping that is none');
      text += escaped;
      this.#at++;
    }
  }

  /** The literal that is next. */
  literal(): Literal {
    const literal = this.#isAtLiteral() ? this.#pieces[this.#piece]?.literal : undefined;
    if (literal === undefined) throw new SyntaxProblem('A literal is needed');
    this.#piece++;
    this.#at = 0;
    return literal;
  }

  /** 1 to 4294967295, or 0 too. */
  number(): number {
    const digits = this.#while((character) => character >= '0' && character <= '9');
    const number = Number(digits);
    if (digits === '' || digits.length > 10 || number > 0xffffffff) throw new SyntaxProblem('Invalid number');
    return number;
  }

  /** 0 to 2^63 - 1: mod-sequences, sizes. */
  number64(): bigint {
    const digits = this.#while((character) => character >= '0' && character <= '9');
    if (digits === '' || digits.length > 19 || BigInt(digits) > 0x7fff_ffff_ffff_ffffn)
      throw new SyntaxProblem('Invalid number');
    return BigInt(digits);
  }

  /** The characters of a sequence-set, as they are. */
  sequenceText(): string {
    const text = this.#while((character) => /[0-9:,*$]/.test(character));
    if (text === '') throw new SyntaxProblem('Invalid messageset');
    return text;
  }

  /** `\Seen`, `$Label1`, `keyword`. */
  flag(): string {
    const isSystem = this.take('\\');
    const name = this.#while((character) => isAtomCharacter(character) || character === ']');
    if (name === '') throw new SyntaxProblem('Invalid flag');
    return isSystem ? `\\${name}` : name;
  }

  /** `(` items with a blank between each two `)`; there may be none. */
  list<T>(item: () => T): T[] {
    this.expect('(');
    if (++this.#depth > deepest) throw new SyntaxProblem('Too many parentheses');
    const items: T[] = [];
    while (this.peek() === ' ') this.#at++;
    while (!this.take(')')) {
      items.push(item());
      while (this.peek() === ' ') this.#at++;
      if (this.isAtEnd()) throw new SyntaxProblem("Missing ')'");
    }
    this.#depth--;
    return items;
  }

  /** Counts a parenthesis that the caller reads by itself. */
  enter(): void {
    if (++this.#depth > deepest) throw new SyntaxProblem('Too many parentheses');
  }

  leave(): void {
    this.#depth--;
  }
}

function isAtomCharacter(character: string): boolean {
  const code = character.charCodeAt(0);
  return code > 0x20 && code < 0x7f && !atomSpecials.includes(character);
}

/** The announcement of a literal at the end of a line: `{12}`, `{12+}`, `~{12}`. */
export interface LiteralAnnouncement {
  readonly bytes: number;
  /** The client waits for `+` before it sends it. */
  readonly isSynchronizing: boolean;
  readonly isBinary: boolean;
  /** The line without the announcement. */
  readonly text: string;
}

/** @returns undefined when the line announces none, so that the command ends with it */
export function literalAnnouncement(line: string): LiteralAnnouncement | undefined {
  const found = /(~?)\{(\d{1,19})(\+?)\}$/.exec(line);
  if (found === null) return undefined;
  const [whole, tilde, digits, plus] = found;
  const bytes = Number(digits);
  if (!Number.isSafeInteger(bytes)) return undefined;
  return {
    bytes,
    isSynchronizing: plus === '',
    isBinary: tilde !== '',
    text: line.slice(0, line.length - whole.length),
  };
}
