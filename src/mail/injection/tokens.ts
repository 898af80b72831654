// The words of a header field with addresses, as qmail-inject sees them (RFC 822 3.3; formats/qmail.md 8.1): split, and written again with folding.
//
//   Cc: Group: a@else.example, "B C" <b@else.example>;
//   atom Cc, colon, atom Group, colon, atom a, at, atom else, dot, atom example, comma, quoted B C, left, ... right, semicolon
//
// Texts are Latin-1 and free of their quoting. A bracket, quote or comment that does not end, and a stray `)` or `]`, is an error. Written again, blanks stand where
// words need them, behind commas and colons and before `<`; lines are broken behind commas, so that none grows beyond the given length where that can be helped.

export type Token =
  | { readonly type: 'atom' | 'quoted' | 'literal' | 'comment'; readonly text: string }
  | { readonly type: '.' | ',' | '@' | '<' | '>' | ':' | ';' };

type WordType = 'atom' | 'quoted' | 'literal' | 'comment';

const punctuation = '.,@<>:;';
const blanks = ' \t\r\n';
/** Bytes with which an atom is written in quotes. */
const needsQuotes = /[^ -~]|[)\]\\]/;
const endOfAtom = ` \t\r\n(["<>;:@,.`;

/** What breaking a line takes, which qmail-inject counts to its length. */
const foldBytes = 2;

/** Splits a field, its name included; undefined when it cannot be understood. */
export function parseTokens(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text.charAt(at);
    if (blanks.includes(character)) at++;
    else if (punctuation.includes(character)) {
      tokens.push({ type: character as '.' });
      at++;
    } else {
      const word = wordAt(text, at);
      if (word === undefined) return undefined;
      tokens.push(word.token);
      at = word.end;
    }
  }
  return tokens;
}

interface Word {
  readonly token: Token;
  readonly end: number;
}

function wordAt(text: string, start: number): Word | undefined {
  switch (text.charAt(start)) {
    case '"':
      return enclosed(text, start, 'quoted', '"');
    case '[':
      return enclosed(text, start, 'literal', ']');
    case '(':
      return comment(text, start);
    case ')':
    case ']':
      return undefined;
    default:
      return atom(text, start);
  }
}

function enclosed(text: string, start: number, type: WordType, closing: string): Word | undefined {
  let kept = '';
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === closing) return { token: { type, text: kept }, end: at + 1 };
    if (character === '\\') at++;
    if (at >= text.length) return undefined;
    kept += text.charAt(at);
  }
  return undefined;
}

function comment(text: string, start: number): Word | undefined {
  let kept = '';
  let depth = 1;
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '(') depth++;
    if (character === ')' && --depth === 0) return { token: { type: 'comment', text: kept }, end: at + 1 };
    if (character === '\\') at++;
    if (at >= text.length) return undefined;
    // Inner brackets are left out.
    if (character === '\\' || (character !== '(' && character !== ')')) kept += text.charAt(at);
  }
  return undefined;
}

function atom(text: string, start: number): Word {
  let kept = '';
  let at = start;
  do {
    if (text.charAt(at) === '\\') at++;
    if (at >= text.length) break;
    kept += text.charAt(at++);
  } while (at < text.length && !endOfAtom.includes(text.charAt(at)));
  const type = needsQuotes.test(kept) ? 'quoted' : 'atom';
  return { token: { type, text: kept }, end: at };
}

/** The address that tokens spell, without quotes and comments, as it goes into an envelope. */
export function addressText(tokens: readonly Token[]): string {
  return tokens.map(spelled).join('');
}

function spelled(token: Token): string {
  switch (token.type) {
    case 'literal':
      return `[${token.text}]`;
    case 'comment':
      return '';
    default:
      return 'text' in token ? token.text : token.type;
  }
}

/**
 * Writes a field, ended by LF.
 * @param lineLength how long its lines may grow before they are broken behind a comma; 0: they are not broken
 */
export function serializeTokens(tokens: readonly Token[], lineLength: number): string {
  let before = '';
  let line = '';
  let pending = '';
  let last: Token | undefined;
  // `line` is what surely stands on the current line, `pending` what follows the last place where it may be broken.
  const place = (): void => {
    if (line === '' || lineLength === 0 || line.length + foldBytes + pending.length <= lineLength) line += pending;
    else {
      before += `${line}\n`;
      line = ` ${pending}`;
    }
    pending = '';
  };
  for (const token of tokens) {
    if (last !== undefined && needsBlank(last, token)) pending += ' ';
    pending += written(token);
    last = token;
    if (token.type === ',') place();
  }
  place();
  return `${before}${line}\n`;
}

function needsBlank(last: Token, next: Token): boolean {
  if (last.type === ':' || last.type === ',' || next.type === '<') return true;
  return 'text' in last && 'text' in next;
}

function written(token: Token): string {
  if (!('text' in token)) return token.type;
  const text = token.text.replace(/["[\]()\\\r\n]/g, '\\$&');
  switch (token.type) {
    case 'quoted':
      return `"${text}"`;
    case 'literal':
      return `[${text}]`;
    case 'comment':
      return `(${text})`;
    default:
      return text;
  }
}
