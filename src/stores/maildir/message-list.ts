// The messages of a Maildir as qmail-pop3d lists them (formats/qmail.md 8.3): the files of new/ and cur/, oldest first by modification time.
//
//   left out     names that begin with a dot or hold a line end; what is no regular file; links that lead nowhere; files from the future (modification time)
//   kept         links to regular files (vpopbull makes them); messages marked as trashed (`T`)
//
// qmail-pop3d also leaves out what was delivered in the current second. Here a message is listed at once. Files of equal times are ordered by name.
//
// new/ is read before cur/, so a message that another program moves meanwhile is met twice rather than not at all; the same file under two names is listed once.
// Tens of thousands of messages must not hold up other sessions: a large directory is read off the event loop, files are looked at a slice at a
// time, and where the disk turns out to be slow, off the event loop too.

import fs from 'node:fs';
import { stat } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { listDirectory } from '../../files/list.js';
import { bytesPath, fileTrouble, isMissing } from '../../files/read.js';
import { isMessageName, parseMaildirName } from '../../formats/maildir/maildir-name.js';

export type MaildirPart = 'new' | 'cur';

/** One message file as it was when it was listed. Its name changes with its flags and its place; its base does not. */
export interface MessageFile {
  readonly part: MaildirPart;
  readonly name: string;
  /** The name up to its first colon. */
  readonly base: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly birthtimeMs: number;
  readonly dev: number;
  readonly ino: number;
}

/** Files looked at in one go: about a millisecond's work when the kernel knows them. */
const sliceLength = 256;
const slowSliceMs = 10;
/** A directory of this size or less (on most file systems, a few hundred names) is read at once. */
const smallDirectoryBytes = 16 * 1024;

/**
 * Lists a Maildir.
 * @param maildir disk path
 * @param nowMs files with a later modification time (in whole seconds) are left out
 * @throws TemporaryError when new/ or cur/ is missing or cannot be read
 */
export async function listMessages(maildir: string, nowMs: number): Promise<MessageFile[]> {
  const [fresh, seen] = [await look(maildir, 'new', nowMs), await look(maildir, 'cur', nowMs)];
  const all = fresh.length === 0 ? seen : withoutDoubles(fresh, seen);
  return all.sort((a, b) => a.mtimeMs - b.mtimeMs || (a.base < b.base ? -1 : 1));
}

/** The names of message files in one part of a Maildir. @throws TemporaryError when it is missing or cannot be read */
export async function messageNames(maildir: string, part: MaildirPart): Promise<string[]> {
  return (await namesIn(`${maildir}/${part}`)).filter(isMessageName);
}

/** Whether there is anything in tmp/, which there is seldom. @throws TemporaryError when it is missing or cannot be read */
export async function hasTemporaries(maildir: string): Promise<boolean> {
  return (await namesIn(`${maildir}/tmp`)).length > 0;
}

async function namesIn(directory: string): Promise<string[]> {
  const names = isSmall(directory) ? readAtOnce(directory) : await listDirectory(directory);
  if (names === undefined) throw fileTrouble(new Error(`there is no directory ${directory}`));
  return names;
}

function isSmall(directory: string): boolean {
  try {
    return fs.statSync(bytesPath(directory)).size <= smallDirectoryBytes;
  } catch (error) {
    throw fileTrouble(error);
  }
}

function readAtOnce(directory: string): string[] {
  try {
    return fs.readdirSync(bytesPath(directory), { encoding: 'latin1' });
  } catch (error) {
    throw fileTrouble(error);
  }
}

async function look(maildir: string, part: MaildirPart, nowMs: number): Promise<MessageFile[]> {
  const names = await messageNames(maildir, part);
  const found: MessageFile[] = [];
  const lastSecond = Math.floor(nowMs / 1000);
  const add = (name: string, status: fs.Stats | undefined): void => {
    if (status === undefined || !status.isFile() || Math.floor(status.mtimeMs / 1000) > lastSecond) return;
    const { size: sizeBytes, mtimeMs, birthtimeMs, dev, ino } = status;
    found.push({ part, name, base: parseMaildirName(name).base, sizeBytes, mtimeMs, birthtimeMs, dev, ino });
  };
  let isSlow = false;
  for (let start = 0; start < names.length; start += sliceLength) {
    if (start > 0) await nextTurn();
    const slice = names.slice(start, start + sliceLength);
    const began = performance.now();
    const statuses = isSlow
      ? await Promise.all(slice.map((name) => statusLater(`${maildir}/${part}/${name}`)))
      : undefined;
    slice.forEach((name, index) => {
      add(name, statuses === undefined ? statusNow(`${maildir}/${part}/${name}`) : statuses[index]);
    });
    isSlow = performance.now() - began > slowSliceMs;
  }
  return found;
}

function statusNow(path: string): fs.Stats | undefined {
  try {
    return fs.statSync(bytesPath(path), { throwIfNoEntry: false });
  } catch (error) {
    return noStatus(path, error);
  }
}

async function statusLater(path: string): Promise<fs.Stats | undefined> {
  try {
    return await stat(bytesPath(path));
  } catch (error) {
    return noStatus(path, error);
  }
}

/** One link that goes wrong is left out; any other trouble is the directory's, and then nothing can be said. @throws TemporaryError */
function noStatus(path: string, error: unknown): undefined {
  if (isMissing(error) || fs.lstatSync(bytesPath(path), { throwIfNoEntry: false })?.isSymbolicLink()) return undefined;
  throw fileTrouble(error);
}

/** Both lists, the files of `fresh` that were moved while we read without their first name. */
function withoutDoubles(fresh: MessageFile[], seen: MessageFile[]): MessageFile[] {
  const byBase = new Map(fresh.map((file) => [file.base, file]));
  for (const file of seen) {
    const other = byBase.get(file.base);
    if (other !== undefined && other.ino === file.ino && other.dev === file.dev) byBase.delete(file.base);
  }
  return byBase.size === fresh.length ? fresh.concat(seen) : [...byBase.values(), ...seen];
}
