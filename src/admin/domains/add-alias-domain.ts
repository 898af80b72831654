// Adds an alias domain: lines in qmail's files, of which that in users/assign names the real domain and its directory (formats/vpopmail.md 3.5). It has no directory.
//
// An alias of an alias domain becomes one of the real domain. What the real domain is stands fixed in the line: there is no chain. Unlike the originals, a file that cannot
// be changed is an error, and nothing is left then.

import { lower } from '../../mail/address.js';
import type { Host } from '../../stores/host.js';
import { VpopmailError } from '../vpopmail-error.js';
import { checkAssignable, newAliasName } from './domain-names.js';
import { isKnown } from './known-domain.js';
import { publishDomain, type Report } from './publication.js';
import { whileChanging } from './unfinished.js';

/** Adds `alias` to the domain `real`. @throws VpopmailError, TemporaryError; nothing is left then */
export async function addAliasDomain(host: Host, alias: string, real: string, report: Report): Promise<void> {
  newAliasName(real.slice(0, 96));
  const name = newAliasName(alias);
  if (isKnown(host, name)) throw new VpopmailError('domainAlreadyExists');
  await whileChanging(host, name, report, async (change) => {
    if (isKnown(host, name)) throw new VpopmailError('domainAlreadyExists');
    const domain = host.users.domain(lower(real));
    if (domain === undefined) throw new VpopmailError('domainDoesNotExist');
    const { name: realDomain, uid, gid, hostDirectory: directory } = domain;
    const assigned = { name, realDomain, uid, gid, directory };
    checkAssignable(assigned);
    await change.start({ kind: 'alias', realDomain, uid, gid, directory });
    change.note('publish');
    await publishDomain(host.layout, assigned, report);
  });
}
