// Reads the words of a structured header field from left to right (RFC 822 3.3, RFC 2045 5.1), as forgiving as Dovecot, whose answers mail programs have kept.
//
//   atom            letters, digits, !#$%&'*+-/=?^_`{|}~ and every byte above ASCII
//   "quoted"        \x is x; line ends of folding do not count; one that does not end is broken
//   (comment)       counts as a blank; may be nested; the text of the last one is remembered
//
// Every method leaves off behind the blanks that follow what it took. Texts are Latin-1.

/** What comes behind what was read: `more` text, the `end`, or what was there is `broken`. */
export type Progress = 'more' | 'end' | 'broken';

const blanks = ' \t\r\n';
const atomCharacter = /[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\xff]/;
const tokenCharacter = /[A-Za-z0-9!#$%&'*+\-^_`{|}~.\x80-\xff]/;

/** A word that is put together. */
export class Word {
  text = '';
}

export class Rfc822Reader {
  readonly #text: string;
  at = 0;
  /** Of the last comment that was passed. */
  comment = '';

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#text.length;
  }

  /** The next character; '' at the end. */
  peek(): string {
    return this.#text.charAt(this.at);
  }

  skipBlanks(): Progress {
    while (!this.isAtEnd) {
      if (blanks.includes(this.peek())) this.at++;
      else if (this.peek() !== '(') return 'more';
      else if (!this.#skipComment()) return 'broken';
    }
    return 'end';
  }

  /** @returns whether the comment ends; of one that does not, what stands behind its last escape or line end is not remembered */
  #skipComment(): boolean {
    this.comment = '';
    let text = '';
    const remember = (): void => {
      this.comment += text;
      text = '';
    };
    let depth = 1;
    for (this.at++; !this.isAtEnd; this.at++) {
      const character = this.peek();
      if (character === '\\') {
        remember();
        this.at++;
        if (this.isAtEnd) return false;
      } else if (character === '(') depth++;
      else if (character === ')' && --depth === 0) {
        remember();
        this.at++;
        return true;
      } else if (character === '\n') remember();
      if (!this.#isLineEnd()) text += this.peek();
    }
    return false;
  }

  isAtAtom(): boolean {
    return !this.isAtEnd && atomCharacter.test(this.peek());
  }

  /** 1*atext */
  atom(word: Word): Progress {
    if (!this.isAtAtom()) return 'broken';
    while (this.isAtAtom()) word.text += this.#text.charAt(this.at++);
    return this.skipBlanks();
  }

  /** Atoms with a dot between each two, blanks around the dots allowed. */
  dotAtom(word: Word): Progress {
    for (;;) {
      const progress = this.atom(word);
      if (progress !== 'more' || this.peek() !== '.') return progress;
      this.at++;
      word.text += '.';
      if (this.skipBlanks() !== 'more') return 'broken';
    }
  }

  /** A local part: atoms with dots anywhere. */
  looseDotAtom(word: Word): Progress {
    let progress: Progress = 'broken';
    do {
      for (; this.peek() === '.'; progress = 'more') {
        word.text += '.';
        this.at++;
        if (this.isAtEnd) return 'end';
      }
      if (this.peek() === '@') return progress;
      progress = this.atom(word);
    } while (progress === 'more' && this.peek() === '.');
    return progress;
  }

  /** A token of MIME, or nothing. */
  mimeToken(word: Word): Progress {
    while (!this.isAtEnd && tokenCharacter.test(this.peek())) word.text += this.#text.charAt(this.at++);
    return this.isAtEnd ? 'end' : this.skipBlanks();
  }

  /** A quoted string whose opening quote is next. Of one that does not end, what stands behind its last escape or line end does not count. */
  quotedString(word: Word): Progress {
    let text = '';
    const remember = (): void => {
      word.text += text;
      text = '';
    };
    for (this.at++; !this.isAtEnd; this.at++) {
      const character = this.peek();
      if (character === '"') {
        remember();
        this.at++;
        return this.skipBlanks();
      }
      if (character === '\\') {
        this.at++;
        if (this.isAtEnd) return 'broken';
        if ('\r\n'.includes(this.peek())) this.at--;
        remember();
      } else if (character === '\n') remember();
      if (!this.#isLineEnd()) text += this.peek();
    }
    return 'broken';
  }

  /** LF, or the CR of a CRLF. */
  #isLineEnd(): boolean {
    return this.peek() === '\n' || (this.peek() === '\r' && this.#text.charAt(this.at + 1) === '\n');
  }

  /** Words with a blank between each two: a display name. */
  phrase(word: Word): Progress {
    if (this.isAtEnd) return 'end';
    if (this.peek() === '.') return 'broken';
    for (;;) {
      const progress = this.peek() === '"' ? this.quotedString(word) : this.#atomWithDots(word);
      if (progress !== 'more') return progress;
      if (!this.isAtAtom() && this.peek() !== '"' && this.peek() !== '.') return 'more';
      word.text += ' ';
    }
  }

  #atomWithDots(word: Word): Progress {
    while (this.isAtAtom() || this.peek() === '.') word.text += this.#text.charAt(this.at++);
    return this.isAtEnd ? 'end' : this.skipBlanks();
  }

  /** A domain behind an `@` that is next: a name, or an address in brackets. */
  domain(word: Word): Progress {
    this.at++;
    if (this.skipBlanks() !== 'more') return 'broken';
    return this.peek() === '[' ? this.#domainLiteral(word) : this.dotAtom(word);
  }

  #domainLiteral(word: Word): Progress {
    word.text += '[';
    for (this.at++; !this.isAtEnd; this.at++) {
      const character = this.peek();
      if (character === '[') return 'broken';
      if (!this.#isLineEnd()) word.text += character;
      if (character === ']') {
        this.at++;
        return this.skipBlanks();
      }
      if (character === '\\') word.text += this.#text.charAt(++this.at);
    }
    return 'broken';
  }

  /** Everything up to a semicolon or a blank. */
  untilBlank(): string {
    const start = this.at;
    while (!this.isAtEnd && !`;${blanks}`.includes(this.peek())) this.at++;
    return this.#text.slice(start, this.at);
  }
}
