// Taking a snapshot of all accounts into a file, a folder at a time. A run that was killed is gone on with: what stands behind the last whole folder is cut off, and folders that are
// there are not looked at again.

import fs from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { ConfigurationError, describe } from '../../src/errors.js';
import { bytesPath } from '../../src/files/read.js';
import { inbox } from '../../src/formats/mailbox/folder-names.js';
import { accountFiles, type Layout } from '../../src/layout.js';
import { listedDomains } from '../../src/stores/accounts/domain-list.js';
import { accountsOf } from '../../src/stores/accounts/enumeration.js';
import { listFolders } from '../../src/stores/mailboxes/account/folder-directories.js';
import type { UidlForm } from '../../src/stores/maildir/uidl.js';
import { seeFolder } from './folder.js';
import {
  parseLine,
  type SeenMessage,
  type SnapshotEnd,
  type SnapshotHead,
  type SnapshotLine,
  serializeLine,
} from './format.js';

export interface SnapshotOptions {
  readonly uidl: UidlForm;
  readonly bodies: boolean;
  /** At most so many messages a second; undefined: as fast as it goes. */
  readonly messagesPerSecond: number | undefined;
  /** Told of accounts that are done, and messages. */
  readonly progress: (done: number, of: number, messages: number) => void;
  /** Milliseconds that go by, and waiting for some; of the machine unless given. */
  readonly clock?: Clock;
}

export interface Clock {
  nowMs(): number;
  pause(ms: number): Promise<unknown>;
}

const machineClock: Clock = { nowMs: () => performance.now(), pause };

const blockMessages = 500;

/**
 * Takes a snapshot into `file`, or goes on with one.
 * @throws ConfigurationError when another file is there, a whole snapshot, or one that was taken with other options
 */
export async function takeSnapshot(
  layout: Layout,
  file: string,
  options: SnapshotOptions,
): Promise<SnapshotEnd['end']> {
  const head: SnapshotHead = { snapshot: 1, uidl: options.uidl, bodies: options.bodies };
  const before = await resume(file, head);
  const fd = fs.openSync(bytesPath(file), fs.constants.O_WRONLY | fs.constants.O_CREAT, 0o600);
  try {
    fs.ftruncateSync(fd, before.length);
    const end = await fill(layout, before, options, appender(fd, before.length, head));
    fs.fsyncSync(fd);
    return end;
  } finally {
    fs.closeSync(fd);
  }
}

type Append = (line: SnapshotLine) => void;

function appender(fd: number, start: number, head: SnapshotHead): Append {
  let position = start;
  const append = (line: SnapshotLine): void => {
    const bytes = serializeLine(line);
    for (let written = 0; written < bytes.length; )
      written += fs.writeSync(fd, bytes, written, bytes.length - written, position + written);
    position += bytes.length;
  };
  if (start === 0) append(head);
  return append;
}

async function fill(
  layout: Layout,
  before: Resumed,
  options: SnapshotOptions,
  append: Append,
): Promise<SnapshotEnd['end']> {
  const pace = new Pace(options.messagesPerSecond, options.clock ?? machineClock);
  const accounts = [...maildirs(layout)];
  let [folders, messages] = [before.done.size, before.messages];
  for (const [index, { account, maildir, trouble }] of accounts.entries()) {
    const tell = (): void => options.progress(index, accounts.length, messages);
    tell();
    try {
      if (trouble !== undefined) throw trouble;
      for (const { name, directory } of [{ name: inbox, directory: maildir }, ...listFolders(maildir)]) {
        if (before.done.has(keyOf(account, name))) continue;
        const seen = await seeFolder(directory, {
          bodies: options.bodies,
          uidl: name === inbox ? options.uidl : undefined,
        });
        const block = { account, folder: name, uidValidity: seen.uidValidity };
        let pending: SeenMessage[] = [];
        for await (const message of seen.messages()) {
          if (pending.length === blockMessages) {
            append({ ...block, messages: pending, more: true });
            pending = [];
            tell();
          }
          pending.push(message);
          messages++;
          await pace.next();
        }
        append({ ...block, messages: pending });
        folders++;
      }
    } catch (error) {
      append({ account, trouble: describe(error) });
    }
  }
  options.progress(accounts.length, accounts.length, messages);
  const end = { accounts: accounts.length, folders, messages };
  append({ end });
  return end;
}

export function keyOf(account: string, folder: string): string {
  return `${account}\0${folder}`;
}

/** The accounts with their Maildirs (disk paths), in the order of the files. */
function* maildirs(layout: Layout): Generator<{ account: string; maildir: string; trouble?: unknown }> {
  for (const place of listedDomains(layout) ?? []) {
    if (place.name !== place.realName) continue;
    try {
      for (const { name, dir } of accountsOf(place))
        if (dir !== '') yield { account: `${name}@${place.name}`, maildir: accountFiles.maildir(layout.disk(dir)) };
    } catch (trouble) {
      yield { account: `@${place.name}`, maildir: '', trouble };
    }
  }
}

interface Resumed {
  /** Bytes of the file that stay. */
  readonly length: number;
  readonly done: ReadonlySet<string>;
  readonly messages: number;
}

/** What of an earlier run is there. */
async function resume(file: string, head: SnapshotHead): Promise<Resumed> {
  const done = new Set<string>();
  if (!fs.existsSync(bytesPath(file)) || fs.statSync(bytesPath(file)).size === 0)
    return { length: 0, done, messages: 0 };
  let [offset, length, messages, ofFolder] = [0, 0, 0, 0];
  for await (const { text, bytes } of linesOf(file)) {
    offset += bytes;
    const line = parseLine(text);
    if (offset === bytes && JSON.stringify(line) !== JSON.stringify(head))
      throw new ConfigurationError(
        file,
        1,
        line !== undefined && 'snapshot' in line
          ? 'was begun with other options; use the same, or another file'
          : 'is no snapshot and is left alone; choose another file',
      );
    if (line === undefined) break;
    if ('end' in line)
      throw new ConfigurationError(file, undefined, 'is a whole snapshot already; choose another file');
    if ('messages' in line) {
      ofFolder += line.messages.length;
      if (line.more) continue;
      done.add(keyOf(line.account, line.folder));
      messages += ofFolder;
      ofFolder = 0;
    }
    // An account in trouble is looked at again.
    if (!('trouble' in line)) length = offset;
  }
  return { length, done, messages };
}

/** The lines of a file with their lengths; a last one without LF is left out. */
export async function* linesOf(file: string): AsyncGenerator<{ text: string; bytes: number }> {
  const stream = fs.createReadStream(bytesPath(file), { encoding: 'latin1', highWaterMark: 1 << 20 });
  let rest = '';
  for await (const piece of stream) {
    const lines = (rest + String(piece)).split('\n');
    rest = lines.pop() ?? '';
    for (const text of lines) yield { text, bytes: text.length + 1 };
  }
}

/** Waits so that no more than so many are done in a second. */
class Pace {
  readonly #perSecond: number | undefined;
  readonly #clock: Clock;
  readonly #beganMs: number;
  #count = 0;

  constructor(perSecond: number | undefined, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#beganMs = clock.nowMs();
  }

  async next(): Promise<void> {
    this.#count++;
    if (this.#perSecond === undefined) return;
    const aheadMs = (this.#count / this.#perSecond) * 1000 - (this.#clock.nowMs() - this.#beganMs);
    if (aheadMs > 20) await this.#clock.pause(aheadMs);
  }
}
