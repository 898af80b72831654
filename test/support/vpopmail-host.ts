// A small host with vpopmail domains that a test changes as it runs: every change leaves the files as vadddomain, vaddaliasdomain and vadduser leave them, replaced by rename.

import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { scriptCrypt } from '../../src/auth/crypt-script.js';
import { assignRecords, parseAssign } from '../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { parseVpasswd, vpasswdCdbRecords } from '../../src/formats/vpopmail/vpasswd.js';
import { accountFiles, domainFiles, Layout } from '../../src/layout.js';
import { mailOwner } from './delivery-host.js';
import { newRoot, removeRoot } from './recording.js';

export interface DomainParts {
  /** Names with the gid field (flags) of vpasswd; accounts have a Maildir. */
  readonly accounts?: Readonly<Record<string, number>>;
  /** The argument of vdelivermail in .qmail-default. */
  readonly unknown?: string;
  /** Other files in the domain's directory, such as `.qmail-info`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Whether it stands in rcpthosts; true unless given. */
  readonly rcpthosts?: boolean;
  /** Further names of the domain. */
  readonly aliases?: readonly string[];
}

/** An account that somebody can log in to. */
export interface LoginAccount {
  readonly password: string;
  /** Whether vpasswd has the clear password too; true unless given. */
  readonly isClear?: boolean;
  readonly flags?: number;
  readonly quota?: string;
}

export class VpopmailHost {
  readonly root: string;
  readonly layout: Layout;
  readonly #domains = new Map<string, DomainParts>();

  constructor(t: TestContext) {
    this.root = newRoot('vqmail-host');
    t.after(() => removeRoot(this.root));
    // Whoever looks as another user has to pass.
    fs.chmodSync(this.root, 0o755);
    this.layout = new Layout({ root: this.root });
    const { uid, gid } = mailOwner;
    this.control('me', 'mx.example.jp\n');
    this.control('locals', '');
    this.write(
      this.layout.systemFiles.passwd,
      `vpopmail:x:${uid}:${gid}::/home/vpopmail:\nalias:x:6001:6000::/var/qmail/alias:\n`,
    );
    this.write(this.layout.systemFiles.group, `vchkpw:x:${gid}:\n`);
    fs.mkdirSync(this.layout.alias, { recursive: true });
    this.write(this.layout.etc('vlimits.default'), '');
    this.#writeTables();
  }

  /** Adds a domain or replaces it; `undefined` removes it. */
  domain(name: string, parts: DomainParts | undefined): void {
    const directory = this.directory(name);
    if (parts === undefined) {
      this.#domains.delete(name);
      this.#writeTables();
      fs.rmSync(directory, { recursive: true, force: true });
      return;
    }
    fs.mkdirSync(directory, { recursive: true });
    for (const entry of fs.readdirSync(directory))
      if (entry.startsWith('.qmail-')) fs.rmSync(path.join(directory, entry));
    const unknown = parts.unknown ?? 'bounce-no-mailbox';
    this.write(domainFiles.dotQmail(directory, '-default'), `| /home/vpopmail/bin/vdelivermail '' ${unknown}\n`);
    for (const [file, text] of Object.entries(parts.files ?? {})) this.write(path.join(directory, file), text);
    this.accounts(name, parts.accounts ?? {});
    this.#domains.set(name, parts);
    this.#writeTables();
  }

  /** Replaces the accounts of a domain, vpasswd before its cdb. */
  accounts(domain: string, accounts: Readonly<Record<string, number>>): void {
    const home = `/home/vpopmail/domains/${domain}`;
    this.#accountLines(
      domain,
      Object.entries(accounts).map(([name, flags]) => `${name}:x:1:${flags}:${name}:${home}/${name}:NOQUOTA:x\n`),
    );
  }

  /** The same with passwords, as `$1$` hashes. */
  logins(domain: string, accounts: Readonly<Record<string, LoginAccount>>): void {
    const home = `/home/vpopmail/domains/${domain}`;
    const lines = Object.entries(accounts).map(([name, { password, isClear = true, flags = 0, quota = 'NOQUOTA' }]) => {
      const hash = scriptCrypt(Buffer.from(password, 'latin1'), '$1$saltsalt');
      return `${name}:${hash}:1:${flags}:${name}:${home}/${name}:${quota}:${isClear ? password : ''}\n`;
    });
    this.#accountLines(domain, lines);
  }

  #accountLines(domain: string, lines: readonly string[]): void {
    const directory = this.directory(domain);
    for (const name of lines.map((line) => line.slice(0, line.indexOf(':'))))
      for (const part of ['new', 'cur', 'tmp'])
        fs.mkdirSync(path.join(accountFiles.maildir(path.join(directory, name)), part), {
          recursive: true,
          mode: 0o700,
        });
    const vpasswd = Buffer.from(lines.join(''), 'latin1');
    this.write(domainFiles.vpasswd(directory), vpasswd);
    this.write(domainFiles.vpasswdCdb(directory), makeCdb(vpasswdCdbRecords(parseVpasswd(vpasswd))));
    this.#give(directory);
  }

  /** The directory of a domain (a disk path). */
  directory(domain: string): string {
    return path.join(this.layout.domains, domain);
  }

  control(name: string, text: string | undefined): void {
    if (text === undefined) fs.rmSync(this.layout.control(name), { force: true });
    else this.write(this.layout.control(name), text);
  }

  /** Replaces a file by rename. */
  write(file: string, content: string | Buffer): void {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(`${file}.tmp`, content, typeof content === 'string' ? 'latin1' : undefined);
    fs.renameSync(`${file}.tmp`, file);
  }

  #writeTables(): void {
    const { uid, gid } = mailOwner;
    const names = [...this.#domains].flatMap(([name, parts]) =>
      [name, ...(parts.aliases ?? [])].map((each) => ({ each, name, parts })),
    );
    const lines = names.map(({ each, name }) => `+${each}-:${name}:${uid}:${gid}:/home/vpopmail/domains/${name}:-::\n`);
    const assign = Buffer.from(`${lines.join('')}.\n`, 'latin1');
    this.write(this.layout.assign, assign);
    this.write(this.layout.usersCdb, makeCdb(assignRecords(parseAssign(assign))));
    const taken = names.filter(({ parts }) => parts.rcpthosts !== false);
    this.control('rcpthosts', taken.map(({ each }) => `${each}\n`).join(''));
    this.control('virtualdomains', names.map(({ each }) => `${each}:${each}\n`).join(''));
  }

  #give(directory: string): void {
    if (process.getuid?.() !== 0) return;
    fs.lchownSync(directory, mailOwner.uid, mailOwner.gid);
    for (const entry of fs.readdirSync(directory, { recursive: true }).map(String))
      fs.lchownSync(path.join(directory, entry), mailOwner.uid, mailOwner.gid);
  }
}
