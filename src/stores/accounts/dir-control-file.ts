// Into which sub-directory does the next user, or domain, go? .dir-control says and counts (formats/vpopmail/dir-control.ts; formats/vpopmail.md 1.3), for users together with
// .dir_control_free, the directories that deleted users left (1.4).
//
//   .dir-control         replaced through .dir-control.PID, mode 0600, owned by the domain; nobody locks it: our writers hold the domain's lock meanwhile
//   .dir_control_free    `0\n` for each deleted user of the directory `0`; appended and taken under FL(.dir_control_free.lock); like its lock made with mode 0600 by whoever
//                        deletes, 0644 and its owner kept once a line was taken
//
// The count is a hint (vdominfo shows it): lost updates of the originals stay lost. What stands in the file may be anything and is read as vpopmail
// does, but a directory outside is not believed.

import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../../errors.js';
import { withLock } from '../../files/locks/lock.js';
import { mayChangeOwner } from '../../files/owner.js';
import { randomBytes } from '../../files/random.js';
import { bytesPath, fileTrouble, readIfPresent } from '../../files/read.js';
import { replaceFile, replaceFileForNow } from '../../files/replace.js';
import { syncDirectory } from '../../files/sync.js';
import {
  asVpopmailReads,
  type DirControl,
  freshDirControl,
  parseDirControl,
  readDirControlLoosely,
  serializeDirControl,
  withOneLess,
  withOneMore,
} from '../../formats/vpopmail/dir-control.js';
import { dirControlFiles } from '../../layout.js';

/** A directory (disk path) that keeps a .dir-control, and whom the file belongs to. */
export interface DirControlPlace {
  readonly directory: string;
  readonly uid: number;
  readonly gid: number;
  /** The mode of a new .dir-control: 0600 unless given. */
  readonly mode?: number;
}

/** Where the next users go. Nothing is written before `commit`. */
export interface PlannedDirectories {
  /** One for each: '' is the domain's directory itself, else such as `0` or `A/b`. */
  readonly directories: readonly string[];
  /** Counts them, durably with the next change of the directory that is synced: that of the accounts. @throws TemporaryError */
  commit(): Promise<void>;
}

/** What .dir-control says, as vpopmail reads it; a fresh one when it is absent. @throws TemporaryError */
export function readDirControl(place: DirControlPlace): DirControl {
  const bytes = readIfPresent(dirControlFiles.state(place.directory));
  if (bytes === undefined) return freshDirControl;
  const parsed = parseDirControl(bytes);
  const loose = readDirControlLoosely(bytes);
  return parsed === undefined ? loose : { ...asVpopmailReads(parsed), theDir: loose.theDir };
}

/**
 * Replaces .dir-control.
 * @param suffix makes the temporary name another one, for those who hold no lock: two changes of one process may meet
 * @throws TemporaryError
 */
export async function writeDirControl(place: DirControlPlace, state: DirControl, suffix = ''): Promise<void> {
  await replaceFile(...newVersion(place, state, suffix));
}

function newVersion(place: DirControlPlace, state: DirControl, suffix: string): Parameters<typeof replaceFile> {
  const { directory, uid, gid, mode = 0o600 } = place;
  const temporaryName = `.dir-control.${process.pid}${suffix}`;
  return [dirControlFiles.state(directory), serializeDirControl(state), { mode, uid, gid, temporaryName }];
}

/** Counts one more and says where it goes: '' is the directory itself, else such as `0` or `A/b`. @throws TemporaryError */
export async function enterDirectory(place: DirControlPlace): Promise<string> {
  const state = withOneMore(readDirControl(place));
  await writeDirControl(place, state, ownSuffix());
  return state.theDir;
}

/** Counts one less. @throws TemporaryError */
export async function leaveDirectory(place: DirControlPlace): Promise<void> {
  await writeDirControl(place, withOneLess(readDirControl(place)), ownSuffix());
}

function ownSuffix(): string {
  return `.${randomBytes(4).toString('hex')}`;
}

/** Says where so many new users of a domain go: first into directories that deleted ones left. @throws TemporaryError */
export function planUserDirectories(place: DirControlPlace, count: number): PlannedDirectories {
  const freed = freeDirectories(place).slice(0, count);
  const advance = (state: DirControl): { state: DirControl; directories: string[] } => {
    const directories: string[] = [];
    let now = state;
    // A freed directory is counted only when anything is, and makes no hundredth.
    if (freed.length > 0 && now.curUsers !== 0n) now = { ...now, curUsers: now.curUsers + BigInt(freed.length) };
    for (let left = count - freed.length; left > 0; left--) {
      now = withOneMore(now);
      directories.push(now.theDir);
    }
    return { state: now, directories };
  };
  const { directories } = advance(readDirControl(place));
  return {
    directories: [...freed, ...directories],
    commit: async () => {
      if (freed.length > 0) await takeFree(place, freed);
      await replaceFileForNow(...newVersion(place, advance(readDirControl(place)).state, ''));
    },
  };
}

/** Counts one user less; its sub-directory, '' for none, may be used again. @throws TemporaryError */
export async function leaveUserDirectory(place: DirControlPlace, hash: string): Promise<void> {
  if (hash !== '') await addFree(place, hash);
  await leaveDirectory(place);
}

/**
 * Makes the sub-directory `hash` (as `enterDirectory` gave it) and what is above it, 0700, owned by the place's owner. Durable when it resolves.
 * @throws TemporaryError
 */
export async function makeHashDirectory(place: DirControlPlace, hash: string): Promise<void> {
  let directory = place.directory;
  for (const name of hash.split('/').filter((part) => part !== '')) {
    const above = directory;
    directory = path.join(above, name);
    try {
      fs.mkdirSync(bytesPath(directory), { mode: 0o700 });
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') continue;
      throw fileTrouble(error);
    }
    if (mayChangeOwner()) fs.lchownSync(bytesPath(directory), place.uid, place.gid);
    await syncDirectory(above);
  }
}

/** The usable lines, as vpopmail finds them: what stands before a `#`, without blanks. */
function freeDirectories(place: DirControlPlace): string[] {
  const bytes = readIfPresent(dirControlFiles.free(place.directory));
  return bytes === undefined ? [] : linesOf(bytes).map(usable).filter(isPlainHash);
}

async function takeFree(place: DirControlPlace, taken: readonly string[]): Promise<void> {
  const file = dirControlFiles.free(place.directory);
  await withLock(dirControlFiles.freeLock(place.directory), { kind: 'fcntl' }, async () => {
    const status = fs.statSync(bytesPath(file), { throwIfNoEntry: false });
    const bytes = readIfPresent(file);
    if (status === undefined || bytes === undefined) return;
    const lines = linesOf(bytes);
    for (const hash of taken) {
      const at = lines.findIndex((line) => usable(line) === hash);
      if (at >= 0) lines.splice(at, 1);
    }
    const left = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1');
    const { uid, gid } = status;
    await replaceFile(file, left, { mode: 0o644, uid, gid, temporaryName: `.dir_control_free.${process.pid}` });
  });
}

async function addFree(place: DirControlPlace, hash: string): Promise<void> {
  const file = bytesPath(dirControlFiles.free(place.directory));
  await withLock(dirControlFiles.freeLock(place.directory), { kind: 'fcntl' }, () => {
    try {
      const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = fs.constants;
      const fd = fs.openSync(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
      try {
        fs.writeSync(fd, `${hash}\n`, null, 'latin1');
        fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    } catch (error) {
      throw fileTrouble(error);
    }
  });
}

function linesOf(bytes: Buffer): string[] {
  const lines = bytes.toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function usable(line: string): string {
  return line.replace(/#.*/, '').trim();
}

function isPlainHash(hash: string): boolean {
  const names = hash.replace(/\/$/, '').split('/');
  return hash.length < 100 && names.every((name) => /^[0-9A-Za-z_-][0-9A-Za-z._-]*$/.test(name));
}
