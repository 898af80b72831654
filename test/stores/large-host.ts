// Makes a host tree of any size quickly: 10,000 domains with 100 accounts each in half a minute. Domain directories are spread as vadddomain spreads them;
// accounts are in vpasswd and vpasswd.cdb, but only the first few of each domain have a directory with a Maildir.

import fs from 'node:fs';
import path from 'node:path';
import { assignRecords, parseAssign } from '../../src/formats/controls/users-assign.js';
import { CdbMaker, makeCdb } from '../../src/formats/databases/cdb.js';
import { accountFiles, domainFiles, Layout } from '../../src/layout.js';

export interface LargeHostOptions {
  readonly domains: number;
  readonly accountsPerDomain: number;
  /** How many accounts of each domain have a directory; none unless given. */
  readonly maildirsPerDomain?: number;
}

/** vpopmail's own place for names: the first 50 domains in rcpthosts, the others in morercpthosts. */
const mostRcptHosts = 50;
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

export function domainName(number: number): string {
  return `d${String(number).padStart(5, '0')}.large.example`;
}

export function accountName(number: number): string {
  return `u${String(number).padStart(6, '0')}`;
}

/** The directory of a domain as a host path: 100 in each hash directory (formats/vpopmail.md 1.3). */
export function domainDirectory(number: number): string {
  const hash = Math.floor((number + 1) / 100) - 1;
  const one = digits[hash] ?? `${digits[Math.floor(hash / 62) - 1] ?? 'z'}/${digits[hash % 62]}`;
  return `/home/vpopmail/domains/${hash < 0 ? '' : `${one}/`}${domainName(number)}`;
}

/** Makes the tree below `root`, the domains owned by uid 6020 or this process's user, and gives its layout. */
export function makeLargeHost(root: string, options: LargeHostOptions): Layout {
  const layout = new Layout({ root });
  const numbers = Array.from({ length: options.domains }, (_, number) => number);
  writeLists(layout, numbers);
  for (const number of numbers) writeDomain(layout, number, options);
  return layout;
}

/** Who owns the domains: an ordinary user can only own its own. */
const isRoot = process.getuid?.() === 0;
const uid = isRoot ? 6020 : (process.getuid?.() ?? 0);
const gid = isRoot ? 6020 : (process.getgid?.() ?? 0);

function give(file: string): void {
  if (isRoot) fs.chownSync(file, uid, gid);
}

function writeLists(layout: Layout, numbers: readonly number[]): void {
  const names = numbers.map(domainName);
  const lines = (list: readonly string[]): string => list.map((line) => `${line}\n`).join('');
  const write = (file: string, content: string | Buffer): void => {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  };
  write(layout.control('me'), 'mail.large.example\n');
  write(layout.control('locals'), '');
  write(layout.control('rcpthosts'), lines(names.slice(0, mostRcptHosts)));
  const more = names.slice(mostRcptHosts);
  write(layout.control('morercpthosts'), lines(more));
  write(layout.control('morercpthosts.cdb'), makeCdb(more.map((key) => ({ key, data: '' }))));
  write(layout.control('virtualdomains'), lines(names.map((name) => `${name}:${name}`)));
  const entry = (number: number): string => {
    const name = domainName(number);
    return `+${name}-:${name}:${uid}:${gid}:${domainDirectory(number)}:-::`;
  };
  const assign = Buffer.from(lines([...numbers.map(entry), '.']));
  write(layout.assign, assign);
  write(layout.usersCdb, makeCdb(assignRecords(parseAssign(assign))));
}

function writeDomain(layout: Layout, number: number, options: LargeHostOptions): void {
  const hostDirectory = domainDirectory(number);
  const directory = layout.disk(hostDirectory);
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const maker = new CdbMaker();
  let vpasswd = '';
  for (let account = 0; account < options.accountsPerDomain; account++) {
    const name = accountName(account);
    const fields = `$1$largehst$sfq0h3i64Qs6Z6/dJ97AQ1:1:0:${name}:${hostDirectory}/${name}:NOQUOTA:`;
    vpasswd += `${name}:${fields}\n`;
    maker.add(name, fields);
    if (account < (options.maildirsPerDomain ?? 0)) makeMaildir(path.join(directory, name));
  }
  const files: [string, string | Buffer][] = [
    [domainFiles.vpasswd(directory), vpasswd],
    [domainFiles.vpasswdCdb(directory), maker.finish()],
    [domainFiles.dotQmail(directory, '-default'), "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n"],
  ];
  for (const [file, content] of files) {
    fs.writeFileSync(file, content, { mode: 0o600 });
    give(file);
  }
  give(directory);
}

function makeMaildir(home: string): void {
  const maildir = accountFiles.maildir(home);
  for (const directory of [home, maildir, ...['new', 'cur', 'tmp'].map((part) => path.join(maildir, part))]) {
    fs.mkdirSync(directory, { mode: 0o700 });
    give(directory);
  }
}
