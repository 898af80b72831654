// One SMTP command line, read as qmail-smtpd reads it (commands.c; formats/qmail.md 2.2), which is more than RFC 5321 allows:
//
//   line  = bytes up to LF; one CR before the LF is dropped (a second one is data); a NUL ends the text
//   verb  = everything before the first space, compared without regard to ASCII case; a TAB separates nothing
//   rest  = what follows, leading spaces removed
//
//   mail FROM: noel@example.gr.jp       verb MAIL, argument `FROM: noel@example.gr.jp`
//    NOOP                               verb empty: the line begins with the space that ends it
//
// Text is Latin-1, one character a byte. The longest line that a client may send is the server's business.

export interface SmtpCommand {
  /** In capitals; empty for an empty line. */
  readonly verb: string;
  readonly argument: string;
}

/** Splits a line that has been cut at its LF. */
export function parseCommand(line: string): SmtpCommand {
  const text = commandText(line);
  const space = text.indexOf(' ');
  if (space < 0) return { verb: text.toUpperCase(), argument: '' };
  let start = space + 1;
  while (text.charCodeAt(start) === 0x20) start++;
  return { verb: text.slice(0, space).toUpperCase(), argument: text.slice(start) };
}

/** A line that is no command but an answer within an exchange (AUTH): without its CR, and without blanks at its end. */
export function exchangeText(line: string): string {
  return line.replace(/ *\r?$/, '');
}

/** Without the CR before the LF, and without what follows a NUL. */
function commandText(line: string): string {
  const end = line.charCodeAt(line.length - 1) === 0x0d ? line.length - 1 : line.length;
  const nul = line.indexOf('\0');
  return line.slice(0, nul < 0 ? end : Math.min(nul, end));
}

const httpRequest = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|CONNECT) \S+ HTTP\/\d/i;

/** Whether a line is the first of an HTTP request: a web page that makes a browser talk to this port. */
export function isHttpRequest(line: string): boolean {
  return httpRequest.test(line);
}
