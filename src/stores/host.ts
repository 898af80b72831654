// The whole host: one object through which servers and tools ask its files. Opening it reads nothing and scans nothing, so it takes the same time for ten
// domains and ten thousand; every answer is looked up when it is asked for, and what is kept is bounded.

import { SystemAccounts } from '../files/accounts.js';
import { Snapshot, Snapshots } from '../files/snapshot.js';
import { type DomainLimits, parseDomainLimits } from '../formats/vpopmail/domain-limits.js';
import type { Layout } from '../layout.js';
import { type Log, silentLog } from '../log.js';
import { AccessRules } from './access-rules.js';
import { AccountIndex } from './accounts/account-index.js';
import { Control } from './control.js';
import { Databases } from './databases.js';
import { DefaultDomain } from './default-domain.js';
import { Domain } from './domains/domain.js';
import { IndexRepairs } from './domains/index-repairs.js';
import { DotQmailFiles } from './dot-qmail.js';
import { type DomainAssignment, Users } from './users.js';

export interface Host {
  readonly layout: Layout;
  readonly log: Log;
  /** Users and groups of the host by name. */
  readonly accounts: SystemAccounts;
  readonly control: Control;
  readonly users: Users;
  readonly accessRules: AccessRules;
  /** Those for QMQP (/etc/tcp/qmqp.cdb). */
  readonly qmqpRules: AccessRules;
  readonly defaultDomain: DefaultDomain;
  /** The `.qmail` files of any directory: ~alias, a user's home. */
  readonly dotQmail: DotQmailFiles;
  readonly repairs: IndexRepairs;
  /** The domain that an assignment names. */
  domains(assignment: DomainAssignment): Domain;
  /** The domain or alias domain with this name; undefined when users/cdb has none. @throws TemporaryError, CorruptFileError */
  domain(name: string): Domain | undefined;
}

export interface HostOptions {
  /** Whether a look-up that meets a missing vpasswd.cdb has it made from vpasswd, as vpopmail does. Off: nothing is ever written. */
  readonly repairIndexes?: boolean;
  /** The domain of logins that name none, instead of etc/defaultdomain. */
  readonly defaultDomain?: string | undefined;
}

/** Opens the host that `layout` points at. Reads nothing yet. */
export function openHost(layout: Layout, log: Log = silentLog, options: HostOptions = {}): Host {
  const databases = new Databases();
  const repairs = new IndexRepairs(log);
  const control = new Control(layout, databases);
  const users = new Users(layout, databases);
  const dotQmail = new DotQmailFiles();
  const readers = {
    accounts: new AccountIndex(databases, (place) => (options.repairIndexes ? repairs.request(place) : undefined)),
    dotQmail,
    limits: new Snapshots<DomainLimits>(parseDomainLimits),
    defaultLimits: new Snapshot<DomainLimits>(layout.etc('vlimits.default'), parseDomainLimits),
    texts: new Snapshots<Buffer>((bytes) => bytes, { files: 200, bytes: 1024 * 1024 }),
  };
  const domains = (assignment: DomainAssignment): Domain => new Domain(assignment, layout, readers);
  return {
    layout,
    log,
    accounts: new SystemAccounts(layout),
    control,
    users,
    accessRules: new AccessRules(layout, databases),
    qmqpRules: new AccessRules(layout, databases, layout.qmqpRulesCdb),
    defaultDomain: new DefaultDomain(layout, control, options.defaultDomain),
    dotQmail,
    repairs,
    domains,
    domain: (name) => {
      const assignment = users.domain(name);
      return assignment === undefined ? undefined : domains(assignment);
    },
  };
}
