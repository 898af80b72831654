// One vpopmail domain as its directory says: accounts, limits, `.qmail` files, texts.
//
//   vpasswd.cdb, vpasswd     who has an account (stores/accounts/account-index.ts says which of the two counts when)
//   .qmailadmin-limits       limits and switched-off services; else, entirely, ~vpopmail/etc/vlimits.default
//   .qmail-default, ...      where mail goes (stores/dot-qmail.ts)
//   .over-quota.msg, ...     texts; else those in ~vpopmail/domains
//
// A Domain holds nothing but names and numbers: it is made for a question and thrown away, and every answer looks at the files.

import path from 'node:path';
import type { Snapshot, Snapshots } from '../../files/snapshot.js';
import { type DomainLimits, effectiveFlags } from '../../formats/vpopmail/domain-limits.js';
import { accountNumber, type VpasswdRecord } from '../../formats/vpopmail/vpasswd.js';
import { hasFlag } from '../../formats/vpopmail/vpasswd-flags.js';
import { domainFiles, type Layout } from '../../layout.js';
import type { AccountIndex } from '../accounts/account-index.js';
import type { DotQmailFile, DotQmailFiles } from '../dot-qmail.js';
import type { DomainAssignment } from '../users.js';

/** One vpasswd entry with its meaning. */
export interface Account {
  readonly name: string;
  /** The real domain. */
  readonly domain: string;
  /** crypt(3) hash; empty: no password. */
  readonly passwd: string;
  /** vpopmail's 1 or 2; no system uid. */
  readonly uid: number;
  /** The flag word as stored, without the domain's limits: see `Domain.flagsOf`. */
  readonly gid: number;
  readonly gecos: string;
  /** pw_dir as stored, a host path; may be empty. */
  readonly hostDirectory: string;
  /** pw_dir on this machine; empty when it is. */
  readonly directory: string;
  /** As stored; formats/vpopmail/quota.ts reads it. */
  readonly quota: string;
  readonly clearPasswd: string | undefined;
}

/** What all domains of a host share: bounded caches, each answer checked against the file. */
export interface DomainReaders {
  readonly accounts: AccountIndex;
  readonly dotQmail: DotQmailFiles;
  readonly limits: Snapshots<DomainLimits>;
  readonly defaultLimits: Snapshot<DomainLimits>;
  readonly texts: Snapshots<Buffer>;
}

export type DomainText = '.no-user.msg' | '.over-quota.msg' | '.quotawarn.msg';

/** Every method throws TemporaryError, or CorruptFileError, when the answer cannot be read. */
export class Domain {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Disk path and host path of its directory. */
  readonly directory: string;
  readonly hostDirectory: string;
  readonly #layout: Layout;
  readonly #readers: DomainReaders;

  constructor(assignment: DomainAssignment, layout: Layout, readers: DomainReaders) {
    this.name = assignment.name;
    this.uid = assignment.uid;
    this.gid = assignment.gid;
    this.directory = assignment.directory;
    this.hostDirectory = assignment.hostDirectory;
    this.#layout = layout;
    this.#readers = readers;
  }

  /** The account with this name (any case); undefined when there is none. */
  account(name: string): Account | undefined {
    const record = this.#readers.accounts.find(this, name);
    return record === undefined ? undefined : this.#accountOf(record);
  }

  /** The limits in force: the domain's, else the host's; undefined when neither file is there. */
  limits(): DomainLimits | undefined {
    return this.#readers.limits.get(domainFiles.limits(this.directory)) ?? this.#readers.defaultLimits.get();
  }

  /** The flag word in force: the account's own with the services that the limits switch off, unless the account overrides them. */
  flagsOf(account: Account): number {
    // An account that overrides the limits does not depend on whether they can be read.
    return hasFlag(account.gid, 'V_OVERRIDE') ? account.gid : effectiveFlags(account.gid, this.limits());
  }

  /** The file `.qmail` + suffix in the domain's directory, such as suffix `-default`; undefined when qmail-local would try the next name. */
  dotQmail(suffix: string): DotQmailFile | undefined {
    return this.#readers.dotQmail.read(this.directory, suffix);
  }

  /** Looks at the domain's directory as qmail-local does before it reads there. @throws TemporaryError when it would defer */
  checkDirectory(): void {
    this.#readers.dotQmail.checkHome(this.directory);
  }

  /** A text for people: the domain's own, else the host's; undefined when neither is there. */
  text(name: DomainText): Buffer | undefined {
    const { texts } = this.#readers;
    return texts.get(domainFiles.message(this.directory, name)) ?? texts.get(path.join(this.#layout.domains, name));
  }

  #accountOf(record: VpasswdRecord): Account {
    const { name, passwd, gecos, dir, quota, clearPasswd } = record;
    return {
      name,
      domain: this.name,
      passwd,
      uid: accountNumber(record.uid),
      gid: accountNumber(record.gid),
      gecos,
      hostDirectory: dir,
      directory: dir === '' ? '' : this.#layout.disk(dir),
      quota,
      clearPasswd,
    };
  }
}
