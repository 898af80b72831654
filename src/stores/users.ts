// Who serves a local part, and who serves a domain: qmail's users/cdb, made by qmail-newu from users/assign.
//
//   key                       value                                                    asked by
//   ! joe \0                  user \0 uid \0 gid \0 directory \0 dash \0 extension     find('joe')
//   ! example.jp-             example.jp \0 89 \0 89 \0 /home/... \0 - \0              find('example.jp-joe'), domain('example.jp')
//   (empty)                   the last bytes of all wildcard keys
//
// Only the cdb decides, as in the originals; it is looked at anew for every question. Unlike them, a missing or unreadable cdb beside an existing assign is a
// temporary failure: the originals take it for "no such domain" and bounce. With neither file there are no assignments.

import { CorruptFileError, troubleWith } from '../errors.js';
import { statusOf } from '../files/identity.js';
import { bytesPath } from '../files/read.js';
import {
  type Assignment,
  domainKey,
  type FoundAssignment,
  findAssignment,
  parseAssignmentValue,
} from '../formats/controls/users-assign.js';
import type { Layout } from '../layout.js';
import type { Databases, Find } from './databases.js';

export type { Assignment, FoundAssignment } from '../formats/controls/users-assign.js';

/** What strangers are told when the assignments cannot be read. */
export const assignmentsTrouble = 'temporary trouble with the user database of this host';

/** Who serves a vpopmail domain (formats/vpopmail.md 3.3). */
export interface DomainAssignment {
  /** The real domain's name: that of an alias domain is not here. Lower case as far as the file has it so. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Where its files are, as a host path and as a disk path. */
  readonly hostDirectory: string;
  readonly directory: string;
}

/** qmail's assignments. Every method throws TemporaryError of `assignmentsTrouble` when they cannot be read. */
export class Users {
  readonly #layout: Layout;
  readonly #databases: Databases;

  constructor(layout: Layout, databases: Databases) {
    this.#layout = layout;
    this.#databases = databases;
  }

  /**
   * The assignment of a local part as qmail-lspawn finds it: the whole name, else the longest wildcard; undefined: none, qmail-getpw decides. What
   * stands behind a wildcard is at the end of `extension`, its case kept.
   */
  find(localPart: string): FoundAssignment | undefined {
    return this.#lookUp((find) => findAssignment(find, localPart, this.#layout.usersCdb));
  }

  /** Who serves a domain or alias domain; undefined when nobody does. */
  domain(name: string): DomainAssignment | undefined {
    const found = this.#lookUp((find) => {
      const data = find(domainKey(name));
      return data === undefined ? undefined : this.#parse(data);
    });
    if (found === undefined) return undefined;
    const { user, uid, gid, directory } = found;
    return { name: user, uid, gid, hostDirectory: directory, directory: this.#layout.disk(directory) };
  }

  #parse(data: Buffer): Assignment {
    const assignment = parseAssignmentValue(data);
    if (assignment === undefined)
      throw new CorruptFileError(this.#layout.usersCdb, undefined, 'a record is not an assignment');
    return assignment;
  }

  #lookUp<T>(use: (find: Find) => T | undefined): T | undefined {
    try {
      const found = this.#databases.lookUp(this.#layout.usersCdb, use, { isShared: true });
      if (found !== undefined) return found.value;
      if (statusOf(bytesPath(this.#layout.assign)) === undefined) return undefined;
    } catch (error) {
      throw troubleWith(assignmentsTrouble, error);
    }
    throw troubleWith(assignmentsTrouble, new Error(`${this.#layout.usersCdb} is missing; run qmail-newu`));
  }
}
