// Lines of a text file, each with its own end, so that joining them gives the file back byte for byte: a last line without LF stays one.
// Text is Latin-1, one character a byte. A CR belongs to the text; what a DOS line end means is for the format to say.

export type LineEnd = '\n' | '';

export interface TextLine {
  readonly text: string;
  /** Empty only for a last line without LF. */
  readonly end: LineEnd;
}

/** The lines of a file. An empty file has none; the LF at the end starts no further line. */
export function splitLines(bytes: Buffer): TextLine[] {
  const texts = bytes.toString('latin1').split('\n');
  const last = texts.pop() ?? '';
  const lines: TextLine[] = texts.map((text) => ({ text, end: '\n' }));
  if (last !== '') lines.push({ text: last, end: '' });
  return lines;
}

/** The texts of the lines alone, where it does not matter how the last one ends. */
export function lineTexts(bytes: Buffer): string[] {
  return splitLines(bytes).map(({ text }) => text);
}

/** The bytes of lines; the mirror of `splitLines`. */
export function joinLines(lines: Iterable<TextLine>): Buffer {
  let text = '';
  for (const line of lines) text += line.text + line.end;
  return Buffer.from(text, 'latin1');
}
