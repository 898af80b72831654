// Where the directory of a new domain goes: BASE/domains/[SUB/]NAME, BASE being ~vpopmail, the home of the user that vadddomain was given, or a directory that it was
// given (formats/vpopmail.md 1.2, 1.3).
//
// After every hundred domains of one owner the next sub-directory begins. The count is that of the owner, in ~vpopmail/domains/.dir-control for vpopmail, in
// HOME/domains/.dir-control for any other user, wherever the domains lie; an owner without an entry or directory has no count, and its domains no sub-directories.

import fs from 'node:fs';
import path from 'node:path';
import { errnoOf } from '../../errors.js';
import { mayChangeOwner } from '../../files/owner.js';
import { bytesPath } from '../../files/read.js';
import { withOneMore } from '../../formats/vpopmail/dir-control.js';
import type { Layout } from '../../layout.js';
import {
  type DirControlPlace,
  enterDirectory,
  leaveDirectory,
  readDirControl,
} from '../../stores/accounts/dir-control-file.js';
import type { Host } from '../../stores/host.js';
import { VpopmailError } from '../vpopmail-error.js';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** How the domains of one owner are counted and spread over sub-directories. */
export class DomainCount {
  readonly #place: DirControlPlace | undefined;

  /** @param mode of a new .dir-control; 0600 unless given */
  constructor(host: Host, owner: Owner, mode?: number) {
    const { uid, gid } = owner;
    const directory = countDirectory(host, uid);
    this.#place = directory === undefined ? undefined : { directory, uid, gid, ...(mode !== undefined && { mode }) };
  }

  /** The sub-directory that the next domain will get, '' for none. @throws TemporaryError */
  peek(): string {
    return this.#place === undefined ? '' : withOneMore(readDirControl(this.#place)).theDir;
  }

  /** Counts a domain more. @returns its sub-directory, '' for none @throws TemporaryError */
  async enter(): Promise<string> {
    return this.#place === undefined ? '' : enterDirectory(this.#place);
  }

  /** Counts a domain less. @throws TemporaryError */
  async leave(): Promise<void> {
    if (this.#place !== undefined) await leaveDirectory(this.#place);
  }
}

/** The directory (disk path) whose .dir-control counts the domains of a user; undefined when there is none. */
export function countDirectory(host: Host, uid: number): string | undefined {
  const { layout, accounts } = host;
  const owner = accounts.userById(uid);
  if (owner === undefined) return undefined;
  const directory = owner.name === 'vpopmail' ? layout.domains : layout.disk(`${owner.home}/domains`);
  return isDirectory(directory) ? directory : undefined;
}

/**
 * The directory (disk path) that domains are made in, made itself if it is missing.
 * @param base a host path; one that is not absolute is refused, since users/assign would lead nowhere
 * @throws VpopmailError
 */
export function domainsDirectory(layout: Layout, base: string, { uid, gid }: Owner): string {
  if (!base.startsWith('/') || !isDirectory(layout.disk(base))) throw new VpopmailError('badDomainDirectory');
  const directory = path.join(layout.disk(base), 'domains');
  if (isDirectory(directory)) return directory;
  try {
    fs.mkdirSync(bytesPath(directory), { mode: 0o700 });
    if (mayChangeOwner()) fs.lchownSync(bytesPath(directory), uid, gid);
  } catch (error) {
    throw new VpopmailError('cannotMakeDomainsDirectory', undefined, error);
  }
  return directory;
}

/** Whether a directory is there, or a link to one. */
export function isDirectory(directory: string): boolean {
  try {
    return fs.statSync(bytesPath(directory), { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return false;
  }
}
