// Replies of an SMTP server as a client reads them (RFC 5321 4.2), by the rules of qmail-remote (smtpcode; formats/qmail.md 7.3):
//
//   250-first line       the fourth byte is a minus: the reply goes on
//   250 last line        anything else: it ends
//
// The code is that of the first line; those of further lines are not looked at. What is no code counts as qmail computes it, from the first three bytes
// whatever they are, which makes it a permanent refusal nearly always. A line of less than two bytes has not even those, with its end: the reply goes on with the next line, and one that is
// empty refuses nothing. (qmail-remote takes the line end for digits then, and a refusal for a yes.) The text, for reports, is the lines with an LF behind each, every CR dropped, 5000 bytes at most.

/** A complete reply. */
export interface SmtpReply {
  readonly code: number;
  /** As it stands in reports, Latin-1; ends in LF unless it was cut. */
  readonly text: string;
  /** Each line without its code and separator. */
  readonly lines: readonly string[];
}

const mostTextBytes = 5000;
const mostLines = 1000;

/** Gathers the lines of one reply after the other. */
export class SmtpReplyParser {
  #code = 0;
  #text = '';
  #lines: string[] = [];
  /** Whether the line with the code has come. */
  #hasCode = false;

  /**
   * Takes a line without its end.
   * @returns the reply when this was its last line; 'endless' when there are more lines than a reply can have
   */
  line(line: string): SmtpReply | 'endless' | undefined {
    const isCut = line.length < 2;
    if (!this.#hasCode && !isCut) this.#code = codeOf(line);
    this.#hasCode ||= !isCut;
    this.#lines.push(line.slice(4));
    if (this.#text.length < mostTextBytes)
      this.#text = `${this.#text}${line.replaceAll('\r', '')}\n`.slice(0, mostTextBytes);
    if (isCut || line.charAt(3) === '-') return this.#lines.length < mostLines ? undefined : 'endless';
    const reply = { code: this.#code, text: this.#text, lines: this.#lines };
    this.#text = '';
    this.#lines = [];
    this.#hasCode = false;
    return reply;
  }
}

function codeOf(line: string): number {
  const [a = 0, b = 0, c = 0] = [0, 1, 2].map((at) => `${line}\r`.charCodeAt(at) - 48);
  const code = a * 100 + b * 10 + c;
  return code < 0 ? 599 : code;
}

/** What a server offers, from its reply to EHLO: keywords in upper case with their parameters (RFC 5321 4.1.1.1). */
export function parseExtensions(reply: SmtpReply): ReadonlyMap<string, string> {
  const extensions = new Map<string, string>();
  for (const line of reply.lines.slice(1)) {
    // Old servers write AUTH=LOGIN.
    const [, keyword = '', parameters = ''] = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =]+(.*))?$/.exec(line.trimEnd()) ?? [];
    const name = keyword.toUpperCase();
    const known = extensions.get(name);
    if (name !== '') extensions.set(name, known === undefined ? parameters : `${known} ${parameters}`);
  }
  return extensions;
}
