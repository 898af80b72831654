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
import { statusOf } from './identity.js';
import { type CLibrary, cLibrary, type NativeGroup, type NativeUser } from './native/native.js';
import { fileTrouble } from './read.js';
import { Snapshot } from './snapshot.js';

/** `home` is a host path. */
export type SystemUser = NativeUser;
export type SystemGroup = NativeGroup;

type Database = Pick<CLibrary, 'userByName' | 'userById' | 'groupByName' | 'groupById' | 'groupsOf'>;

/** The account database of a host. Every method throws TemporaryError when it cannot be asked. */
export class SystemAccounts {
  readonly #tree: TextDatabase;
  readonly #machine = new TextDatabase('/etc/passwd', '/etc/group');
  readonly #treePasswd: string | undefined;
  readonly #library: () => CLibrary | undefined;

  /** @param library how this machine's own database is asked; another one in tests */
  constructor(layout: Layout, library: () => CLibrary | undefined = cLibrary) {
    const { passwd, group } = layout.systemFiles;
    this.#tree = new TextDatabase(passwd, group);
    this.#treePasswd = layout.root === '/' ? undefined : passwd;
    this.#library = library;
  }

  user(name: string): SystemUser | undefined {
    return this.#ask((database) => database.userByName(name));
  }

  userById(uid: number): SystemUser | undefined {
    return this.#ask((database) => database.userById(uid));
  }

  group(name: string): SystemGroup | undefined {
    return this.#ask((database) => database.groupByName(name));
  }

  groupById(gid: number): SystemGroup | undefined {
    return this.#ask((database) => database.groupById(gid));
  }

  /** The numbers of all groups of a user: its own and the supplementary ones. */
  groupsOf(user: SystemUser): number[] {
    return this.#ask((database) => database.groupsOf(user.name, user.gid));
  }

  #ask<T>(question: (database: Database) => T): T {
    try {
      if (this.#treePasswd !== undefined && statusOf(this.#treePasswd) !== undefined) return question(this.#tree);
      return question(this.#library() ?? this.#machine);
    } catch (error) {
      throw fileTrouble(error);
    }
  }
}

interface GroupLine {
  readonly group: SystemGroup;
  readonly members: readonly string[];
}

/** A passwd and a group file. */
class TextDatabase implements Database {
  readonly #users: Snapshot<SystemUser[]>;
  readonly #groups: Snapshot<GroupLine[]>;

  constructor(passwdPath: string, groupPath: string) {
    this.#users = new Snapshot(passwdPath, parsePasswd);
    this.#groups = new Snapshot(groupPath, parseGroup);
  }

  userByName(name: string): SystemUser | undefined {
    return this.#users.get()?.find((user) => user.name === name);
  }

  userById(uid: number): SystemUser | undefined {
    return this.#users.get()?.find((user) => user.uid === uid);
  }

  groupByName(name: string): SystemGroup | undefined {
    return this.#groups.get()?.find(({ group }) => group.name === name)?.group;
  }

  groupById(gid: number): SystemGroup | undefined {
    return this.#groups.get()?.find(({ group }) => group.gid === gid)?.group;
  }

  groupsOf(name: string, gid: number): number[] {
    const memberOf = (this.#groups.get() ?? []).filter(({ members }) => members.includes(name));
    return [...new Set([gid, ...memberOf.map(({ group }) => group.gid)])];
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
    name && isNumber(gid)
      ? [{ group: { name, gid: Number(gid) }, members: (members ?? '').split(',').filter(Boolean) }]
      : [],
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
