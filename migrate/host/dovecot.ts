// Which protocols a Dovecot 2.3 serves, by its configuration: the last `protocols =` of dovecot.conf and of what it includes, in which `$protocols` is what was said until then.
// Debian's dovecot.conf has no such line of its own: it includes a file for each package of a protocol that is installed.

import path from 'node:path';
import type { Looker } from './part.js';
import { Places } from './places.js';

export interface DovecotProtocols {
  readonly words: readonly string[];
  /** Disk path of the file with the last line about them, and the line, from 1; undefined where none says anything, and it is as it was built. */
  readonly path: string;
  readonly line: number | undefined;
  /** Whether that line is dovecot.conf's own and says everything by itself. */
  readonly isPlain: boolean;
}

/** What is served unless something is said (Dovecot as it is shipped; Debian's packages say it by included files). */
const builtIn = ['imap', 'pop3', 'lmtp'];

/** @param main disk path of dovecot.conf; undefined when it cannot be read */
export function dovecotProtocols(looker: Looker, main: string): DovecotProtocols | undefined {
  if (looker.text(main) === undefined) return undefined;
  let last: DovecotProtocols | undefined;
  for (const { path: file, line, text } of settingLines(looker, main, new Set())) {
    const value = /^protocols\s*=(.*)$/.exec(text)?.[1];
    if (value === undefined) continue;
    const named = value.replace(/["']/g, ' ').split(/\s+/).filter(Boolean);
    const words = named.flatMap((word) => (word === '$protocols' ? (last?.words ?? []) : [word]));
    last = { words: [...new Set(words)], path: file, line, isPlain: file === main && !named.includes('$protocols') };
  }
  if (last !== undefined) return last;
  const isByPackages = looker.status(new Places(looker.layout).dovecotPackages) !== undefined;
  return { words: isByPackages ? [] : builtIn, path: main, line: undefined, isPlain: false };
}

interface SettingLine {
  readonly path: string;
  readonly line: number;
  /** Without comment and blanks around it. */
  readonly text: string;
}

/** The lines of a file in order, those of included files where they are included; each file once. */
function* settingLines(looker: Looker, file: string, seen: Set<string>): Generator<SettingLine> {
  if (seen.has(file)) return;
  seen.add(file);
  for (const [index, whole] of (looker.text(file) ?? '').split('\n').entries()) {
    const text = whole.replace(/(^|\s)#.*/, '').trim();
    const included = /^!include(?:_try)?\s+(\S+)$/.exec(text)?.[1];
    if (included === undefined) yield { path: file, line: index + 1, text };
    else for (const each of includedFiles(looker, file, included)) yield* settingLines(looker, each, seen);
  }
}

/** Dovecot takes wildcards in file names, in order of the names; what is not absolute lies beside the file that includes it. */
function includedFiles(looker: Looker, from: string, pattern: string): string[] {
  const place = pattern.startsWith('/') ? looker.layout.disk(pattern) : path.join(path.dirname(from), pattern);
  const name = path.basename(place);
  if (!/[*?]/.test(name)) return [place];
  const wanted = new RegExp(
    `^${name
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );
  const names = looker.names(path.dirname(place)).filter((each) => !each.startsWith('.') && wanted.test(each));
  return names.map((each) => path.join(path.dirname(place), each));
}
