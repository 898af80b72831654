// Every problem of an install that can be seen from its files, for `vqmail check`. Nothing is changed.

import type { Host } from '../host.js';
import { certificateFindings } from './certificate-findings.js';
import { controlDirectoryFindings } from './control-findings.js';
import { domainDirectoryFindings } from './domain-findings.js';
import { domainListFindings } from './domain-list-findings.js';
import { beginSearch, type Finding, guarded } from './finding.js';
import { accessRulesFindings } from './rules-findings.js';
import { unfinishedFindings } from './unfinished-findings.js';
import { readAssignments, usersFindings } from './users-findings.js';

export type { Finding } from './finding.js';

/** The problems of a host, as they are met: control files, certificates, assignments, access rules, unfinished changes, lists of domains, then domain by domain. */
export function* findings(host: Host): Generator<Finding> {
  const search = beginSearch(host);
  const { layout } = host;
  yield* guarded(layout.controlDirectory, () => controlDirectoryFindings(search));
  yield* guarded(layout.certificates, () => certificateFindings(search));
  yield* guarded(layout.assign, () => usersFindings(search));
  yield* guarded(layout.smtpRules, () => accessRulesFindings(search));
  yield* guarded(layout.etc(''), () => unfinishedFindings(search));
  const entries = entriesOrNone(() => readAssignments(search)?.entries);
  yield* guarded(layout.controlDirectory, () => domainListFindings(search, entries));
  yield* guarded(layout.domains, () => domainDirectoryFindings(search, entries));
}

/** The assignments; none when they cannot be read, which has been reported then. */
function entriesOrNone<T>(read: () => ReadonlyMap<number, T> | undefined): ReadonlyMap<number, T> {
  try {
    return read() ?? new Map();
  } catch {
    return new Map();
  }
}
