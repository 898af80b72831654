// The language of test/dialogs/*.txt: what a client says, what the server answers, and what then lies in the mailboxes, one thing a line.
//
//   # text                    a remark
//   control NAME TEXT         writes a control file (`control NAME` alone removes it); before the first line of a dialog or between sessions
//   rules RULE                one line of the access rules; all of a file are compiled together before the dialog
//   connect [ADDRESS]         a new session, from another address of 127.0.0.0/8 if given; the first is made by itself
//   C: text                   the client sends the text and CRLF
//   C~ text                   the client sends the text alone; \r \n \0 \\ and \xHH stand for those bytes
//   S: text                   the server answers this line; `*` stands for anything within it
//   leave                     the client goes away without a word
//   closed                    the server has closed the session and said nothing more
//   mail ADDRESS              that mailbox has one new message, which is taken out; its lines follow, each after `| `, `*` as above
//   no mail                   nothing new is in any mailbox, and nothing half-written
//
// Text is UTF-8 in the file and sent as such.

export type DialogStep =
  | { readonly kind: 'control'; readonly name: string; readonly text: string | undefined }
  | { readonly kind: 'connect'; readonly from: string | undefined }
  | { readonly kind: 'send'; readonly bytes: string }
  | { readonly kind: 'expect'; readonly line: string }
  | { readonly kind: 'leave' }
  | { readonly kind: 'closed' }
  | { readonly kind: 'mail'; readonly address: string; readonly lines: string[] }
  | { readonly kind: 'no mail' };

export interface Dialog {
  readonly rules: string;
  readonly steps: readonly (DialogStep & { readonly at: number })[];
}

/** Reads a dialog. @throws Error that names the line which is none of the language */
export function parseDialog(text: string, file: string): Dialog {
  let rules = '';
  const steps: (DialogStep & { at: number })[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trimEnd();
    if (line === '' || line.startsWith('#')) continue;
    const [, word = '', rest = ''] = /^(C:|C~|S:|\||no mail|[a-z]+) ?(.*)$/.exec(line) ?? [];
    const last = steps.at(-1);
    if (word === 'rules') rules += `${rest}\n`;
    else if (word === '|' && last?.kind === 'mail') last.lines.push(rest);
    else steps.push({ ...parseStep(word, rest, `${file}:${index + 1}`), at: index + 1 });
  }
  return { rules, steps };
}

function parseStep(word: string, rest: string, where: string): DialogStep {
  if (word === 'C:') return { kind: 'send', bytes: `${latin1(rest)}\r\n` };
  if (word === 'C~') return { kind: 'send', bytes: withEscapes(latin1(rest)) };
  if (word === 'S:') return { kind: 'expect', line: latin1(rest) };
  if (word === 'connect') return { kind: 'connect', from: rest === '' ? undefined : rest };
  if (word === 'mail') return { kind: 'mail', address: rest, lines: [] };
  if (word === 'leave' || word === 'closed' || word === 'no mail') return { kind: word };
  const [, name, text] = /^(\S+)(?: (.*))?$/.exec(rest) ?? [];
  if (word === 'control' && name !== undefined) return { kind: 'control', name, text };
  throw new Error(`${where}: a dialog has no line such as this`);
}

/** Whether a line is the expected one, `*` standing for anything. */
export function matchesLine(expected: string, line: string): boolean {
  const parts = expected.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(line);
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function withEscapes(text: string): string {
  const named: Readonly<Record<string, string>> = { r: '\r', n: '\n', '0': '\0', '\\': '\\' };
  return text.replace(/\\(?:x([0-9a-f]{2})|([rn0\\]))/gi, (_, hex: string | undefined, name: string) =>
    hex === undefined ? (named[name] ?? name) : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
