// The answers of an IMAP server cut into responses, literals in them and all.

/** Each response as Latin-1, without its last line end. */
export function responsesOf(bytes: Buffer): string[] {
  const text = bytes.toString('latin1');
  const found: string[] = [];
  for (let start = 0; start < text.length; ) {
    let at = start;
    for (;;) {
      const end = text.indexOf('\r\n', at);
      if (end < 0) return [...found, text.slice(start)];
      const literal = /\{(\d+)\}$/.exec(text.slice(Math.max(at, end - 24), end));
      at = end + 2;
      if (literal === null) break;
      at += Number(literal[1]);
    }
    found.push(text.slice(start, at - 2));
    start = at;
  }
  return found;
}

/** The FETCH responses by sequence number. */
export function fetchedOf(responses: readonly string[]): Map<number, string> {
  const found = new Map<number, string>();
  for (const response of responses) {
    const match = /^\* (\d+) FETCH /.exec(response);
    if (match !== null) found.set(Number(match[1]), response.slice(match[0].length));
  }
  return found;
}
