// Taking one protocol from a front end that goes on with the rest: Postfix keeps its queue and its other ports, Dovecot its other protocols and, for Postfix, the logins. Both reload their
// configuration without ending the sessions that are open.

import path from 'node:path';
import { postfixListeners } from '../host/front-ends.js';
import type { Looker } from '../host/part.js';
import { Places } from '../host/places.js';
import type { Act } from './acts.js';
import type { Control } from './control.js';

/** Takes Postfix's lines for these protocols out of master.cf; undefined when it has none. */
export function postfixControl(looker: Looker, wanted: ReadonlySet<string>): Control | undefined {
  for (const directory of new Places(looker.layout).postfixDirectories) {
    const found = postfixListeners(looker, directory).filter(({ protocol }) => wanted.has(protocol ?? ''));
    if (found.length === 0) continue;
    const file = path.join(directory, 'master.cf');
    const reload: Act = { run: ['postfix', ...configured(directory, '/etc/postfix'), 'reload'] };
    const acts = (isOn: boolean): Act[] => [
      ...found.map(({ text }): Act => ({ edit: { lines: text, isOn }, in: file })),
      reload,
    ];
    return { stop: acts(false), start: acts(true) };
  }
  return undefined;
}

/** Takes these protocols out of Dovecot's `protocols =`; undefined when no file has such a line with them. */
export function dovecotControl(looker: Looker, wanted: ReadonlySet<string>): Control | undefined {
  for (const directory of new Places(looker.layout).dovecotDirectories) {
    const main = path.join(directory, 'dovecot.conf');
    const words =
      /^\s*protocols\s*=([^$]*)$/m
        .exec(looker.text(main) ?? '')?.[1]
        ?.trim()
        .split(/\s+/) ?? [];
    const found = words.filter((word) => wanted.has(word));
    if (found.length === 0) continue;
    const reload: Act = { run: ['doveadm', ...configured(main, '/etc/dovecot/dovecot.conf'), 'reload'] };
    const acts = (isOn: boolean): Act[] => [
      ...found.map((word): Act => ({ edit: { setting: 'protocols', word, isOn }, in: main })),
      reload,
    ];
    return { stop: acts(false), start: acts(true) };
  }
  return undefined;
}

function configured(place: string, usual: string): string[] {
  return place === usual ? [] : ['-c', place];
}
