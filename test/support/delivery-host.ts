// A small vpopmail host for tests and benchmarks of delivery: the domain example.jp with accounts u0 to uN, written by our own format modules.

import fs from 'node:fs';
import path from 'node:path';
import { assignRecords, parseAssign } from '../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { parseVpasswd, vpasswdCdbRecords } from '../../src/formats/vpopmail/vpasswd.js';
import { accountFiles, domainFiles, Layout } from '../../src/layout.js';

/** Who owns the mail: vpopmail's recorded numbers where we may give files away, else who we are. */
export const mailOwner: { readonly uid: number; readonly gid: number } =
  process.getuid?.() === 0 ? { uid: 6020, gid: 6020 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

const hostDirectory = '/home/vpopmail/domains/example.jp';

export interface DeliveryHostOptions {
  readonly accounts: number;
  /** The quota field of every account. */
  readonly quota?: string;
  /** The gid field (flags) of every account. */
  readonly flags?: string;
}

/** Builds the host below `root`. */
export function makeDeliveryHost(root: string, options: DeliveryHostOptions): Layout {
  const layout = new Layout({ root });
  const { uid, gid } = mailOwner;
  const write = (file: string, content: string | Buffer): void => {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  };
  write(layout.control('me'), 'mx.example.jp\n');
  write(layout.control('locals'), '');
  write(layout.control('rcpthosts'), 'example.jp\n');
  write(layout.control('virtualdomains'), 'example.jp:example.jp\n');
  write(layout.systemFiles.passwd, `vpopmail:x:${uid}:${gid}::/home/vpopmail:\nalias:x:6001:6000::/var/qmail/alias:\n`);
  fs.mkdirSync(layout.alias, { recursive: true });
  const assign = Buffer.from(`+example.jp-:example.jp:${uid}:${gid}:${hostDirectory}:-::\n.\n`, 'latin1');
  write(layout.assign, assign);
  write(layout.usersCdb, makeCdb(assignRecords(parseAssign(assign))));
  const domain = layout.disk(hostDirectory);
  write(domainFiles.dotQmail(domain, '-default'), "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n");
  const names = Array.from({ length: options.accounts }, (_, number) => `u${number}`);
  const line = (name: string): string =>
    `${name}:x:1:${options.flags ?? 0}:${name}:${hostDirectory}/${name}:${options.quota ?? 'NOQUOTA'}:x\n`;
  const vpasswd = Buffer.from(names.map(line).join(''), 'latin1');
  write(domainFiles.vpasswd(domain), vpasswd);
  write(domainFiles.vpasswdCdb(domain), makeCdb(vpasswdCdbRecords(parseVpasswd(vpasswd))));
  for (const name of names) {
    for (const part of ['new', 'cur', 'tmp']) {
      fs.mkdirSync(path.join(accountFiles.maildir(path.join(domain, name)), part), { recursive: true, mode: 0o700 });
    }
  }
  giveTree(domain);
  return layout;
}

/** The Maildir of an account (a disk path). */
export function maildirOf(layout: Layout, account: number | string): string {
  const name = typeof account === 'number' ? `u${account}` : account;
  return accountFiles.maildir(path.join(layout.disk(hostDirectory), name));
}

/** The domain's directory (a disk path). */
export function domainDirectory(layout: Layout): string {
  return layout.disk(hostDirectory);
}

/** The messages in new/ of a Maildir as text, by name. */
export function newMessages(maildir: string): Map<string, string> {
  const names = fs.readdirSync(path.join(maildir, 'new')).sort();
  return new Map(names.map((name) => [name, fs.readFileSync(path.join(maildir, 'new', name), 'latin1')]));
}

/** The names in tmp/ of a Maildir. */
export function temporaryFiles(maildir: string): string[] {
  return fs.readdirSync(path.join(maildir, 'tmp'));
}

function giveTree(directory: string): void {
  if (process.getuid?.() !== 0) return;
  for (const entry of fs.readdirSync(directory, { recursive: true }).map(String))
    fs.lchownSync(path.join(directory, entry), mailOwner.uid, mailOwner.gid);
  fs.lchownSync(directory, mailOwner.uid, mailOwner.gid);
}
