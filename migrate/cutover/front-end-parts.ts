// Taking one protocol from a front end that goes on with the rest: Postfix keeps its queue and its other ports, Dovecot its other protocols and, for Postfix, the logins. Both reload their
// configuration without ending the sessions that are open.

import path from 'node:path';
import { dovecotProtocols } from '../host/dovecot.js';
import { postfixListeners } from '../host/front-ends.js';
import type { Looker } from '../host/part.js';
import { Places } from '../host/places.js';
import type { Act } from './acts.js';
import type { Control } from './control.js';

/** What a front end gives up. */
export interface FrontEndPart {
  readonly name: string;
  readonly control: Control;
  /** Those of the wanted that it has; `pop3` stands for `pop3s` too. */
  readonly protocols: ReadonlySet<string>;
  /** In the command line of the process that holds its ports. */
  readonly process: string;
}

/** Takes Postfix's lines for these protocols out of master.cf; undefined when it has none. */
export function postfixPart(looker: Looker, wanted: ReadonlySet<string>): FrontEndPart | undefined {
  for (const directory of new Places(looker.layout).postfixDirectories) {
    const found = postfixListeners(looker, directory).filter(({ protocol }) => wanted.has(protocol ?? ''));
    if (found.length === 0) continue;
    const file = path.join(directory, 'master.cf');
    const reload: Act = { run: ['postfix', ...configured(directory, '/etc/postfix'), 'reload'] };
    const acts = (isOn: boolean): Act[] => [
      ...found.map(({ text }): Act => ({ edit: { lines: text, isOn }, in: file })),
      reload,
    ];
    const protocols = new Set(found.flatMap(({ protocol }) => protocol ?? []));
    return { name: 'Postfix', control: { stop: acts(false), start: acts(true) }, protocols, process: 'master' };
  }
  return undefined;
}

/** Takes these protocols out of what Dovecot serves; undefined when it has none of them. */
export function dovecotPart(looker: Looker, wanted: ReadonlySet<string>): FrontEndPart | undefined {
  for (const directory of new Places(looker.layout).dovecotDirectories) {
    const main = path.join(directory, 'dovecot.conf');
    const served = dovecotProtocols(looker, main);
    const found = served?.words.filter((word) => wanted.has(word)) ?? [];
    if (served === undefined || found.length === 0) continue;
    const reload: Act = { run: ['doveadm', ...configured(main, '/etc/dovecot/dovecot.conf'), 'reload'] };
    const included = served.isPlain ? {} : { included: served.words };
    const acts = (isOn: boolean): Act[] => [
      ...found.map((word): Act => ({ edit: { setting: 'protocols', word, isOn, ...included }, in: main })),
      reload,
    ];
    const protocols = new Set(found.flatMap((word) => [word, `${word}s`]));
    return { name: 'Dovecot', control: { stop: acts(false), start: acts(true) }, protocols, process: 'dovecot' };
  }
  return undefined;
}

function configured(place: string, usual: string): string[] {
  return place === usual ? [] : ['-c', place];
}
