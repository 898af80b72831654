// The two ends of a copy: where an account's mail is taken from, and where it is put. Folder names are as on this host, modified UTF-7 with `.` between levels; texts of messages have the line
// ends that their end has.

import type { NamedFlags } from '../../src/stores/mailboxes/mailbox-types.js';

/** A message of a folder. */
export interface ListedMessage extends NamedFlags {
  /** What it is known by there for as long as the folder's generation stays. */
  readonly id: string;
  /** undefined: nobody knows. */
  readonly internalDateMs: number | undefined;
  /** About; texts of many small ones are kept in memory together. */
  readonly sizeBytes: number;
}

export interface SourceFolder {
  /** Another one when the ids mean other messages. */
  readonly generation: string;
  /** In the order in which they are to be copied. */
  readonly messages: readonly ListedMessage[];
  /** The text of each of these messages, in their order. undefined: it is gone; an Error: why it cannot be read. */
  texts(messages: readonly ListedMessage[]): AsyncIterable<Buffer | Error | undefined>;
  close(): Promise<void>;
}

/** Hears of a folder or file, and what there is to say of it. */
export type Tell = (place: string, text: string) => void;

export interface Source {
  /** Whose mail it is and where, without a password; another place has another one. */
  readonly name: string;
  /** @param tell hears of each thing that is there and cannot be copied @param note of each that need not be */
  folders(tell: Tell, note: Tell): Promise<readonly string[]>;
  open(folder: string): Promise<SourceFolder>;
  subscriptions(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface NewCopy {
  readonly message: ListedMessage;
  readonly text: Buffer;
}

export interface TargetFolder {
  readonly uidValidity: number;
  /** Whether messages can have a keyword of this name there. */
  keeps(keyword: string): boolean;
  /** No message that comes from now on has a lower UID. */
  uidNext(): Promise<number>;
  /**
   * Puts in all of them or none.
   * @returns their UIDs; undefined where it is not known
   * @throws PermanentError when one of them is refused, LostConnection when it is not known what became of them
   */
  append(copies: readonly NewCopy[]): Promise<readonly (number | undefined)[]>;
  /** Changes flags; nothing for a message that is gone. */
  change(uid: number, added: NamedFlags, removed: NamedFlags): Promise<void>;
  /** UIDs by hash of text (migrate/text-hash.ts) of what is there from a UID on. */
  hashes(fromUid: number): Promise<ReadonlyMap<string, readonly number[]>>;
  close(): Promise<void>;
}

export interface Target {
  /** As of `Source`. */
  readonly name: string;
  /** How many messages `append` takes at once, and up to how many bytes. */
  readonly atOnce: { readonly messages: number; readonly bytes: number };
  /** Opens a folder, which is made when it is not there. */
  open(folder: string): Promise<TargetFolder>;
  /** @throws PermanentError when it is refused */
  subscribe(folder: string): Promise<void>;
  close(): Promise<void>;
}

/** The other end is gone, and whether it did what it was last asked to do is not known. */
export class LostConnection extends Error {}
