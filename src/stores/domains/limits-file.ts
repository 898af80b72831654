// The limits of a domain, DOM/.qmailadmin-limits, and those of domains without that file, ~vpopmail/etc/vlimits.default, as vmoddomlimits reads and writes them
// (formats/vpopmail.md 6.6).
//
// Read by root, a domain's file is given to the domain with mode 0600. Written, it keeps the mode and owner that it has; a new one gets those of whoever writes it.
// The originals write in place, and who reads meanwhile finds a domain without limits; here the new version is renamed over the old one. Nobody locks these files.
// All keys are written in the order of the originals; comments and unknown keys are lost, as with them.

import fs from 'node:fs';
import { statusOf } from '../../files/identity.js';
import { mayChangeOwner } from '../../files/owner.js';
import { bytesPath, fileTrouble, isMissing, readIfPresent } from '../../files/read.js';
import { replaceFile } from '../../files/replace.js';
import { syncDirectory } from '../../files/sync.js';
import {
  type DomainLimits,
  limitsOf,
  maximums,
  parseDomainLimits,
  parseLimitsDocument,
  serializeDomainLimits,
} from '../../formats/vpopmail/domain-limits.js';
import { domainFiles, type Layout } from '../../layout.js';
import type { DomainPlace } from '../accounts/account-index.js';

/** The limits of a domain: its own, else the host's; undefined when neither file is there. @throws TemporaryError */
export function readLimits(layout: Layout, place: DomainPlace): DomainLimits | undefined {
  const file = domainFiles.limits(place.directory);
  const bytes = readIfPresent(file);
  if (bytes === undefined) return readDefaultLimits(layout);
  giveLimits(place);
  return parseDomainLimits(bytes);
}

/** The limits of domains that have none of their own; undefined when the file is absent. @throws TemporaryError */
export function readDefaultLimits(layout: Layout): DomainLimits | undefined {
  const bytes = readIfPresent(layout.etc('vlimits.default'));
  return bytes && parseDomainLimits(bytes);
}

/**
 * As `readDefaultLimits`, as `vmoddomlimits -d` shows and rewrites them: a number of accounts, aliases and so on that the file does not give is 0, not unlimited.
 * @throws TemporaryError
 */
export function readDefaultLimitsToEdit(layout: Layout): DomainLimits | undefined {
  const bytes = readIfPresent(layout.etc('vlimits.default'));
  if (bytes === undefined) return undefined;
  const document = parseLimitsDocument(bytes);
  const given = new Set(document.lines.map(({ key }) => key));
  const missing = maximums.filter((key) => !given.has(key)).map((key) => [key, 0]);
  return { ...limitsOf(document), ...Object.fromEntries(missing) };
}

/** Writes the limits of a domain. @param mode of a new file @throws TemporaryError */
export async function writeLimits(place: DomainPlace, limits: DomainLimits, mode: number): Promise<void> {
  // A name that qmail-local could not take for a .qmail file.
  await write(domainFiles.limits(place.directory), `qmailadmin-limits.${process.pid}`, limits, mode);
}

/** Writes the limits of domains that have none of their own. @param mode of a new file @throws TemporaryError */
export async function writeDefaultLimits(layout: Layout, limits: DomainLimits, mode: number): Promise<void> {
  await write(layout.etc('vlimits.default'), `vlimits.default.${process.pid}`, limits, mode);
}

/** Removes the limits of a domain, so that the host's count. @returns whether there were any @throws TemporaryError */
export async function removeLimits(place: DomainPlace): Promise<boolean> {
  try {
    fs.rmSync(bytesPath(domainFiles.limits(place.directory)));
  } catch (error) {
    if (isMissing(error)) return false;
    throw fileTrouble(error);
  }
  await syncDirectory(place.directory);
  return true;
}

async function write(file: string, temporaryName: string, limits: DomainLimits, mode: number): Promise<void> {
  const existing = statusOf(bytesPath(file));
  const kept = existing && {
    mode: Number(existing.mode & 0o7777n),
    uid: Number(existing.uid),
    gid: Number(existing.gid),
  };
  await replaceFile(file, serializeDomainLimits(limits), { mode, ...kept, temporaryName });
}

/** Gives a domain's file to the domain, with mode 0600, as vpopmail's tools do whenever they read it as root: for each account that does not override the limits. Does not throw. */
export function giveLimits({ directory, uid, gid }: DomainPlace): void {
  if (!mayChangeOwner()) return;
  try {
    const fd = fs.openSync(bytesPath(domainFiles.limits(directory)), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      const status = fs.fstatSync(fd);
      if (status.uid !== uid || status.gid !== gid) fs.fchownSync(fd, uid, gid);
      if ((status.mode & 0o7777) !== 0o600) fs.fchmodSync(fd, 0o600);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    // There is none, or it is a link.
  }
}
