// The lists of domains against each other. A vpopmail domain needs a line in three places, and must not be in a fourth:
//
//   users/assign                    who serves it, and where its directory is
//   virtualdomains                  its mail is local, under its own name as prefix
//   rcpthosts or morercpthosts      mail from outside is taken
//   locals                          asked before virtualdomains: a domain in both never reaches its accounts

import { namesIn } from '../../files/list.js';
import { readIfPresent } from '../../files/read.js';
import { matchesHost } from '../../formats/controls/rcpthosts.js';
import type { AssignEntry } from '../../formats/controls/users-assign.js';
import { lookUp } from '../../formats/controls/virtual-domains.js';
import { bufferSource, cdbFind, cdbRecords } from '../../formats/databases/cdb.js';
import { verifyCdb } from '../../formats/databases/cdb-verify.js';
import { dotQmailNames } from '../../formats/dot-qmail/dot-qmail.js';
import { lower } from '../../mail/address.js';
import { sharedFileFindings } from './control-findings.js';
import { type Entry, entriesOf } from './entries.js';
import { error, type Finding, guarded, look, type Search, warning } from './finding.js';

interface Lists {
  readonly rcptHosts: readonly Entry[];
  readonly moreRcptHosts: readonly Entry[];
  readonly virtualDomains: readonly Entry[];
  readonly locals: readonly Entry[];
  /** vpopmail domains by name, with their lines in assign. */
  readonly assigned: ReadonlyMap<string, number>;
  readonly allowed: (domain: string) => boolean;
  readonly prefixes: ReadonlyMap<string, string>;
}

/** The name of the domain that a line of assign is for; undefined for other assignments. */
export function domainOf(entry: AssignEntry): string | undefined {
  const isDomain = entry.mark === '+' && /\..*-$/.test(entry.name) && entry.dash === '-' && entry.extension === '';
  return isDomain ? lower(entry.name.slice(0, -1)) : undefined;
}

/** What the lists of domains say against each other. */
export function* domainListFindings(search: Search, entries: ReadonlyMap<number, AssignEntry>): Generator<Finding> {
  const { layout } = search.host;
  const lists = readLists(search, entries);
  yield* guarded(
    layout.control('morercpthosts.cdb'),
    () => moreRcptHostsFindings(search, lists),
    'qmail-smtpd answers 421; run qmail-newmrh',
  );
  yield* assignedFindings(search, lists);
  yield* acceptedFindings(search, lists);
  yield* guarded(layout.control('virtualdomains'), () => virtualDomainFindings(search, lists));
  yield* localFindings(search, lists);
}

function readLists({ host }: Search, assignments: ReadonlyMap<number, AssignEntry>): Lists {
  const { layout } = host;
  // An entry with a blank or CR in it names no domain; that has been said at its line.
  const entries = (name: string, isMap = false): Entry[] =>
    entriesOf(layout.control(name), isMap).filter(({ key }) => !/[\s\0]/.test(key));
  const rcptHosts = entries('rcpthosts');
  const moreRcptHosts = entries('morercpthosts');
  const virtualDomains = entries('virtualdomains', true);
  const accepted = new Set([...rcptHosts, ...moreRcptHosts].map(({ key }) => key));
  const everything = look(layout.control('rcpthosts')) === undefined;
  const assigned = new Map<string, number>();
  for (const [line, entry] of assignments) {
    const name = domainOf(entry);
    if (name !== undefined && !assigned.has(name)) assigned.set(name, line);
  }
  return {
    rcptHosts,
    moreRcptHosts,
    virtualDomains,
    locals: entries('locals'),
    assigned,
    allowed: (domain) => everything || matchesHost(domain, (key) => accepted.has(key)),
    prefixes: new Map(virtualDomains.map(({ key, value }) => [key, value ?? ''])),
  };
}

/** Where mail for a domain goes on this host; undefined when it is sent on to others. */
function prefixOf(lists: Lists, domain: string): string | undefined {
  return lookUp(`postmaster@${domain}`, lists.prefixes)?.prefix || undefined;
}

function* assignedFindings({ host }: Search, lists: Lists): Generator<Finding> {
  const { assign } = host.layout;
  const named = new Set([...lists.rcptHosts, ...lists.moreRcptHosts].map(({ key }) => key));
  for (const [domain, line] of lists.assigned) {
    const isVirtual = prefixOf(lists, domain) !== undefined;
    // What is in one of the two lists is reported at its line there.
    if (isVirtual || named.has(domain)) continue;
    yield error(
      assign,
      `${domain} is in neither virtualdomains nor rcpthosts, so its mail is refused; add it to both`,
      line,
    );
  }
}

function* acceptedFindings({ host }: Search, lists: Lists): Generator<Finding> {
  const locals = new Set(lists.locals.map(({ key }) => key));
  const localsAbsent = look(host.layout.control('locals')) === undefined;
  if (localsAbsent) locals.add(lower(host.control.me() ?? ''));
  const files: [string, readonly Entry[]][] = [
    ['rcpthosts', lists.rcptHosts],
    ['morercpthosts', lists.moreRcptHosts],
  ];
  for (const [name, entries] of files) {
    for (const { key, line } of entries) {
      if (key.startsWith('.') || locals.has(key) || prefixOf(lists, key) !== undefined) continue;
      const path = host.layout.control(name);
      if (lists.assigned.has(key)) {
        yield error(
          path,
          `${key} has no line in virtualdomains, so its mail does not reach its accounts; add ${key}:${key} there`,
          line,
        );
      } else {
        yield warning(
          path,
          `${key} is in neither virtualdomains nor locals: its mail is taken and sent on to its MX hosts; is that meant?`,
          line,
        );
      }
    }
  }
}

function* virtualDomainFindings(search: Search, lists: Lists): Generator<Finding> {
  const path = search.host.layout.control('virtualdomains');
  const served = serverOfPrefix(search);
  for (const { key, value: prefix = '', line } of lists.virtualDomains) {
    if (prefix === '') continue;
    const domain = key.slice(key.lastIndexOf('@') + 1);
    if (domain !== '' && !domain.startsWith('.') && !lists.allowed(domain)) {
      yield error(path, `${domain} is not in rcpthosts, so mail from outside is refused with 553; add it there`, line);
    }
    if (!served(prefix)) {
      const text = `nobody serves the prefix ${prefix}: no line in assign, no user, no .qmail-${prefix}-... of alias; its mail bounces`;
      yield error(path, text, line);
    }
  }
}

/** Whether mail under a prefix of virtualdomains reaches anybody: an assignment, a user of the host, or a file of alias. */
function serverOfPrefix({ host }: Search): (prefix: string) => boolean {
  let aliasFiles: Set<string> | undefined;
  const ofAlias = (prefix: string): boolean => {
    aliasFiles ??= new Set(namesIn(host.layout.alias));
    const names = aliasFiles;
    const safe = lower(prefix).replaceAll('.', ':');
    if (dotQmailNames('-', `${prefix}-x`).some(({ suffix }) => names.has(`.qmail${suffix}`))) return true;
    return [...names].some((name) => name.startsWith(`.qmail-${safe}-`));
  };
  const isUser = (prefix: string): boolean =>
    dashedBeginnings(prefix).some((name) => name.length < 32 && (host.accounts.user(name)?.uid ?? 0) !== 0);
  return (prefix) => {
    // Trouble with users/cdb is reported where that file is looked at.
    const assignment = [...guardedAnswer(() => host.users.find(`${prefix}-postmaster`))];
    return assignment.length === 0 || assignment[0] !== undefined || isUser(lower(prefix)) || ofAlias(prefix);
  };
}

function* guardedAnswer<T>(question: () => T): Generator<T> {
  try {
    yield question();
  } catch {
    // No answer.
  }
}

function dashedBeginnings(prefix: string): string[] {
  const parts = prefix.split('-');
  return parts.map((_, index) => parts.slice(0, index + 1).join('-'));
}

function* localFindings({ host }: Search, lists: Lists): Generator<Finding> {
  const path = host.layout.control('locals');
  const virtualLines = new Map(lists.virtualDomains.map(({ key, line }) => [key, line]));
  for (const { key, line } of lists.locals) {
    const virtualLine = virtualLines.get(key);
    if (virtualLine !== undefined) {
      yield error(
        path,
        `${key} is in virtualdomains too (line ${virtualLine}); locals is asked first, so its mail goes to users of this host; remove it here`,
        line,
      );
    } else if (lists.assigned.has(key)) {
      yield error(
        path,
        `${key} is a vpopmail domain (assign, line ${lists.assigned.get(key)}); as a local domain its mail goes to users of this host; remove it here`,
        line,
      );
    }
  }
}

function* moreRcptHostsFindings(search: Search, lists: Lists): Generator<Finding> {
  const { layout } = search.host;
  const [text, cdb] = [layout.control('morercpthosts'), layout.control('morercpthosts.cdb')];
  yield* sharedFileFindings(search, cdb, 'qmail-smtpd answers 421');
  const bytes = readIfPresent(cdb);
  if (bytes === undefined) {
    if (lists.moreRcptHosts.length > 0) {
      yield error(cdb, 'is missing, so mail for the domains in morercpthosts is refused; run qmail-newmrh');
    }
    return;
  }
  const source = bufferSource(bytes);
  verifyCdb(source, cdb);
  for (const { key, line } of lists.moreRcptHosts) {
    if (cdbFind(source, key, cdb) === undefined) {
      yield error(text, `${key} is not in morercpthosts.cdb, so its mail is refused; run qmail-newmrh`, line);
    }
  }
  const named = new Set(lists.moreRcptHosts.map(({ key }) => key));
  for (const { key } of cdbRecords(source, cdb)) {
    const name = key.toString('latin1');
    if (!named.has(name)) yield warning(cdb, `still has ${name}, which is not in morercpthosts; run qmail-newmrh`);
  }
}
