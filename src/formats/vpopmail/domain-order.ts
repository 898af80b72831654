// The order in which vpopmail keeps users/assign, rcpthosts, morercpthosts and virtualdomains (formats/vpopmail.md 3.2), and where it puts a new line.
//
//   line                                                   sort key
//   sub.a.example.com                                      example.com.sub.a
//   a.b.c.example.com                                      example.com.a.b.a          (the third and following labels repeat the first two)
//   x.co.uk:x.co.uk                                        co.uk.x
//   +example.jp-:example.jp:89:89:/home/...:-::            example.jp                 (users/assign: without the first byte and the last of the name)
//   # our hosts                                            # our hosts
//
// The key is what stands before the first colon, its last two labels moved to the front; empty labels vanish, and of more than ten only the first ten count. A line of
// users/assign without a name (`+:alias:...`, a blank line) has the key of the line before it. Keys are compared byte by byte. A new line goes before the first line
// with a greater key; the others stay in their order. When two neighbours are in the wrong order, the whole file is sorted (`isDisordered`), comments and blank
// lines with it: the original tools do this to any file they touch, and a file that we had left alone would be sorted by the next of theirs.
// Whole lines count here; the originals cut lines at 299 bytes.

/** Which bytes of a line are its name. */
export type LineKind = 'assignment' | 'host';

/** The longest line that vpopmail can rewrite without cutting it in two, LF not counted. */
export const longestLine = 298;

/** The lines with a new one in its place, and whether they were out of order and had to be sorted. */
export interface Insertion {
  readonly lines: readonly string[];
  readonly isDisordered: boolean;
}

/** Puts a line where vpopmail puts it. Lines have no LF. */
export function insertInOrder(lines: readonly string[], line: string, kind: LineKind): Insertion {
  const keys = sortKeys(lines, kind);
  const [key = ''] = sortKeys([line], kind);
  const at = keys.findIndex((existing) => existing > key);
  const place = at < 0 ? lines.length : at;
  const inserted = [...lines.slice(0, place), line, ...lines.slice(place)];
  const isDisordered = keys.some((existing, index) => index > 0 && existing < (keys[index - 1] ?? ''));
  return { lines: isDisordered ? inOrder(inserted, kind) : inserted, isDisordered };
}

/** The sort keys of lines that follow each other in a file. */
export function sortKeys(lines: readonly string[], kind: LineKind): string[] {
  let key = '';
  return lines.map((line) => {
    const name = nameOf(line, kind);
    if (name !== undefined) key = keyOf(name);
    return key;
  });
}

function inOrder(lines: readonly string[], kind: LineKind): string[] {
  const keys = sortKeys(lines, kind);
  const order = lines.map((line, index) => ({ line, key: keys[index] ?? '' }));
  // Array.sort is stable, as the C library's qsort is where the originals run.
  return order.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ line }) => line);
}

/** undefined for a line of users/assign that has no name. */
function nameOf(line: string, kind: LineKind): string | undefined {
  const [name = ''] = (kind === 'assignment' ? line.slice(1) : line).split(':', 1);
  if (kind === 'host') return name;
  return name === '' ? undefined : name.slice(0, -1);
}

function keyOf(name: string): string {
  const labels = name
    .split('.')
    .filter((label) => label !== '')
    .slice(0, 10);
  if (labels.length < 2) return name;
  const others = labels.slice(0, -2).map((_, index) => labels[index % 2]);
  return [...labels.slice(-2), ...others].join('.');
}
