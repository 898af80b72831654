// What is changed in the configuration of a front end that goes on with other things: pure functions from text to text, Latin-1. What stands there already is left as it is, so that a move that
// was killed can be repeated.

/** Lines of a file that are made comments, or lines again. */
export interface LinesEdit {
  readonly lines: string;
  readonly isOn: boolean;
}

/** One word of a setting, such as `pop3` of `protocols = imap pop3`. */
export interface WordEdit {
  readonly setting: string;
  readonly word: string;
  readonly isOn: boolean;
  /** All words as they are, where no line of the file itself has them: such a line is added at the end, where it comes after what is included. */
  readonly included?: readonly string[];
}

export type Edit = LinesEdit | WordEdit;

/** @returns undefined when the text has no such lines or no such setting any more */
export function edited(text: string, edit: Edit): string | undefined {
  return 'lines' in edit ? withLines(text, edit) : withWord(text, edit);
}

/** As one would say it. */
export function editText(edit: Edit, file: string): string {
  if ('word' in edit) {
    const { word, setting, isOn } = edit;
    return `${isOn ? 'put' : 'take'} ${word} ${isOn ? 'into' : 'out of'} '${setting} =' in ${file}`;
  }
  const [first = ''] = edit.lines.split('\n');
  return `${edit.isOn ? 'restore' : 'comment out'} '${first.replace(/\s+/g, ' ')}' in ${file}`;
}

function withLines(text: string, { lines, isOn }: LinesEdit): string | undefined {
  const comment = lines.replace(/^/gm, '#');
  const [from, to] = isOn ? [comment, lines] : [lines, comment];
  const all = `\n${text}`;
  if (all.includes(`\n${from}\n`)) return all.replace(`\n${from}\n`, () => `\n${to}\n`).slice(1);
  return all.includes(`\n${to}\n`) ? text : undefined;
}

/** Stands before the line as it was, or before the words that were included, above the line that is in force now; with the last word both lines go again. */
const before = '#before vqmail: ';
const wasIncluded = ' # included';

function withWord(text: string, { setting, word, isOn, included }: WordEdit): string | undefined {
  const lines = text.split('\n');
  const kept = lines.findIndex((line) => line.startsWith(before) && settingOf(line.slice(before.length)) === setting);
  if (kept < 0 && included !== undefined) return isOn ? text : withLineAtEnd(lines, { setting, word, included });
  const at = kept < 0 ? lines.findLastIndex((line) => settingOf(line) === setting) : kept + 1;
  const line = lines[at] ?? '';
  if (settingOf(line) !== setting) return undefined;
  const words = wordsOf(line);
  if (words.includes(word) === isOn) return text;
  const original = kept < 0 ? line : (lines[kept] ?? '').slice(before.length);
  const known = wordsOf(original);
  const all = isOn ? [...words, word] : words.filter((each) => each !== word);
  const after = [...known.filter((each) => all.includes(each)), ...all.filter((each) => !known.includes(each))];
  const isAsBefore = kept >= 0 && after.join(' ') === known.join(' ');
  const now = `${line.slice(0, line.indexOf('=')).trimEnd()} =${after.map((each) => ` ${each}`).join('')}`;
  if (isAsBefore) lines.splice(kept, 2, ...(original.endsWith(wasIncluded) ? [] : [original]));
  else if (kept >= 0 || isOn) lines[at] = now;
  else lines.splice(at, 1, before + original, now);
  return lines.join('\n');
}

function withLineAtEnd(
  lines: readonly string[],
  { setting, word, included }: Required<Omit<WordEdit, 'isOn'>>,
): string {
  const rest = included.filter((each) => each !== word);
  const added = [
    `${before}${setting} = ${included.join(' ')}${wasIncluded}`,
    `${setting} =${rest.map((each) => ` ${each}`).join('')}`,
  ];
  const end = lines.at(-1) === '' ? lines.length - 1 : lines.length;
  return [...lines.slice(0, end), ...added, ...lines.slice(end)].join('\n');
}

function settingOf(line: string): string | undefined {
  return /^\s*(\w+)\s*=/.exec(line)?.[1];
}

function wordsOf(line: string): string[] {
  const value = line.slice(line.indexOf('=') + 1).replace(/(^|\s)#.*/, '');
  return value.replace(/["']/g, ' ').split(/\s+/).filter(Boolean);
}
