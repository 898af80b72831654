// The directories of the vpopmail domains, one after the other: the directory itself, limits, locks, leftovers, `.qmail` files, accounts. A directory that several
// names share (alias domains) is looked at once.

import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../../errors.js';
import { namesIn } from '../../files/list.js';
import { bytesPath, readIfPresent } from '../../files/read.js';
import type { AssignEntry } from '../../formats/controls/users-assign.js';
import { limitsFindings, parseLimitsDocument } from '../../formats/vpopmail/domain-limits.js';
import { domainFiles } from '../../layout.js';
import { accountFindings } from './account-findings.js';
import { sharedFileFindings } from './control-findings.js';
import { domainOf } from './domain-list-findings.js';
import { dotQmailFindings, type Home } from './dot-qmail-findings.js';
import { error, type Finding, guarded, inFile, look, may, modeOf, type Search, warning } from './finding.js';

/** Problems of every domain's directory, in the order of users/assign. */
export function* domainDirectoryFindings(
  search: Search,
  entries: ReadonlyMap<number, AssignEntry>,
): Generator<Finding> {
  const { layout } = search.host;
  const defaults = layout.etc('vlimits.default');
  yield* guarded(defaults, () => sharedFileFindings(search, defaults, 'logins and mail are deferred'));
  yield* guarded(defaults, () => limitsFileFindings(defaults));
  const closed = isClosed(layout.domains);
  if (closed) yield error(layout.domains, `uid ${process.geteuid?.()} cannot look into it; run vqmail check as root`);
  const seen = new Set<string>();
  for (const [line, entry] of entries) {
    if (domainOf(entry) === undefined || seen.has(entry.directory)) continue;
    if (closed && layout.disk(entry.directory).startsWith(`${layout.domains}/`)) continue;
    seen.add(entry.directory);
    const home: Home = {
      directory: layout.disk(entry.directory),
      uid: Number.parseInt(entry.uid, 10) || 0,
      gid: Number.parseInt(entry.gid, 10) || 0,
    };
    yield* guarded(home.directory, () => oneDomainFindings(search, home, entry, line));
  }
}

/** Whether this process, not being root, cannot see what is in a directory. */
function isClosed(directory: string): boolean {
  try {
    fs.accessSync(bytesPath(directory), fs.constants.X_OK);
    return false;
  } catch (trouble) {
    return errnoOf(trouble) === 'EACCES';
  }
}

function* oneDomainFindings(search: Search, home: Home, entry: AssignEntry, line: number): Generator<Finding> {
  const { directory } = home;
  const status = look(directory);
  if (status === undefined || !status.isDirectory()) {
    const problem = status === undefined ? 'is missing' : 'is no directory';
    const text = `the directory of ${entry.user}, ${entry.directory}, ${problem}, so all its mail is deferred; restore it or remove the domain`;
    yield error(search.host.layout.assign, text, line);
    return;
  }
  if (may(status, { uid: -1 }, 'write')) {
    yield error(
      directory,
      `mode ${modeOf(status)}: writable by others, so qmail defers all mail for ${entry.user}; chmod o-w`,
    );
  }
  if ((status.mode & 0o1000n) !== 0n) {
    yield error(directory, `mode ${modeOf(status)}: sticky, so qmail defers all mail for ${entry.user}; chmod -t`);
  }
  // Of a domain whose owner cannot even enter, that is said once and not for each file again.
  let judged = search;
  if (search.judgesOwners && !may(status, home, 'read', 'enter')) {
    const who = search.nameOf(home.uid);
    judged = { ...search, judgesOwners: false };
    yield error(
      directory,
      `mode ${modeOf(status)}: ${who} cannot enter it, so all mail for ${entry.user} is deferred; chown it to ${who}`,
    );
  }
  yield* lockFindings(judged, home);
  yield* leftoverFindings(home);
  const limits = domainFiles.limits(directory);
  yield* guarded(limits, () => domainLimitsFindings(judged, home, limits));
  yield* guarded(directory, () => dotQmailFindings(judged, home));
  yield* accountFindings(judged, home, entry.user);
}

function* lockFindings(search: Search, home: Home): Generator<Finding> {
  const lock = domainFiles.vpasswdLock(home.directory);
  const status = look(lock);
  if (status === undefined || !search.judgesOwners || may(status, home, 'write')) return;
  const who = search.nameOf(home.uid);
  yield warning(lock, `${who} cannot open it ("could not open lock file"); chown it to ${who} and chmod 0600`);
}

/** Temporary files of tools that crashed. */
function* leftoverFindings({ directory }: Home): Generator<Finding> {
  for (const name of namesIn(directory)) {
    if (name !== 'cdb.tmp' && !/^vpasswd\.bak\.[0-9]+$/.test(name)) continue;
    yield warning(path.join(directory, name), 'was left by a tool that crashed, unless one runs now; remove it');
  }
}

function* domainLimitsFindings(search: Search, home: Home, file: string): Generator<Finding> {
  const status = look(file);
  if (status !== undefined && search.judgesOwners && !may(status, home, 'read')) {
    const who = search.nameOf(home.uid);
    yield error(
      file,
      `mode ${modeOf(status)}: ${who} cannot read it, so logins and mail are deferred; chown it to ${who}`,
    );
    return;
  }
  yield* limitsFileFindings(file);
}

function* limitsFileFindings(file: string): Generator<Finding> {
  const bytes = readIfPresent(file);
  if (bytes !== undefined) yield* inFile(file, limitsFindings(parseLimitsDocument(bytes)));
}
