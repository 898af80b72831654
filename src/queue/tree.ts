// The paths of qmail's queue (formats/qmail.md 3.1 and 3.11). N is the number of a message, the inode of its file in mess/; S is N modulo the split.
//
//   pid/ANY                      a new message that has no number yet
//   mess/S/N                     the message
//   intd/N, todo/N               its envelope: being written; complete, not yet preprocessed
//   info/S/N                     its sender; the file's mtime is when the message was queued
//   local/S/N, remote/S/N        its recipients
//   bounce/N                     which of them have failed, and why
//   lock/sendmutex               flock: who works on the queue
//   lock/trigger                 a fifo: something is in todo/
//   lock/tcpto                   addresses that do not answer
//
// The split is 23 unless qmail was compiled with another one; it is the number of directories in mess/, whose names are 0, 1, 2 and so on. With the big-todo patch intd/
// and todo/ are split too. Both are seen from the tree. A name that is no plain decimal number is not a message, wherever it stands.

import path from 'node:path';
import { ConfigurationError } from '../errors.js';
import type { Layout } from '../layout.js';
import type { QueueFiles } from './files.js';

export type ChannelName = 'local' | 'remote';
export const channelNames: readonly ChannelName[] = ['local', 'remote'];

const largestInode = 2n ** 64n - 1n;

/** The number that a name stands for; undefined for a name that is none. Numbers may be larger than what a double holds exactly. */
export function messageNumber(name: string): bigint | undefined {
  if (!/^(?:0|[1-9]\d{0,19})$/.test(name)) return undefined;
  const number = BigInt(name);
  return number <= largestInode ? number : undefined;
}

export class QueueTree {
  /** Disk path of the queue directory. */
  readonly directory: string;
  /** How many directories mess/, info/, local/ and remote/ have. */
  readonly split: number;
  /** Whether intd/ and todo/ are split too. */
  readonly hasBigTodo: boolean;

  constructor(directory: string, split: number, hasBigTodo: boolean) {
    this.directory = directory;
    this.split = split;
    this.hasBigTodo = hasBigTodo;
  }

  /**
   * The queue of a host; undefined when it has none.
   * @throws ConfigurationError when its directories make no queue, TemporaryError when they cannot be read
   */
  static async open(layout: Layout, files: QueueFiles): Promise<QueueTree | undefined> {
    const directory = layout.queue;
    const names = await files.list(path.join(directory, 'mess'));
    if (names === undefined) return undefined;
    const isWhole = names.length > 0 && new Set(names.map(Number)).size === names.length;
    if (!isWhole || names.some((name) => Number(name) >= names.length || messageNumber(name) === undefined)) {
      const shown = layout.host(path.join(directory, 'mess'));
      throw new ConfigurationError(shown, undefined, 'its directories are not 0, 1, 2 and so on; make the queue again');
    }
    const todo = await files.list(path.join(directory, 'todo', '0'));
    return new QueueTree(directory, names.length, todo !== undefined);
  }

  mess(id: string): string {
    return this.#split('mess', id);
  }
  info(id: string): string {
    return this.#split('info', id);
  }
  channel(channel: ChannelName, id: string): string {
    return this.#split(channel, id);
  }
  bounce(id: string): string {
    return `${this.directory}/bounce/${id}`;
  }
  intd(id: string): string {
    return this.hasBigTodo ? this.#split('intd', id) : `${this.directory}/intd/${id}`;
  }
  todo(id: string): string {
    return this.hasBigTodo ? this.#split('todo', id) : `${this.directory}/todo/${id}`;
  }
  /** A new message under a name of its own. */
  pid(name: string): string {
    return `${this.directory}/pid/${name}`;
  }
  get pidDirectory(): string {
    return `${this.directory}/pid`;
  }
  get mutex(): string {
    return `${this.directory}/lock/sendmutex`;
  }
  get trigger(): string {
    return `${this.directory}/lock/trigger`;
  }
  get tcpto(): string {
    return `${this.directory}/lock/tcpto`;
  }

  /** The directories in which the files of a kind stand. */
  directories(kind: 'mess' | 'info' | 'todo' | ChannelName): string[] {
    if (kind === 'todo' && !this.hasBigTodo) return [`${this.directory}/todo`];
    return Array.from({ length: this.split }, (_, n) => `${this.directory}/${kind}/${n}`);
  }

  /** A path as qmail-send names it in its log: below the queue. */
  shown(file: string): string {
    return file.slice(this.directory.length + 1);
  }

  #split(kind: string, id: string): string {
    // Most numbers are small; a division of bigints costs ten times as much.
    const place = id.length < 16 ? Number(id) % this.split : Number(BigInt(id) % BigInt(this.split));
    return `${this.directory}/${kind}/${place}/${id}`;
  }
}
