// The control directory: every file that qmail knows, its form, owner and mode, and the lock files that vpopmail's tools take. Also what makes the host
// an open relay there.
//
// qmail's programs run as several users that share no group, so a control file must be readable by everybody (0644); `421 unable to read controls` is what
// clients get otherwise. A tool that runs as the owner of a control file must be able to open its lock: `could not open lock file`.

import fs from 'node:fs';
import path from 'node:path';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { parseSet } from '../../formats/controls/control-file.js';
import { type ControlKind, controlFindings } from '../../formats/controls/control-findings.js';
import { matchesHost } from '../../formats/controls/rcpthosts.js';
import { entriesOf } from './entries.js';
import { error, type Finding, guarded, inFile, look, may, modeOf, type Search, warning } from './finding.js';

const files: Readonly<Record<string, ControlKind>> = {
  me: 'line',
  smtpgreeting: 'line',
  localiphost: 'line',
  envnoathost: 'line',
  defaultdomain: 'line',
  defaulthost: 'line',
  plusdomain: 'line',
  idhost: 'line',
  helohost: 'line',
  bouncefrom: 'line',
  bouncehost: 'line',
  doublebounceto: 'line',
  doublebouncehost: 'line',
  databytes: 'number',
  timeoutsmtpd: 'number',
  timeoutremote: 'number',
  timeoutconnect: 'number',
  concurrencylocal: 'number',
  concurrencyremote: 'number',
  queuelifetime: 'number',
  rcpthosts: 'list',
  morercpthosts: 'list',
  badmailfrom: 'list',
  locals: 'list',
  percenthack: 'list',
  virtualdomains: 'map',
  smtproutes: 'map',
};

/** Problems of the control directory and of the lock files beside what vpopmail's tools rewrite. */
export function* controlDirectoryFindings(search: Search): Generator<Finding> {
  const { layout } = search.host;
  const directory = look(layout.controlDirectory);
  if (directory === undefined) {
    yield error(layout.controlDirectory, 'is missing: no mail is taken; is this a qmail host?');
    return;
  }
  yield* directoryFindings(layout.controlDirectory);
  yield* guarded(layout.control('me'), () => nameFindings(search));
  for (const [name, kind] of Object.entries(files)) {
    const file = layout.control(name);
    yield* guarded(file, () => fileFindings(search, file, kind));
  }
  yield* guarded(layout.control('rcpthosts'), () => relayFindings(search));
  for (const name of ['rcpthosts', 'morercpthosts', 'virtualdomains', 'locals']) {
    yield* guarded(layout.lockOf(layout.control(name)), () => lockFindings(search, layout.control(name)));
  }
}

/** A directory that programs of several users read in. */
export function* directoryFindings(directory: string): Generator<Finding> {
  const status = look(directory);
  if (status === undefined) return;
  if (!may(status, { uid: -1 }, 'enter')) {
    yield error(directory, `mode ${modeOf(status)}: qmail's programs cannot read in it; chmod 0755`);
  }
  if (may(status, { uid: -1 }, 'write')) {
    yield warning(directory, `mode ${modeOf(status)}: anybody on this host may change what is in it; chmod 0755`);
  }
}

/** A file that programs of several users read: its kind, mode and owner. */
export function* sharedFileFindings(search: Search, file: string, consequence: string): Generator<Finding> {
  const status = look(file);
  if (status === undefined) {
    if (isLink(file)) yield error(file, 'is a link that leads nowhere; remove it or mend it');
    return;
  }
  if (!status.isFile()) {
    yield error(file, `is no regular file; ${consequence}`);
    return;
  }
  if (!may(status, { uid: -1 }, 'read')) {
    yield error(file, `mode ${modeOf(status)}: not everybody may read it, so ${consequence}; chmod 0644`);
  }
  if (may(status, { uid: -1 }, 'write')) {
    yield warning(file, `mode ${modeOf(status)}: anybody on this host may change it; chmod 0644`);
  }
  const uid = Number(status.uid);
  if (search.judgesOwners && uid !== 0 && uid !== search.vpopmailUid) {
    yield warning(file, `belongs to ${search.nameOf(uid)}; chown it to root`);
  }
}

/**
 * The lock file of a file that vpopmail's tools rewrite. Who may rewrite the file (its owner, and vpopmail where the directory lets it) must be able to
 * open the lock.
 */
export function* lockFindings(search: Search, guardedFile: string): Generator<Finding> {
  const lock = search.host.layout.lockOf(guardedFile);
  const status = look(lock);
  const guardedStatus = look(guardedFile);
  if (status === undefined || guardedStatus === undefined) return;
  const name = path.basename(guardedFile);
  const says = 'vpopmail says "could not open lock file"';
  if (!status.isFile()) {
    yield warning(lock, `is no regular file, and ${says}; remove it`);
  } else if ((status.mode & 0o200n) === 0n) {
    yield warning(lock, `mode ${modeOf(status)}: its owner cannot write it, and ${says}; chmod 0600`);
  } else if (search.judgesOwners) {
    const owner = Number(guardedStatus.uid);
    const writer = writersOf(search, guardedFile, owner).find((uid) => !may(status, { uid }, 'write'));
    if (writer !== undefined) {
      const who = search.nameOf(writer);
      yield warning(lock, `${who} may rewrite ${name} but cannot open its lock, and ${says}; chown it to ${who}`);
    } else if (Number(status.uid) !== owner && Number(status.uid) !== 0) {
      const [holder, who] = [search.nameOf(Number(status.uid)), search.nameOf(owner)];
      yield warning(lock, `belongs to ${holder}, and ${name} to ${who}; chown it to ${who}`);
    }
  }
}

/** The users that the rights of a file and its directory let rewrite it, as far as vpopmail's tools run as them. */
function writersOf({ vpopmailUid }: Search, file: string, owner: number): number[] {
  const directory = look(path.dirname(file));
  if (vpopmailUid === undefined || directory === undefined) return [owner];
  return may(directory, { uid: vpopmailUid }, 'write', 'enter') ? [owner, vpopmailUid] : [owner];
}

function* nameFindings({ host }: Search): Generator<Finding> {
  const me = host.layout.control('me');
  if (host.control.me() !== undefined) return;
  yield error(me, "is missing: qmail-send does not start, and qmail-smtpd answers 421; write this host's name into it");
}

function* fileFindings(search: Search, file: string, kind: ControlKind): Generator<Finding> {
  const consequence = 'qmail-smtpd answers 421 and qmail-send does not start';
  for (const finding of sharedFileFindings(search, file, consequence)) {
    yield finding;
    if (finding.text.includes('no regular file')) return;
  }
  const bytes = readIfPresent(file);
  if (bytes !== undefined) yield* inFile(file, controlFindings(bytes, kind));
}

function* relayFindings({ host }: Search): Generator<Finding> {
  const { layout } = host;
  const file = layout.control('rcpthosts');
  if (look(file) === undefined && !isLink(file)) {
    yield error(file, 'is missing, so this host relays for everybody; make it, with one line for each of your domains');
    return;
  }
  const bytes = readIfPresent(file);
  const hosts = bytes === undefined ? new Set<string>() : parseSet(bytes);
  for (const { line, key } of entriesOf(layout.control('percenthack'))) {
    if (!matchesHost(key, (name) => hosts.has(name))) continue;
    const text = `${key} is in rcpthosts too, so anybody can relay with user%host@${key}; remove it here`;
    yield error(layout.control('percenthack'), text, line);
  }
}

function isLink(file: string): boolean {
  return fs.lstatSync(bytesPath(file), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
