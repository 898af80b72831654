// What must be true of the files of a host when nobody is writing: every one is whole, the derived ones are those of their sources, no lock is held, nothing is left beside
// them; and in which places a domain is.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { tryLock } from '../../src/files/locks/lock.js';
import { moreRcptHostsKeys } from '../../src/formats/controls/rcpthosts.js';
import { assignRecords, parseAssign } from '../../src/formats/controls/users-assign.js';
import { bufferSource, cdbFind, makeCdb } from '../../src/formats/databases/cdb.js';
import { verifyCdb } from '../../src/formats/databases/cdb-verify.js';
import {
  parseVpasswd,
  type VpasswdRecord,
  vpasswdCdbRecords,
  vpasswdRecords,
} from '../../src/formats/vpopmail/vpasswd.js';
import { domainFiles, Layout } from '../../src/layout.js';

/** The domain directories of a host, by users/assign: domain -> disk path. Alias domains have that of the real one. */
export function domainsOf(root: string): Map<string, string> {
  const layout = new Layout({ root });
  const lines = linesOf(layout.assign).flatMap((line) => /^\+(.+)-:.*:\d+:\d+:(.*):-::$/.exec(line) ?? []);
  const found = new Map<string, string>();
  for (let at = 0; at + 2 < lines.length; at += 3) found.set(lines[at + 1] ?? '', layout.disk(lines[at + 2] ?? ''));
  return found;
}

/** The lines of a file, which must end in one; none when it is absent. */
export function linesOf(file: string): string[] {
  if (!fs.existsSync(file)) return [];
  const text = fs.readFileSync(file, 'latin1');
  assert.ok(text === '' || text.endsWith('\n'), `${file} does not end with its last line`);
  return text.split('\n').slice(0, -1);
}

/** The accounts of a domain; vpasswd must be whole and sorted without a name twice, and vpasswd.cdb made of it. */
export function checkAccounts(directory: string): Map<string, VpasswdRecord> {
  const [text, cdb] = [domainFiles.vpasswd, domainFiles.vpasswdCdb].map((file) => fs.readFileSync(file(directory)));
  assert.ok(text !== undefined && cdb !== undefined);
  const document = parseVpasswd(text);
  const broken = document.lines.filter((line) => line.kind === 'broken' || line.end !== '\n');
  assert.deepEqual(broken, [], directory);
  const records = vpasswdRecords(document);
  const names = records.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)].sort(), `${directory}: names in their order, each once`);
  assert.ok(cdb.equals(makeCdb(vpasswdCdbRecords(document))), `${directory}: vpasswd.cdb is not that of vpasswd`);
  return new Map(records.map((record) => [record.name, record]));
}

/** Every file that tools replace is whole at this moment, whoever was killed: text ends with a line, a cdb is valid. */
export function checkWhole(root: string): void {
  const layout = new Layout({ root });
  const texts = ['rcpthosts', 'morercpthosts', 'virtualdomains', 'locals'].map((name) => layout.control(name));
  const cdbs = [layout.usersCdb, layout.control('morercpthosts.cdb'), layout.smtpRulesCdb];
  for (const directory of new Set(domainsOf(root).values())) {
    texts.push(domainFiles.vpasswd(directory), domainFiles.limits(directory));
    cdbs.push(domainFiles.vpasswdCdb(directory));
  }
  const assign = linesOf(layout.assign);
  if (fs.existsSync(layout.assign)) assert.equal(assign.at(-1), '.', 'users/assign ends with its dot');
  for (const file of [...texts, layout.etc('open-smtp')]) linesOf(file);
  for (const file of cdbs) if (fs.existsSync(file)) verifyCdb(bufferSource(fs.readFileSync(file)), file);
}

/** Nobody holds any lock. */
export function checkLocksFree(root: string): void {
  const layout = new Layout({ root });
  const control = ['rcpthosts', 'morercpthosts', 'virtualdomains', 'locals'].map((name) => layout.control(name));
  const files = [layout.assign, ...control, layout.etc('open-smtp')].map((file) => layout.lockOf(file));
  for (const directory of domainsOf(root).values()) files.push(domainFiles.vpasswdLock(directory));
  for (const file of files) {
    if (!fs.existsSync(file)) continue;
    const lock = tryLock(file, { kind: 'fcntl' });
    assert.ok(lock, `${file} is held`);
    lock.release();
  }
}

/** What is made of other files is what they say: users/cdb, morercpthosts.cdb, and every domain's vpasswd.cdb. */
export function checkDerived(root: string): void {
  const layout = new Layout({ root });
  const usersCdb = makeCdb(assignRecords(parseAssign(fs.readFileSync(layout.assign))));
  assert.ok(fs.readFileSync(layout.usersCdb).equals(usersCdb), 'users/cdb is not that of users/assign');
  const more = layout.control('morercpthosts');
  const moreCdb = layout.control('morercpthosts.cdb');
  if (fs.existsSync(more) && fs.readFileSync(more).length > 0) {
    const made = makeCdb(moreRcptHostsKeys(fs.readFileSync(more)).map((key) => ({ key, data: '' })));
    assert.ok(fs.readFileSync(moreCdb).equals(made), 'morercpthosts.cdb is not that of morercpthosts');
  } else assert.equal(fs.existsSync(moreCdb), false, 'morercpthosts.cdb without morercpthosts');
  for (const directory of domainsOf(root).values()) checkAccounts(directory);
}

/** The names of files that a writer leaves only when it is killed. */
export function temporaryFiles(root: string): string[] {
  const layout = new Layout({ root });
  const directories = [layout.controlDirectory, path.dirname(layout.assign), layout.etc(''), layout.tcp];
  const isTemporary = /\.tmp(\.|$)|\.bak(\.|$)|\.\d+(\.[0-9a-f]+)?$/;
  return [...directories, ...domainsOf(root).values()].flatMap((directory) =>
    fs
      .readdirSync(directory)
      .filter((name) => isTemporary.test(name))
      .map((name) => path.join(directory, name)),
  );
}

/** Where a domain is: the names of the places. A whole real domain is in all of `wholeDomain`, an alias domain in all of `wholeAlias`, one that is gone in none. */
export function placesOf(root: string, domain: string): string[] {
  const layout = new Layout({ root });
  const directory = domainsOf(root).get(domain);
  const isIn = (file: string, line: string): boolean => linesOf(file).includes(line);
  const hasKey = (file: string, key: string): boolean =>
    fs.existsSync(file) && cdbFind(bufferSource(fs.readFileSync(file)), key, file) !== undefined;
  const isReal = isIn(layout.assign, `+${domain}-:${domain}:6020:6020:${layout.host(directory ?? '')}:-::`);
  const own = isReal ? directory : undefined;
  const found: Record<string, boolean> = {
    assign: directory !== undefined,
    'users/cdb': hasKey(layout.usersCdb, `!${domain}-`),
    rcpthosts:
      isIn(layout.control('rcpthosts'), domain) ||
      (isIn(layout.control('morercpthosts'), domain) && hasKey(layout.control('morercpthosts.cdb'), domain)),
    virtualdomains: isIn(layout.control('virtualdomains'), `${domain}:${domain}`),
    directory: fs.existsSync(own ?? path.join(layout.domains, domain)),
    '.qmail-default': own !== undefined && fs.existsSync(domainFiles.dotQmail(own, '-default')),
    postmaster: own !== undefined && fs.existsSync(domainFiles.vpasswdCdb(own)) && checkAccounts(own).has('postmaster'),
  };
  return Object.keys(found).filter((place) => found[place]);
}

export const wholeAlias: readonly string[] = ['assign', 'users/cdb', 'rcpthosts', 'virtualdomains'];
export const wholeDomain: readonly string[] = [...wholeAlias, 'directory', '.qmail-default', 'postmaster'];
