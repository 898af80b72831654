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

function withWord(text: string, { setting, word, isOn }: WordEdit): string | undefined {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => settingOf(line) === setting);
  if (at < 0) return undefined;
  const line = lines[at] ?? '';
  const [name = '', value = ''] = [line.slice(0, line.indexOf('=')).trimEnd(), line.slice(line.indexOf('=') + 1)];
  const words = value.split(/\s+/).filter((each) => each !== '' && each !== word);
  lines[at] = [name, '=', ...words, ...(isOn ? [word] : [])].join(' ');
  return lines.join('\n');
}

function settingOf(line: string): string | undefined {
  return /^\s*(\w+)\s*=/.exec(line)?.[1];
}
