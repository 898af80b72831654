// Programs in `.qmail` files: of the domains, of their accounts, of ~alias. Each program is told once, with the first line that calls it and how often it is called.

import { readIfPresent } from '../../src/files/read.js';
import { parseDotQmail } from '../../src/formats/dot-qmail/dot-qmail.js';
import { listedDomains } from '../../src/stores/accounts/domain-list.js';
import { accountsOf } from '../../src/stores/accounts/enumeration.js';
import type { Looker, Part, Support } from './part.js';

const known: Readonly<Record<string, readonly [Support, string]>> = {
  vdelivermail: ['served', 'done within vqmail'],
  maildrop: ['stays', 'run as qmail-local runs it (tested)'],
  procmail: ['stays', 'run as qmail-local runs it (tested)'],
  spamc: ['stays', 'run as qmail-local runs it (tested)'],
  autorespond: ['stays', 'run as qmail-local runs it'],
  preline: ['served', 'there as a tool too (install-tools)'],
  forward: ['served', 'there as a tool too (install-tools)'],
  condredirect: ['served', 'there as a tool too (install-tools)'],
  bouncesaying: ['served', 'there as a tool too (install-tools)'],
  except: ['served', 'there as a tool too (install-tools)'],
  qreceipt: ['served', 'there as a tool too (install-tools)'],
};

interface Use {
  readonly path: string;
  readonly line: number;
  readonly isThere: boolean;
  count: number;
}

/** The programs, those that are called most often first. */
export function filterParts(looker: Looker): Part[] {
  const uses = new Map<string, Use>();
  for (const directory of homes(looker))
    for (const name of looker.names(directory))
      if (/^\.qmail(-|$)/.test(name)) collect(looker, `${directory}/${name}`, uses);
  return [...uses]
    .sort(([, a], [, b]) => b.count - a.count)
    .map(([program, { path, line, isThere, count }]) => {
      const name = program.slice(program.lastIndexOf('/') + 1);
      const [support, text] =
        known[name] ??
        (name.startsWith('ezmlm-')
          ? (['stays', 'run as qmail-local runs it'] as const)
          : (['unknown', 'run as qmail-local runs it; not tested with vqmail'] as const));
      const missing = isThere || support === 'served' ? '' : '; the program is not there';
      return {
        area: 'filter',
        name: `${name}${count > 1 ? ` (${count} times)` : ''}`,
        path,
        line,
        support: missing === '' ? support : 'unknown',
        text: `${text}${missing}`,
      };
    });
}

function* homes(looker: Looker): Generator<string> {
  const { layout } = looker;
  yield layout.alias;
  let domains: ReturnType<typeof listedDomains> = [];
  try {
    domains = listedDomains(layout);
  } catch {
    // Noted where sizes are looked at.
  }
  for (const place of domains ?? []) {
    if (place.name !== place.realName) continue;
    yield place.directory;
    try {
      for (const { dir } of accountsOf(place)) if (dir.startsWith('/')) yield layout.disk(dir);
    } catch (error) {
      looker.trouble(place.directory, error);
    }
  }
}

function collect(looker: Looker, file: string, uses: Map<string, Use>): void {
  if (!looker.status(file)?.isFile()) return;
  let bytes: Buffer | undefined;
  try {
    bytes = readIfPresent(file);
  } catch {
    looker.note(file, 'cannot be read');
  }
  for (const line of parseDotQmail(bytes ?? Buffer.alloc(0))) {
    if (line.kind !== 'program') continue;
    for (const program of programsOf(line.command)) {
      const use = uses.get(program);
      if (use !== undefined) use.count++;
      else {
        const isThere = !program.startsWith('/') || looker.status(looker.layout.disk(program)) !== undefined;
        uses.set(program, { path: looker.layout.host(file), line: line.number, isThere, count: 1 });
      }
    }
  }
}

/** The first word of each command of a pipe, and what `preline` and the shell's words for it call; quotes are not looked into. */
function programsOf(command: string): string[] {
  return command.split(/\|\|?|&&|;/).flatMap((part) => {
    const words = part
      .trim()
      .split(/\s+/)
      .filter((word) => word !== '' && !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word));
    const [first = '', ...rest] = words[0] === 'exec' ? words.slice(1) : words;
    if (first === '' || /^['"(){}#]/.test(first)) return [];
    if (!/(^|\/)preline$/.test(first)) return [first];
    const next = rest.find((word) => !word.startsWith('-'));
    return next === undefined ? [first] : [first, next];
  });
}
