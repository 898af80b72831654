// The domains and alias domains of a host, from users/assign in its order, as vpopmail's listings see them (formats/vpopmail.md 3.3).
//
//   +alias.example.jp-:example.jp:6020:6020:/home/vpopmail/domains/example.jp:-::       an alias domain: the names differ
//
// Only wildcards whose name holds a dot and ends in `-` count, wherever they stand; fields are what lies between colons, empty ones do not count. A domain without a dot
// therefore works for mail and is not listed. Look-ups go by users/cdb; the two differ until qmail-newu is run.

import { TemporaryError } from '../../errors.js';
import { readIfPresent } from '../../files/read.js';
import type { Layout } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { AssignedDomain } from '../../stores/control-lines/assign-file.js';
import { linesOf } from '../../stores/control-lines/locked-file.js';
import type { Host } from '../../stores/host.js';
import { VpopmailError } from '../vpopmail-error.js';

/** Every domain and alias domain. @throws VpopmailError when users/assign cannot be read */
export function listDomains(layout: Layout): AssignedDomain[] {
  let bytes: Buffer | undefined;
  try {
    bytes = readIfPresent(layout.assign);
  } catch (error) {
    throw new VpopmailError('cannotReadAssign', layout.host(layout.assign), error);
  }
  if (bytes === undefined) throw new VpopmailError('cannotReadAssign');
  return linesOf(bytes).flatMap((line) => entryOf(line) ?? []);
}

/**
 * The entries of one real domain, its alias domains with it, in file order; none when it is not listed.
 * @param name in any case, or that of an alias domain
 * @throws VpopmailError when users/assign cannot be read
 */
export function listDomain(host: Host, name: string): AssignedDomain[] {
  const real = realDomainOf(host, name);
  return listDomains(host.layout).filter((entry) => entry.realDomain === real);
}

/** The real domain's name by users/cdb; the name itself, in lower case, when it is not there. */
function realDomainOf(host: Host, name: string): string {
  try {
    return host.users.domain(name)?.name ?? lower(name);
  } catch (error) {
    // The listing itself does not need the database.
    if (error instanceof TemporaryError) return lower(name);
    throw error;
  }
}

function entryOf(line: string): AssignedDomain | undefined {
  const [first = '', realDomain, uid, gid, directory] = line.split(':').filter((field) => field !== '');
  if (!/^\+[^.]*\..*-$/.test(first) || line.charAt(first.length + 1) === ':') return undefined;
  if (realDomain === undefined || uid === undefined || gid === undefined || directory === undefined) return undefined;
  return { name: first.slice(1, -1), realDomain, uid: leadingNumber(uid), gid: leadingNumber(gid), directory };
}

/** C's atoi. */
function leadingNumber(text: string): number {
  return Number(/^[0-9]+/.exec(text)?.[0] ?? 0);
}
