// Users and groups of the host by name: vpopmail, vchkpw, alias, qmailq, the owner of a domain. No number is compiled in.
//
// A host tree mounted below --root brings its own etc/passwd and etc/group, and those count; without them, and for the root `/`, this machine's account
// database is asked through the C library (so LDAP and other name services count), or /etc/passwd is read where that cannot be called.
//
//   vpopmail:x:89:89:vpopmail:/home/vpopmail:/sbin/nologin        name, password, uid, gid, gecos, home, shell
//   vchkpw:x:89:joe,ann                                           name, password, gid, members
//
// Lines that do not have these fields are skipped. Nothing is remembered beyond the version of the files.

import type { Layout } from '../layout.js';
import { type CLibrary, cLibrary } from './native.js';
import { fileTrouble } from './read.js';
import { Snapshot } from './snapshot.js';

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Host path. */
  readonly home: string;
}

export interface SystemGroup {
  readonly name: string;
  readonly gid: number;
}

interface GroupLine extends SystemGroup {
  readonly members: readonly string[];
}

/** The account database of a host. */
export class SystemAccounts {
  readonly #users: Snapshot<SystemUser[]>;
  readonly #groups: Snapshot<GroupLine[]>;
  readonly #fallbackUsers = new Snapshot('/etc/passwd', parsePasswd);
  readonly #fallbackGroups = new Snapshot('/etc/group', parseGroup);
  readonly #isMounted: boolean;
  readonly #library: () => CLibrary | undefined;

  /** @param library how this machine's own database is asked; for tests */
  constructor(layout: Layout, library: () => CLibrary | undefined = cLibrary) {
    this.#users = new Snapshot(layout.systemFiles.passwd, parsePasswd);
    this.#groups = new Snapshot(layout.systemFiles.group, parseGroup);
    this.#isMounted = layout.root !== '/';
    this.#library = library;
  }

  /** @throws TemporaryError when the database cannot be asked, here and below */
  user(name: string): SystemUser | undefined {
    return this.#find(
      this.#users,
      this.#fallbackUsers,
      (user) => user.name === name,
      (library) => library.userByName(name),
    );
  }

  userById(uid: number): SystemUser | undefined {
    return this.#find(
      this.#users,
      this.#fallbackUsers,
      (user) => user.uid === uid,
      (library) => library.userById(uid),
    );
  }

  group(name: string): SystemGroup | undefined {
    return this.#find(
      this.#groups,
      this.#fallbackGroups,
      (group) => group.name === name,
      (library) => library.groupByName(name),
    );
  }

  groupById(gid: number): SystemGroup | undefined {
    return this.#find(
      this.#groups,
      this.#fallbackGroups,
      (group) => group.gid === gid,
      (library) => library.groupById(gid),
    );
  }

  /** The numbers of all groups of a user: its own first, then the supplementary ones. */
  groupsOf(user: SystemUser): number[] {
    const gids = this.#mounted(this.#groups) ?? this.#ask((library) => library.groupsOf(user.name, user.gid));
    if (gids !== undefined && typeof gids[0] === 'number') return gids as number[];
    const groups = (gids as GroupLine[] | undefined) ?? this.#fallbackGroups.get() ?? [];
    const supplementary = groups.filter((group) => group.members.includes(user.name)).map((group) => group.gid);
    return [...new Set([user.gid, ...supplementary])];
  }

  #find<T>(
    mounted: Snapshot<T[]>,
    fallback: Snapshot<T[]>,
    isIt: (entry: T) => boolean,
    ask: (library: CLibrary) => unknown,
  ): T | undefined {
    const below = this.#mounted(mounted);
    if (below !== undefined) return below.find(isIt);
    if (this.#library() !== undefined) return this.#ask(ask) as T | undefined;
    return fallback.get()?.find(isIt);
  }

  /** The host tree's own file; undefined when this machine's database counts. */
  #mounted<T>(file: Snapshot<T>): T | undefined {
    return this.#isMounted ? file.get() : undefined;
  }

  #ask<T>(question: (library: CLibrary) => T): T | undefined {
    const library = this.#library();
    if (library === undefined) return undefined;
    try {
      return question(library);
    } catch (error) {
      throw fileTrouble(error);
    }
  }
}

function parsePasswd(bytes: Buffer): SystemUser[] {
  return fieldsOfLines(bytes).flatMap(([name, , uid, gid, , home]) =>
    name && isNumber(uid) && isNumber(gid) && home !== undefined
      ? [{ name, uid: Number(uid), gid: Number(gid), home }]
      : [],
  );
}

function parseGroup(bytes: Buffer): GroupLine[] {
  return fieldsOfLines(bytes).flatMap(([name, , gid, members]) =>
    name && isNumber(gid) ? [{ name, gid: Number(gid), members: (members ?? '').split(',').filter(Boolean) }] : [],
  );
}

function fieldsOfLines(bytes: Buffer): string[][] {
  return bytes
    .toString('latin1')
    .split('\n')
    .map((line) => line.split(':'));
}

function isNumber(text: string | undefined): boolean {
  return text !== undefined && /^[0-9]{1,10}$/.test(text);
}
