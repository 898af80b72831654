// users/assign and users/cdb: lines that qmail-newu refuses, a cdb that is missing, broken or says something else, owners that do not exist.
//
// Look-ups go by the cdb alone. A domain that is only in assign does not exist for mail and logins; one that is only in the cdb still does.

import { readIfPresent } from '../../files/read.js';
import {
  type AssignDocument,
  type AssignEntry,
  assignFindings,
  assignRecords,
  parseAssign,
  refusedByNewu,
} from '../../formats/controls/users-assign.js';
import { bufferSource, cdbFind, cdbRecords } from '../../formats/databases/cdb.js';
import { verifyCdb } from '../../formats/databases/cdb-verify.js';
import { directoryFindings, lockFindings, sharedFileFindings } from './control-findings.js';
import { error, type Finding, guarded, inFile, look, type Search, warning } from './finding.js';

/** The assignments of the host with their line numbers; undefined when there is no readable assign. */
export function readAssignments(
  search: Search,
): { document: AssignDocument; entries: Map<number, AssignEntry> } | undefined {
  const bytes = readIfPresent(search.host.layout.assign);
  if (bytes === undefined) return undefined;
  const document = parseAssign(bytes);
  const entries = new Map<number, AssignEntry>();
  for (const [index, line] of document.lines.entries()) if (line.kind === 'assignment') entries.set(index + 1, line);
  return { document, entries };
}

/** Problems of the assignments. */
export function* usersFindings(search: Search): Generator<Finding> {
  const { assign, usersCdb } = search.host.layout;
  yield* guarded(assign, () =>
    sharedFileFindings(search, assign, "vpopmail's tools and vqmail's workers cannot see it"),
  );
  yield* guarded(usersCdb, () => sharedFileFindings(search, usersCdb, 'no domain is found and no mail is taken'));
  yield* guarded(assign, () => lockFindings(search, assign));
  yield* guarded(assign, () => directoryFindings(assign.replace(/\/[^/]*$/, '')));
  yield* guarded(
    assign,
    () => assignmentFindings(search),
    'all mail for the domains in assign is deferred; run qmail-newu',
  );
}

function* assignmentFindings(search: Search): Generator<Finding> {
  const { assign, usersCdb } = search.host.layout;
  const read = readAssignments(search);
  if (read === undefined) {
    if (look(usersCdb) !== undefined) {
      yield warning(usersCdb, 'is in force, but there is no assign to make it from; the next qmail-newu fails');
    }
    return;
  }
  yield* inFile(assign, assignFindings(read.document));
  yield* guarded(assign, () => ownerFindings(search, read.entries));
  const bytes = readIfPresent(usersCdb);
  if (bytes === undefined) {
    const text = 'is missing: all mail for the domains in assign is deferred (qmail bounces it); run qmail-newu';
    yield error(usersCdb, text);
    return;
  }
  verifyCdb(bufferSource(bytes), usersCdb);
  yield* comparedFindings(search, read.document, read.entries, bytes);
}

function* ownerFindings(search: Search, entries: ReadonlyMap<number, AssignEntry>): Generator<Finding> {
  const { assign } = search.host.layout;
  const { accounts } = search.host;
  const seen = new Set<string>();
  for (const [line, { uid, gid }] of entries) {
    const pair = `${uid}:${gid}`;
    if (seen.has(pair) || !search.judgesOwners) continue;
    seen.add(pair);
    if (accounts.userById(Number.parseInt(uid, 10)) === undefined) {
      yield warning(assign, `the host has no user with uid ${uid}; is the number right?`, line);
    }
    if (accounts.groupById(Number.parseInt(gid, 10)) === undefined) {
      yield warning(assign, `the host has no group with gid ${gid}; is the number right?`, line);
    }
  }
}

function* comparedFindings(
  search: Search,
  document: AssignDocument,
  entries: ReadonlyMap<number, AssignEntry>,
  cdb: Buffer,
): Generator<Finding> {
  const { assign, usersCdb } = search.host.layout;
  const source = bufferSource(cdb);
  const records = assignRecords(document);
  const expected = new Map<string, Buffer>();
  const lines = [...entries.keys()];
  let differs = false;
  for (const [index, { key, data }] of records.entries()) {
    const name = key.toString('latin1');
    // Of equal keys the first counts, in the text as in the cdb.
    if (expected.has(name)) continue;
    expected.set(name, data);
    const found = cdbFind(source, key, usersCdb);
    if (found?.equals(data)) continue;
    differs = true;
    const line = lines[index];
    if (line === undefined) continue;
    const problem =
      found === undefined
        ? 'is not in users/cdb, so mail for it is refused'
        : 'is another one in users/cdb, which counts';
    yield error(assign, `this assignment ${problem}; run qmail-newu`, line);
  }
  for (const { key } of cdbRecords(source, usersCdb)) {
    if (expected.has(key.toString('latin1'))) continue;
    differs = true;
    const name = key.toString('latin1').replace(/^!|\0$/g, '');
    yield warning(usersCdb, `still has ${name}, which is not in assign; run qmail-newu`);
  }
  yield* newerFindings(search, document, differs);
}

function* newerFindings(search: Search, document: AssignDocument, differs: boolean): Generator<Finding> {
  const { assign, usersCdb } = search.host.layout;
  const [text, cdb] = [look(assign), look(usersCdb)];
  if (text === undefined || cdb === undefined || text.mtimeNs <= cdb.mtimeNs) return;
  const cannot = refusedByNewu(document) === undefined ? '' : ' once the lines that it refuses are mended';
  if (differs) yield error(assign, `is newer than users/cdb and says something else; run qmail-newu${cannot}`);
  else yield warning(assign, `is newer than users/cdb, which says the same; run qmail-newu${cannot}`);
}
