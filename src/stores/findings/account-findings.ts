// The accounts of one domain: vpasswd against vpasswd.cdb, and each account's directory, Maildir and .qmail.
//
// Look-ups go by the cdb alone, lists of users by the text: an account that is only in one of them is half there. vpasswd is read whole, one domain
// at a time; a big cdb is not.

import { type FileSource, withCdb } from '../../files/cdb/cdb-file.js';
import { readIfPresent } from '../../files/read.js';
import { bufferSource, cdbFind, cdbRecords } from '../../formats/databases/cdb.js';
import { verifyCdb } from '../../formats/databases/cdb-verify.js';
import { parseAccountDotQmail } from '../../formats/dot-qmail/account-dot-qmail.js';
import {
  parseVpasswd,
  type VpasswdDocument,
  type VpasswdRecord,
  vpasswdFindings,
} from '../../formats/vpopmail/vpasswd.js';
import { accountFiles, domainFiles } from '../../layout.js';
import type { Home } from './dot-qmail-findings.js';
import {
  error,
  type Finding,
  guarded,
  inFile,
  look,
  may,
  modeOf,
  placeNamed,
  type Search,
  warning,
} from './finding.js';
import { maildirFindings } from './maildir-findings.js';

/** A cdb up to this size is read into memory for the comparison. */
const wholeBytes = 16 * 1024 * 1024;

/** Problems of a domain's accounts. `name` is the domain's, for advice. */
export function* accountFindings(search: Search, home: Home, name: string): Generator<Finding> {
  const vpasswd = domainFiles.vpasswd(home.directory);
  const cdb = domainFiles.vpasswdCdb(home.directory);
  yield* guarded(vpasswd, function* () {
    const [textStatus, cdbStatus] = [look(vpasswd), look(cdb)];
    if (textStatus === undefined) {
      yield cdbStatus === undefined
        ? error(vpasswd, `neither vpasswd nor vpasswd.cdb is there: all mail for ${name} is deferred; restore it`)
        : error(
            vpasswd,
            'is missing: the next change of an account makes all others disappear; restore it from vpasswd.cdb',
          );
    }
    if (cdbStatus === undefined && textStatus !== undefined) {
      yield warning(cdb, `is missing; it is made at the next look-up, or run vmkpasswd ${name}`);
    }
    yield* readableFindings(search, home, cdb);
    if (textStatus === undefined) return;
    const document = parseVpasswd(readIfPresent(vpasswd) ?? Buffer.alloc(0));
    yield* inFile(vpasswd, vpasswdFindings(document));
    yield* guarded(
      cdb,
      () => comparedFindings(vpasswd, cdb, document, name),
      `all mail for ${name} is deferred; run vmkpasswd ${name}`,
    );
    yield* directoryFindings(search, home, vpasswd, document);
  });
}

function* readableFindings(search: Search, home: Home, file: string): Generator<Finding> {
  const status = look(file);
  if (status === undefined || !search.judgesOwners || may(status, home, 'read')) return;
  const who = search.nameOf(home.uid);
  yield error(file, `mode ${modeOf(status)}: ${who} cannot read it, so all mail is deferred; chown it to ${who}`);
}

function* comparedFindings(
  vpasswd: string,
  cdb: string,
  document: VpasswdDocument,
  domain: string,
): Generator<Finding> {
  const differences = withCdb(cdb, (source) => {
    const whole = source.size <= wholeBytes ? bufferSource(source.read(0, source.size)) : source;
    verifyCdb(whole, cdb);
    return [...differencesOf(vpasswd, cdb, document, whole, domain)];
  });
  if (differences === undefined) return;
  yield* differences.value;
  const [text, index] = [look(vpasswd), look(cdb)];
  if (text === undefined || index === undefined || text.mtimeNs <= index.mtimeNs) return;
  if (differences.value.length > 0) {
    yield error(vpasswd, `is newer than vpasswd.cdb and says something else; run vmkpasswd ${domain}`);
  } else {
    yield warning(vpasswd, `is newer than vpasswd.cdb, which says the same; run vmkpasswd ${domain}`);
  }
}

function* differencesOf(
  vpasswd: string,
  cdb: string,
  document: VpasswdDocument,
  source: FileSource,
  domain: string,
): Generator<Finding> {
  const named = new Set<string>();
  for (const [index, { text }] of document.lines.entries()) {
    const colon = text.indexOf(':');
    const name = text.slice(0, Math.max(0, colon));
    if (colon < 0 || named.has(name)) continue;
    named.add(name);
    const data = cdbFind(source, name, cdb);
    if (data?.toString('latin1') === text.slice(colon + 1)) continue;
    const problem =
      data === undefined
        ? `${name} is not in vpasswd.cdb, so its mail and logins are refused`
        : `${name} is another one in vpasswd.cdb, which counts`;
    yield error(vpasswd, `${problem}; run vmkpasswd ${domain}`, index + 1);
  }
  for (const { key } of cdbRecords(source, cdb)) {
    const name = key.toString('latin1');
    if (named.has(name)) continue;
    yield error(cdb, `still has ${name}, which is not in vpasswd and goes on getting mail; run vmkpasswd ${domain}`);
  }
}

function* directoryFindings(
  search: Search,
  home: Home,
  vpasswd: string,
  document: VpasswdDocument,
): Generator<Finding> {
  const seen = new Set<string>();
  for (const [index, line] of document.lines.entries()) {
    if (line.kind !== 'record' || seen.has(line.record.name)) continue;
    seen.add(line.record.name);
    const { record } = line;
    yield* guarded(vpasswd, () => oneAccountFindings(search, home, vpasswd, index + 1, record));
  }
}

function* oneAccountFindings(
  search: Search,
  home: Home,
  vpasswd: string,
  line: number,
  { name, dir }: VpasswdRecord,
): Generator<Finding> {
  if (dir === '') {
    yield warning(vpasswd, `${name} has no directory; vpopmail makes one at the next mail or login`, line);
    return;
  }
  const directory = search.host.layout.disk(dir);
  if (look(directory) === undefined) {
    const text = `the directory of ${name}, ${dir}, is missing; it is made anew at the next mail: is the old one lost or not mounted?`;
    yield warning(vpasswd, text, line);
    return;
  }
  yield* maildirFindings(search, accountFiles.maildir(directory), home, vpasswd, line);
  const dotQmail = accountFiles.dotQmail(directory, '');
  yield* guarded(dotQmail, () => accountDotQmailFindings(search, home, directory, dotQmail));
}

/** An account's own .qmail, as vdelivermail reads it. */
function* accountDotQmailFindings(search: Search, home: Home, directory: string, file: string): Generator<Finding> {
  const status = look(file);
  if (status === undefined) return;
  if (!status.isFile() || (search.judgesOwners && !may(status, home, 'read'))) {
    yield warning(file, 'cannot be read by vdelivermail and is passed over: mail goes to the Maildir');
    return;
  }
  for (const line of parseAccountDotQmail(readIfPresent(file) ?? Buffer.alloc(0))) {
    if (line.text.endsWith('\r'))
      yield error(file, 'has a DOS line end, and the CR counts; write the line with LF alone', line.number);
    else if (line.kind === 'mbox')
      yield error(
        file,
        'vdelivermail cannot deliver to an mbox and defers the mail for ever; end the line in a slash, without blanks behind it, for a Maildir',
        line.number,
      );
    else if (line.kind === 'forward' && line.address.trim() === '')
      yield error(file, 'a blank line is taken for an empty address; remove it', line.number);
    else if (line.kind === 'maildir')
      yield* maildirFindings(search, placeNamed(search, directory, line.path), home, file, line.number);
  }
}
