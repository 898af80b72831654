// A qmail + vpopmail host tree below a folder, as vadddomain and vadduser leave it: domains d0.bench.example to dN, each with accounts u0 to uM.

import fs from 'node:fs';
import path from 'node:path';
import { moreRcptHostsKeys } from '../../../src/formats/controls/rcpthosts.js';
import { assignRecords, parseAssign } from '../../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../../src/formats/databases/cdb.js';
import { parseVpasswd, vpasswdCdbRecords } from '../../../src/formats/vpopmail/vpasswd.js';
import { accountFiles, domainFiles, Layout } from '../../../src/layout.js';
import { makeMaildir } from './maildirs.js';
import { giveToMailOwner, mailOwner, type Workplace } from './workplace.js';

export interface HostTreeOptions {
  readonly domains: number;
  readonly accountsPerDomain: number;
  /** The crypt(3) hash of an account. */
  passwd(account: number): string;
}

/** `$1$` and `$6$` hashes of `password`. */
export const passwordHashes = {
  $1$: '$1$benchmrk$sfq0h3i64Qs6Z6/dJ97AQ1',
  $6$: '$6$benchmrk$A2SzcJtky4mwn5FDEY6QKVZV.2fJTAmui0sQSJL5xprXSKbrl40N/JdUR8edQhcSGCxR1p7hVKKRzaJfrAeoE/',
} as const;

/** What vadddomain puts into rcpthosts before it goes on in morercpthosts. */
const mostRcptHosts = 50;

export function domainName(number: number): string {
  return `d${number}.bench.example`;
}

/** Makes the tree and gives its layout. */
export function makeHostTree(workplace: Workplace, root: string, options: HostTreeOptions): Layout {
  const layout = new Layout({ root });
  const names = Array.from({ length: options.domains }, (_, number) => domainName(number));
  writeSystemFiles(workplace, layout);
  writeControlFiles(workplace, layout, names);
  for (const directory of [layout.vpopmail, layout.domains, layout.etc('')]) {
    fs.mkdirSync(directory, { recursive: true });
    giveToMailOwner(directory);
  }
  for (const name of names) writeDomain(layout, name, options);
  return layout;
}

/** The Maildir of an account (a disk path). */
export function maildirOf(layout: Layout, domain: number, account: number): string {
  return accountFiles.maildir(path.join(layout.domains, domainName(domain), `u${account}`));
}

function writeSystemFiles(workplace: Workplace, layout: Layout): void {
  const { uid, gid } = mailOwner;
  workplace.write(
    layout.systemFiles.passwd,
    `root:x:0:0::/root:/bin/sh\nvpopmail:x:${uid}:${gid}::/home/vpopmail:/bin/false\n`,
  );
  workplace.write(layout.systemFiles.group, `root:x:0:\nvchkpw:x:${gid}:\n`);
}

function writeControlFiles(workplace: Workplace, layout: Layout, names: readonly string[]): void {
  const lines = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('');
  workplace.write(layout.control('me'), 'mx.bench.example\n');
  workplace.write(layout.control('locals'), '');
  workplace.write(layout.control('rcpthosts'), lines(names.slice(0, mostRcptHosts)));
  if (names.length > mostRcptHosts) {
    const more = Buffer.from(lines(names.slice(mostRcptHosts)), 'latin1');
    workplace.write(layout.control('morercpthosts'), more);
    workplace.write(
      layout.control('morercpthosts.cdb'),
      makeCdb(moreRcptHostsKeys(more).map((key) => ({ key, data: '' }))),
    );
  }
  workplace.write(layout.control('virtualdomains'), lines(names.map((name) => `${name}:${name}`)));
  const { uid, gid } = mailOwner;
  const assignments = names.map((name) => `+${name}-:${name}:${uid}:${gid}:/home/vpopmail/domains/${name}:-::`);
  const assign = Buffer.from(lines([...assignments, '.']), 'latin1');
  workplace.write(layout.assign, assign);
  workplace.write(layout.usersCdb, makeCdb(assignRecords(parseAssign(assign))));
  fs.mkdirSync(layout.alias, { recursive: true });
  fs.mkdirSync(layout.tcp, { recursive: true });
}

function writeDomain(layout: Layout, name: string, { accountsPerDomain, passwd }: HostTreeOptions): void {
  const directory = path.join(layout.domains, name);
  fs.mkdirSync(directory, { mode: 0o700 });
  giveToMailOwner(directory);
  const accounts = Array.from({ length: accountsPerDomain }, (_, number) => `u${number}`);
  const vpasswd = accounts.map((account, number) => {
    const home = `/home/vpopmail/domains/${name}/${account}`;
    return `${account}:${passwd(number)}:1:0:${account}:${home}:NOQUOTA\n`;
  });
  const bytes = Buffer.from(vpasswd.toSorted().join(''), 'latin1');
  const files: [string, string | Buffer][] = [
    [domainFiles.dotQmail(directory, '-default'), "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n"],
    [domainFiles.vpasswdLock(directory), ''],
    [domainFiles.vpasswd(directory), bytes],
    [domainFiles.vpasswdCdb(directory), makeCdb(vpasswdCdbRecords(parseVpasswd(bytes)))],
  ];
  for (const [file, content] of files) {
    fs.writeFileSync(file, content, { mode: 0o600 });
    giveToMailOwner(file);
  }
  for (const account of accounts) makeMaildir(accountFiles.maildir(path.join(directory, account)));
}
