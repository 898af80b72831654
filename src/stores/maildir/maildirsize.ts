// How full a Maildir is, by its maildirsize file (form: formats/maildir/maildirsize.ts; rules: formats/vpopmail.md 5.3). Nobody locks it.
//
//   the file is                                     usageOf()                                         addMessage() afterwards
//   absent, or cannot be opened                     counts the messages and writes the file anew      appends `SIZE 1`
//   5120 bytes or more, or older than 15 minutes    the same                                          appends
//   summing to too much for the message             the same, unless it is one fresh count            appends
//   empty                                           nothing is used                                   nothing (no first line: no accounting)
//   anything else                                   sums; lines that are no numbers add nothing       appends
//
// Counting: new/ and cur/ of the Maildir and of its folders (sub-directories that begin with a dot), but not of .Trash, and no message with the flag T; the size
// is the name's `,S=`, else the file's. The new file is made in tmp/ and renamed. If new/ or cur/ changed meanwhile the count is not trusted,
// and nobody is over quota by it. In a folder (it holds a file `maildirfolder`) all of this is about the Maildir above.
//
// Not copied: vpopmail removes the file before it counts, and readers find none; it appends to a last line that was cut off without ending it first.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { errnoOf } from '../../errors.js';
import { listDirectory } from '../../files/list.js';
import { giveTo } from '../../files/owner.js';
import { bytesPath } from '../../files/read.js';
import { flagsOf, isMessageName, parseMaildirBase, parseMaildirName } from '../../formats/maildir/maildir-name.js';
import {
  changeText,
  maildirsizeLimitBytes,
  maildirsizeLimitSeconds,
  maildirsizeUsage,
  newMaildirsize,
  parseMaildirsize,
} from '../../formats/maildir/maildirsize.js';
import type { Usage } from '../../formats/vpopmail/quota.js';
import type { FileOwner } from './maildir-message.js';

/** What maildirsize says now. */
export interface KnownUsage {
  readonly usage: Usage;
  /** Whether the sums are those of one count just made, so that counting again would not help. */
  readonly isFreshCount: boolean;
  /** False after a count during which mail came or went: then nobody is to be refused. */
  readonly isCertain: boolean;
}

/** The Maildir that keeps the accounts for this one: itself, or for a folder the one above. */
export function accountingRoot(maildir: string): string {
  const isFolder = path.basename(maildir).startsWith('.') && exists(path.join(maildir, 'maildirfolder'));
  return isFolder ? path.dirname(maildir) : maildir;
}

/** The first line of a Maildir's maildirsize, the quota as its writer knew it; undefined without the file or the line. @throws the system error */
export function quotaLineOf(root: string): string | undefined {
  return readMaildirsize(root)?.quota;
}

/** What a file that need not be counted anew says; undefined when it must be. @throws the system error */
export function knownUsage(root: string, nowMs: number): KnownUsage | undefined {
  const file = readMaildirsize(root);
  if (file === undefined || file.isTooLong || nowMs - file.mtimeMs > maildirsizeLimitSeconds * 1000) return undefined;
  return { usage: file.usage, isFreshCount: file.lineCount < 2, isCertain: true };
}

/**
 * Counts what is in a Maildir and writes its maildirsize anew.
 * @param quota the first line to write, as vpasswd stores it
 * @param mode of the new maildirsize, less the process's mask
 * @throws the system error when a directory cannot be listed
 */
export async function countUsage(root: string, quota: string, owner: FileOwner, mode = 0o600): Promise<KnownUsage> {
  const running = counts.get(root);
  if (running !== undefined) return running;
  const count = countAndWrite(root, quota, owner, mode).finally(() => counts.delete(root));
  counts.set(root, count);
  return count;
}

/** Adds a delivered message to a Maildir's maildirsize, where accounts are kept. @throws the system error */
export function addMessage(root: string, sizeBytes: number): void {
  appendChange(root, { bytes: sizeBytes, count: 1 });
}

/** Takes removed messages off a Maildir's maildirsize, where accounts are kept. @throws the system error */
export function subtractMessages(root: string, { bytes, count }: Usage): void {
  appendChange(root, { bytes: -bytes, count: -count });
}

/** Notes a change of what a Maildir holds, numbers may be negative, where accounts are kept. @throws the system error */
export function appendChange(root: string, change: Usage): void {
  // Most Maildirs keep no accounts; a look costs less than an exception.
  if (!exists(path.join(root, 'maildirsize'))) return;
  let fd: number;
  try {
    fd = fs.openSync(pathOf(root), fs.constants.O_RDWR | fs.constants.O_APPEND | fs.constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  try {
    const { size } = fs.fstatSync(fd);
    if (size === 0) return;
    const isCut = lastByte(fd, size) !== 0x0a;
    // One write, so that lines of several writers do not mix.
    fs.writeSync(fd, `${isCut ? '\n' : ''}${changeText(change)}`);
  } finally {
    fs.closeSync(fd);
  }
}

// Counts under way, so that the deliveries of a moment wait for one count together.
const counts = new Map<string, Promise<KnownUsage>>();

interface ReadFile {
  readonly quota: string | undefined;
  readonly usage: Usage;
  readonly lineCount: number;
  readonly isTooLong: boolean;
  readonly mtimeMs: number;
}

function readMaildirsize(root: string): ReadFile | undefined {
  let fd: number;
  try {
    fd = fs.openSync(pathOf(root), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EACCES') return undefined;
    throw error;
  }
  try {
    const { mtimeMs } = fs.fstatSync(fd);
    const buffer = Buffer.allocUnsafe(maildirsizeLimitBytes);
    const length = fs.readSync(fd, buffer, 0, buffer.length, 0);
    const document = parseMaildirsize(buffer.subarray(0, length));
    const isTooLong = length >= maildirsizeLimitBytes;
    const lineCount = document.lines.length;
    return { quota: document.quota?.text, usage: maildirsizeUsage(document), lineCount, isTooLong, mtimeMs };
  } finally {
    fs.closeSync(fd);
  }
}

async function countAndWrite(root: string, quota: string, owner: FileOwner, mode: number): Promise<KnownUsage> {
  const directories = await messageDirectories(root);
  const before = timesOf(directories);
  let [bytes, count] = [0, 0];
  for (const directory of directories) {
    const held = await usageOfDirectory(directory);
    bytes += held.bytes;
    count += held.count;
  }
  const usage = { bytes, count };
  try {
    replaceMaildirsize(root, newMaildirsize(quota, usage), owner, mode);
  } catch {
    // What was counted is right all the same; the next delivery counts again.
  }
  return { usage, isFreshCount: true, isCertain: before === timesOf(directories) };
}

/** new/ and cur/ of the Maildir and of every folder that counts. */
async function messageDirectories(root: string): Promise<string[]> {
  const entries = (await listDirectory(root)) ?? [];
  const folders = entries.filter((name) => name.startsWith('.') && name !== '.Trash');
  return [root, ...folders.map((name) => path.join(root, name))].flatMap((folder) => [
    path.join(folder, 'new'),
    path.join(folder, 'cur'),
  ]);
}

/** What counts of one folder. @param directory disk path @throws the system error when it cannot be listed */
export async function usageOfFolder(directory: string): Promise<Usage> {
  const [fresh, seen] = [await usageOfDirectory(`${directory}/new`), await usageOfDirectory(`${directory}/cur`)];
  return { bytes: fresh.bytes + seen.bytes, count: fresh.count + seen.count };
}

/** How many names are looked at before others have their turn. */
const namesAtOnce = 2000;

async function usageOfDirectory(directory: string): Promise<Usage> {
  const found = (await listDirectory(directory).catch(emptyIfNoDirectory)) ?? [];
  let [bytes, count] = [0, 0];
  for (const [index, name] of found.entries()) {
    if (index % namesAtOnce === namesAtOnce - 1) await new Promise(setImmediate);
    if (!isMessageName(name) || flagsOf(name).includes('T')) continue;
    const size = parseMaildirBase(parseMaildirName(name).base).sizeBytes ?? (await sizeOf(path.join(directory, name)));
    if (size === undefined) continue;
    bytes += size;
    count++;
  }
  return { bytes, count };
}

/** Undefined for a message that went away. */
async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await fs.promises.stat(bytesPath(file))).size;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function emptyIfNoDirectory(error: unknown): string[] {
  const cause = error instanceof Error ? error.cause : undefined;
  if (errnoOf(cause) === 'ENOTDIR') return [];
  throw error;
}

/** The modification times of directories; one that is not there has none. */
function timesOf(directories: readonly string[]): string {
  return directories
    .map((directory) => {
      try {
        return fs.statSync(bytesPath(directory), { bigint: true, throwIfNoEntry: false })?.mtimeNs ?? '-';
      } catch {
        return '-';
      }
    })
    .join(' ');
}

function replaceMaildirsize(root: string, content: Buffer, owner: FileOwner, mode: number): void {
  const name = `${Math.floor(Date.now() / 1000)}.${process.pid}_NeWmAiLdIrSiZe.${os.hostname()}`;
  const temporary = bytesPath(path.join(root, 'tmp', name));
  const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC | fs.constants.O_NOFOLLOW;
  const fd = fs.openSync(temporary, flags, mode);
  try {
    giveTo(fd, owner.uid, owner.gid);
    fs.writeSync(fd, content);
  } finally {
    fs.closeSync(fd);
  }
  fs.renameSync(temporary, pathOf(root));
}

function lastByte(fd: number, size: number): number | undefined {
  const byte = Buffer.alloc(1);
  fs.readSync(fd, byte, 0, 1, size - 1);
  return byte[0];
}

function pathOf(root: string): string | Buffer {
  return bytesPath(path.join(root, 'maildirsize'));
}

function exists(file: string): boolean {
  return fs.statSync(bytesPath(file), { throwIfNoEntry: false }) !== undefined;
}
