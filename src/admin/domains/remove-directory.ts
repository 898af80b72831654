// Removes the directory of a domain that nobody knows any more, with all mail in it, and counts a domain less.
//
// users/assign decides which directory that is, and administrators write there. So a directory that holds, or is, that of another domain, and one above vpopmail's own
// are left alone; of a link, only the link goes.

import fs from 'node:fs';
import { describe } from '../../errors.js';
import { bytesPath, isMissing } from '../../files/read.js';
import { removeTree } from '../../files/tree.js';
import { dirControlFiles } from '../../layout.js';
import type { Host } from '../../stores/host.js';
import { DomainCount, isDirectory } from './domain-place.js';
import { listDomains } from './listing.js';
import type { Report } from './publication.js';

export interface RemovedDomain {
  /** The real domain. */
  readonly domain: string;
  readonly uid: number;
  readonly gid: number;
  /** Host path. */
  readonly directory: string;
}

/**
 * Removes the directory. What cannot be removed is told as vdeldomain does.
 * @param mode of a rewritten .dir-control; 0600 unless given
 * @returns whether nothing is left to do: false where a part could not be removed
 * @throws TemporaryError
 */
export async function removeDirectory(
  host: Host,
  removed: RemovedDomain,
  report: Report,
  mode?: number,
): Promise<boolean> {
  const { domain, directory: hostDirectory } = removed;
  const directory = host.layout.disk(hostDirectory);
  if (!isThere(directory)) report(`Warning: Could not access (${hostDirectory})`);
  if (!isThere(dirControlFiles.state(directory))) report(`Warning: Failed to delete dir_control for ${domain}`);
  const other = ownerOfSame(host, removed);
  const trouble = other === undefined ? await removalTrouble(directory) : `${hostDirectory} belongs to ${other}`;
  if (trouble !== undefined)
    report(`Warning: Failed to delete directory tree: ${domain}${trouble === '' ? '' : ` (${trouble})`}`);
  // A directory that is not there, or is another's, is done with.
  if (trouble !== undefined && trouble !== '' && other === undefined) return false;
  await new DomainCount(host, removed, mode).leave();
  return true;
}

/** @returns undefined when all is removed, '' when nothing was there, else what is wrong */
async function removalTrouble(directory: string): Promise<string | undefined> {
  try {
    await removeTree(directory);
    return undefined;
  } catch (error) {
    return isMissing(error) ? '' : describe(error);
  }
}

/** Who else keeps something at or below a directory. */
function ownerOfSame(host: Host, { domain, directory }: RemovedDomain): string | undefined {
  const { layout } = host;
  const mine = `${trimmed(directory)}/`;
  const others = listDomains(layout).filter((entry) => entry.realDomain !== domain);
  const other = others.find((entry) => `${trimmed(entry.directory)}/`.startsWith(mine));
  if (other !== undefined) return other.realDomain;
  const own = [layout.domains, layout.vpopmail, layout.qmail].map((own) => `${layout.host(own)}/`);
  return own.some((kept) => kept.startsWith(mine)) ? 'the host' : undefined;
}

function trimmed(directory: string): string {
  return directory.replace(/\/+/g, '/').replace(/\/$/, '');
}

function isThere(path: string): boolean {
  return isDirectory(path) || fs.lstatSync(bytesPath(path), { throwIfNoEntry: false }) !== undefined;
}
