// Whose mail is compared, and how the two servers are logged in to.

import { PermanentError } from '../../src/errors.js';
import { readIfPresent } from '../../src/files/read.js';
import type { Layout } from '../../src/layout.js';
import { listedDomains } from '../../src/stores/accounts/domain-list.js';
import { accountsOf } from '../../src/stores/accounts/enumeration.js';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface ComparedAccount {
  /** `user@domain` */
  readonly name: string;
  readonly old: Credentials;
  /** undefined: no password is known. */
  readonly new: Credentials | undefined;
}

export interface AccountChoice {
  /** `user:password` each. */
  readonly given: readonly string[];
  /** Disk path of a file of such lines. */
  readonly file: string | undefined;
  /** `user:password` of a master user of the old server, such as Dovecot's. */
  readonly master: string | undefined;
  /** At most so many. */
  readonly sample: number | undefined;
}

/**
 * The accounts that are given, else those of the host whose passwords are in vpasswd in clear; with a master user all of the host.
 * @throws PermanentError, TemporaryError
 */
export function comparedAccounts(layout: Layout, { given, file, master, sample }: AccountChoice): ComparedAccount[] {
  const named = [...given.map((text) => credentials(text, '--account')), ...(file === undefined ? [] : fromFile(file))];
  const overseer = master === undefined ? undefined : credentials(master, '--master');
  const known = named.length > 0 ? named.map((each) => [each.user, each.password] as const) : accountsOfHost(layout);
  const accounts = known.flatMap(([name, password]): ComparedAccount[] => {
    const own = password === '' ? undefined : { user: name, password };
    const old = overseer === undefined ? own : { user: `${name}*${overseer.user}`, password: overseer.password };
    return old === undefined ? [] : [{ name, old, new: own }];
  });
  return sampleOf(accounts, sample);
}

/** So many of them, evenly spread. */
export function sampleOf<T>(all: readonly T[], most: number | undefined): T[] {
  if (most === undefined || all.length <= most) return [...all];
  return Array.from({ length: most }, (_, index) => all[Math.floor((index * all.length) / most)] as T);
}

function credentials(text: string, where: string): Credentials {
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1)
    throw new PermanentError('5.5.4', `${where}: user@domain:password is needed`);
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function fromFile(file: string): Credentials[] {
  const bytes = readIfPresent(file);
  if (bytes === undefined) throw new PermanentError('5.5.4', `--accounts ${file}: there is no such file`);
  return bytes
    .toString('latin1')
    .split(/\r?\n/)
    .flatMap((line, index) => (/^\s*(#|$)/.test(line) ? [] : [credentials(line, `${file}:${index + 1}`)]));
}

function accountsOfHost(layout: Layout): (readonly [name: string, clear: string])[] {
  const domains = (listedDomains(layout) ?? []).filter(({ name, realName }) => name === realName);
  return domains.flatMap((place) =>
    accountsOf(place).map(({ name, clearPasswd }) => [`${name}@${place.name}`, clearPasswd] as const),
  );
}
