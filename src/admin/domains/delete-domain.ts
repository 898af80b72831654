// Deletes a domain with its alias domains and all its mail, or an alias domain alone (formats/vpopmail.md 3.6).
//
//   step                                                        a crash after it leaves, until the next tool
//   etc/.domain_change.NAME, up to `begin`                      the domain
//   rcpthosts and morercpthosts, virtualdomains, users/assign   a domain that takes no new mail          deleted further
//   SIGHUP; `unpublished` noted                                 a directory that nobody knows            removed
//   the directory; one domain less counted
//   record removed
//
// The originals remove the directory first, and mail that comes in meanwhile bounces; when they may not change qmail's files, as an ordinary user, all mail is gone
// and the domain stays. Here nothing is removed before the domain has left qmail's files.

import { lower } from '../../mail/address.js';
import type { Host } from '../../stores/host.js';
import { VpopmailError } from '../vpopmail-error.js';
import { listDomain } from './listing.js';
import { HalfDone, type Report, unpublishDomains } from './publication.js';
import { removeDirectory } from './remove-directory.js';
import { whileChanging } from './unfinished.js';

const longest = 96;

export interface DeleteDomainOptions {
  /** The mode of a rewritten .dir-control of the domains; 0600 unless given. */
  readonly mode?: number;
}

/**
 * Deletes a domain and its alias domains, or one alias domain.
 * @throws VpopmailError, and nothing was changed, or the next tool goes on
 */
export async function deleteDomain(
  host: Host,
  given: string,
  report: Report,
  options: DeleteDomainOptions = {},
): Promise<void> {
  const name = lower(given);
  if (name.length > longest) throw new VpopmailError('domainTooLong');
  if (name === '' || host.users.domain(name) === undefined) throw new VpopmailError('domainDoesNotExist');
  await whileChanging(host, name, report, async (change) => {
    const assignment = host.users.domain(name);
    if (assignment === undefined) throw new VpopmailError('domainDoesNotExist');
    const { uid, gid, hostDirectory: directory, name: realDomain } = assignment;
    const names = realDomain === name ? namesOf(host, name) : [name];
    await change.start({ kind: 'delete', realDomain, uid, gid, directory });
    for (const gone of names) change.note(`name ${gone}`);
    change.note('begin');
    await unpublishDomains(host.layout, names, realDomain, report);
    try {
      change.note('unpublished');
      if (realDomain !== name) return;
      const isDone = await removeDirectory(host, { domain: name, uid, gid, directory }, report, options.mode);
      if (!isDone) change.keep();
    } catch (error) {
      throw new HalfDone(error);
    }
  });
}

function namesOf(host: Host, real: string): string[] {
  const names = listDomain(host, real).map((entry) => entry.name);
  return names.includes(real) ? names : [real, ...names];
}
