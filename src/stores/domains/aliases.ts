// The aliases of a domain as files: `.qmail-NAME` in its directory, one line an instruction (formats/vpopmail.md 6.3, formats/dot-qmail/dot-qmail.ts).
//
//   .qmail-first:last       the alias first.last: a `.` of the name is a `:` of the file's
//   .qmail-default          what is done with everybody else: no alias, but the domain's catch-all
//
// A symbolic link is a mailing list's, which ezmlm made: it is listed unless its name has `-default` or `-owner`, read, and never written through.
//
//   operation       on disk                                                           a crash leaves
//   add a line      a new file: written beside it, synced, linked to its name         nothing, or the file; a `.alias.PID` that nobody reads
//                   a file that is there: one write at its end, synced                it without or with the line
//   other changes   written beside it, synced, renamed over it                        the old file or the new
//
// The original tools lock nothing. They append, or rewrite in place, and mail that comes in between meets an empty file; none does here. Ours lock the file itself
// (fcntl), so that none of several changes is lost; a line that an original appended while a file was being replaced is noticed and added again.
// Mode 0600, owner the domain's: qmail-local defers mail for files that others may write.
// Kept: every line that is not the one meant. A last line without LF gets one before a line is added behind it (the originals join the two).

import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, PermanentError } from '../../errors.js';
import { listDirectory } from '../../files/list.js';
import { type HeldLock, takeLock } from '../../files/locks/lock.js';
import { giveTo } from '../../files/owner.js';
import { bytesPath, fileTrouble, isMissing, readAt, readIfPresent } from '../../files/read.js';
import { replaceFile } from '../../files/replace.js';
import { syncDirectory } from '../../files/sync.js';
import { splitLines } from '../../formats/text-lines.js';
import { domainFiles } from '../../layout.js';
import { lower } from '../../mail/address.js';
import type { DomainPlace } from '../accounts/account-index.js';

/** One alias with its lines, without LF. */
export interface Alias {
  readonly name: string;
  readonly lines: readonly string[];
}

/** The longest file name that file systems take. */
const longestFileName = 255;

/** How long to wait for another of our writers. */
const patienceMs = 10_000;

/**
 * What follows `.qmail-` in the name of an alias's file.
 * @throws PermanentError for a name that no alias can have: empty, with a slash or a control character, or too long
 */
export function aliasFileName(name: string): string {
  const fileName = name.replaceAll('.', ':');
  const isTooLong = '.qmail-'.length + fileName.length > longestFileName;
  if (name === '' || isTooLong || /[\x00-\x20/\x7f]/.test(name))
    throw new PermanentError('5.1.3', `no alias can be called ${JSON.stringify(name)}`);
  return fileName;
}

/** @throws PermanentError for a line that would be read as several */
function checkLine(line: string): void {
  if (/[\n\0]/.test(line)) throw new PermanentError('5.5.4', 'a line of an alias cannot hold a line feed or NUL');
}

/** The names of all aliases, sorted without regard to case, as valias lists them. @throws TemporaryError */
export async function aliasNames(place: DomainPlace): Promise<string[]> {
  const found = (await listDirectory(place.directory)) ?? [];
  const names = found.flatMap((file) => {
    if (!file.startsWith('.qmail-') || file === '.qmail-default') return [];
    const name = file.slice('.qmail-'.length);
    return name !== '' && isListed(place, file) ? [name.replaceAll(':', '.')] : [];
  });
  return names.sort(byName);
}

function isListed(place: DomainPlace, file: string): boolean {
  const status = fs.lstatSync(bytesPath(path.join(place.directory, file)), { throwIfNoEntry: false });
  if (status?.isSymbolicLink()) return !file.includes('-default') && !file.includes('-owner');
  return status?.isFile() ?? false;
}

function byName(a: string, b: string): number {
  const [x, y] = [lower(a), lower(b)];
  if (x !== y) return x < y ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}

/** The lines of an alias, without LF; undefined when there is none. @throws PermanentError for an impossible name, TemporaryError */
export function aliasLines(place: DomainPlace, name: string): string[] | undefined {
  const bytes = readIfPresent(fileOf(place, name));
  return bytes === undefined ? undefined : splitLines(bytes).map(({ text }) => text);
}

/** All aliases with their lines, in the order of `aliasNames`. @throws TemporaryError */
export async function aliasesOf(place: DomainPlace): Promise<Alias[]> {
  const names = await aliasNames(place);
  return names.flatMap((name) => {
    const lines = aliasLines(place, name);
    return lines === undefined ? [] : [{ name, lines }];
  });
}

/**
 * Adds a line to an alias, which is made if there is none. The name `default` adds to the domain's .qmail-default.
 * @throws PermanentError for an impossible name or line, or a file that is a link; TemporaryError, and nothing has changed
 */
export async function addAliasLine(place: DomainPlace, name: string, line: string): Promise<void> {
  checkLine(line);
  const file = fileOf(place, name);
  try {
    for (;;) {
      if (await createFile(place, file, `${line}\n`)) return;
      if (await withFile(place, file, (fd) => append(fd, line))) return;
    }
  } catch (error) {
    throw asTrouble(error, name);
  }
}

/**
 * Changes the lines of an alias. `change` gets them as they are and gives back what they are to be; with none left the file is removed.
 * @returns false when there is no such alias
 * @throws as `addAliasLine`
 */
export async function changeAlias(
  place: DomainPlace,
  name: string,
  change: (lines: readonly string[]) => readonly string[],
): Promise<boolean> {
  const file = fileOf(place, name);
  try {
    return await withFile(place, file, (fd) => rewrite(place, file, fd, change));
  } catch (error) {
    throw asTrouble(error, name);
  }
}

/** Removes the lines of an alias that are exactly this, and the alias with its last line. @returns whether there was one. @throws as `addAliasLine` */
export async function removeAliasLine(place: DomainPlace, name: string, line: string): Promise<boolean> {
  let found = false;
  await changeAlias(place, name, (lines) => {
    const rest = lines.filter((other) => other !== line);
    found = rest.length < lines.length;
    return rest;
  });
  return found;
}

/** Removes an alias whatever it holds, a list's link too. @returns whether there was one. @throws PermanentError for an impossible name, TemporaryError */
export async function deleteAlias(place: DomainPlace, name: string): Promise<boolean> {
  try {
    fs.unlinkSync(bytesPath(fileOf(place, name)));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error instanceof PermanentError ? error : fileTrouble(error);
  }
  await syncDirectory(place.directory);
  return true;
}

/**
 * Replaces the domain's .qmail-default, which says what happens to mail for nobody (formats/dot-qmail/vdelivermail-command.ts has its usual line).
 * @param line without LF
 * @throws PermanentError for a line that would be several, TemporaryError
 */
export async function replaceCatchAll(place: DomainPlace, line: string): Promise<void> {
  checkLine(line);
  const options = { mode: 0o600, uid: place.uid, gid: place.gid, temporaryName: `.alias.${process.pid}` };
  await replaceFile(domainFiles.dotQmail(place.directory, '-default'), Buffer.from(`${line}\n`, 'latin1'), options);
}

function fileOf(place: DomainPlace, name: string): string {
  return domainFiles.dotQmail(place.directory, `-${aliasFileName(name)}`);
}

/** Makes the file, whole. False when there is one. @throws the system error */
async function createFile(place: DomainPlace, file: string, text: string): Promise<boolean> {
  if (fs.lstatSync(bytesPath(file), { throwIfNoEntry: false }) !== undefined) return false;
  const temporary = writeBeside(place, Buffer.from(text, 'latin1'));
  try {
    fs.linkSync(temporary, bytesPath(file));
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    fs.unlinkSync(temporary);
  }
  await syncDirectory(place.directory);
  return true;
}

/** A new version in a file of its own, synced; its path. @throws the system error, and nothing is left */
function writeBeside(place: DomainPlace, bytes: Buffer): string | Buffer {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = fs.constants;
  // No name that begins with .qmail: qmail-local would find it.
  const temporary = bytesPath(path.join(place.directory, `.alias.${process.pid}`));
  const fd = fs.openSync(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    makeOurs(fd, place);
    fs.writeFileSync(fd, bytes);
    fs.fsyncSync(fd);
  } catch (error) {
    fs.unlinkSync(temporary);
    throw error;
  } finally {
    fs.closeSync(fd);
  }
  return temporary;
}

function makeOurs(fd: number, { uid, gid }: DomainPlace): void {
  giveTo(fd, uid, gid);
  fs.fchmodSync(fd, 0o600);
}

/** Does `work` with a file that is there, locked. False when it is not. @throws the system error, TemporaryError when the lock stays taken */
async function withFile(
  place: DomainPlace,
  file: string,
  work: (fd: number) => void | Promise<void>,
): Promise<boolean> {
  for (;;) {
    const fd = openFile(file);
    if (fd === undefined) return false;
    try {
      const lock = await lockOf(file);
      try {
        if (lock === undefined) return false;
        // Another writer may have replaced the file before the lock was ours.
        if (!isNamed(fd, file)) continue;
        makeOurs(fd, place);
        await work(fd);
        return true;
      } finally {
        lock?.release();
      }
    } finally {
      fs.closeSync(fd);
    }
  }
}

function openFile(file: string): number | undefined {
  const { O_RDWR, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  try {
    return fs.openSync(bytesPath(file), O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Undefined when the file is gone. */
async function lockOf(file: string): Promise<HeldLock | undefined> {
  try {
    return await takeLock(file, { kind: 'fcntl', create: false, timeoutMs: patienceMs });
  } catch (error) {
    if (error instanceof Error && isMissing(error.cause)) return undefined;
    throw error;
  }
}

/** Whether the open file still has its name. */
function isNamed(fd: number, file: string): boolean {
  const named = fs.lstatSync(bytesPath(file), { bigint: true, throwIfNoEntry: false });
  const open = fs.fstatSync(fd, { bigint: true });
  return named !== undefined && named.ino === open.ino && named.dev === open.dev;
}

function append(fd: number, line: string): void {
  const { size } = fs.fstatSync(fd);
  const isCut = size > 0 && readAt(fd, size - 1, 1)[0] !== 0x0a;
  // One write: whole, or not there.
  fs.writeSync(fd, Buffer.from(`${isCut ? '\n' : ''}${line}\n`, 'latin1'));
  fs.fsyncSync(fd);
}

async function rewrite(
  place: DomainPlace,
  file: string,
  fd: number,
  change: (lines: readonly string[]) => readonly string[],
): Promise<void> {
  const before = fs.fstatSync(fd).size;
  const old = splitLines(readAt(fd, 0, before));
  const lines = change(old.map(({ text }) => text));
  for (const line of lines) checkLine(line);
  if (lines.length === 0) fs.unlinkSync(bytesPath(file));
  else {
    const text = lines.map((line) => `${line}\n`).join('');
    fs.renameSync(writeBeside(place, Buffer.from(text, 'latin1')), bytesPath(file));
  }
  await syncDirectory(place.directory);
  const appended = readAt(fd, before, fs.fstatSync(fd).size - before);
  for (const { text } of splitLines(appended)) await addAliasLine(place, nameOf(file), text);
}

function nameOf(file: string): string {
  return path.basename(file).slice('.qmail-'.length).replaceAll(':', '.');
}

function asTrouble(error: unknown, name: string): unknown {
  if (error instanceof PermanentError) return error;
  if (errnoOf(error) === 'ELOOP')
    return new PermanentError('5.5.4', `${name} is a mailing list's: its file is a symbolic link`);
  return fileTrouble(error);
}
