// A message's header as lines that people and programs hand in: which of them is what (formats/qmail.md 8.1).
//
//   Subject: hello           a field; lines that begin with a blank go on with it
//   From joe Tue Nov 24 ...  an mbox's line, kept as MBOX-Line
//   (empty line)             the header ends
//   anything else            the header ends too, and an empty line is put in front of what follows
//   (the end)                there is no body, and no empty line

/** A header that was split off a message. Texts are Latin-1. */
export interface SplitHeader {
  /** Whole fields, each with its LFs. */
  readonly fields: readonly string[];
  /** Where the rest begins: the empty line, or the line that is none of a header. */
  readonly bodyOffset: number;
  /** Whether an empty line has to be put in front of the rest. */
  readonly needsEmptyLine: boolean;
}

const fieldName = /^[!-9;-~]+[ \t]*:/;

/** Splits the header off. @param bytes the message, or as much of it as surely holds its header */
export function splitHeader(bytes: Buffer): SplitHeader {
  const fields: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const lineFeed = bytes.indexOf(0x0a, at);
    const end = lineFeed < 0 ? bytes.length : lineFeed + 1;
    const line = `${bytes.toString('latin1', at, lineFeed < 0 ? bytes.length : lineFeed)}\n`;
    if (line === '\n') return { fields, bodyOffset: at, needsEmptyLine: false };
    if (/^[ \t]/.test(line) && fields.length > 0) fields.push(`${fields.pop()}${line}`);
    else if (line.startsWith('From ')) fields.push(`MBOX-Line: ${line}`);
    else if (fieldName.test(line)) fields.push(line);
    else return { fields, bodyOffset: at, needsEmptyLine: true };
    at = end;
  }
  return { fields, bodyOffset: bytes.length, needsEmptyLine: false };
}

/** The name of a field in lower case. */
export function nameOf(field: string): string {
  return field.slice(0, field.indexOf(':')).trimEnd().toLowerCase();
}
