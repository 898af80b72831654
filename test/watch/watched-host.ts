// A small host for tests of the watcher, changed as the original tools change theirs: another file beside, a rename over the old one, vpasswd before vpasswd.cdb. Events are collected as
// their lines.

import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assignRecords, parseAssign } from '../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { parseVpasswd, vpasswdCdbRecords } from '../../src/formats/vpopmail/vpasswd.js';
import { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { type ChangeEvent, eventText } from '../../src/watch/events.js';
import { type HostWatch, type HostWatchOptions, watchHost } from '../../src/watch/host-watch.js';
import { newRoot, removeRoot } from '../support/recording.js';

export interface TestAccount {
  readonly passwd?: string;
  readonly gid?: number;
  readonly gecos?: string;
  readonly quota?: string;
  readonly clear?: string;
}

interface TestDomain {
  readonly real: string;
  readonly uid: number;
  /** Host path. */
  readonly directory: string;
}

/** How long nothing has to come before everything is taken to have come. */
const stillMs = 300;
const patienceMs = 10_000;

export class WatchedHost {
  readonly root: string = newRoot();
  readonly layout: Layout = new Layout({ root: this.root });
  readonly log: string[] = [];
  readonly events: ChangeEvent[] = [];
  readonly accounts = new Map<string, Map<string, TestAccount>>();
  readonly domains = new Map<string, TestDomain>();
  watch: HostWatch | undefined;

  constructor(t: TestContext) {
    for (const directory of [this.layout.controlDirectory, path.dirname(this.layout.assign), this.layout.etc('')])
      mkdirSync(directory, { recursive: true });
    mkdirSync(this.layout.tcp, { recursive: true });
    mkdirSync(this.layout.domains, { recursive: true });
    t.after(async () => {
      await this.watch?.close();
      removeRoot(this.root);
    });
  }

  /** Disk path of a domain's directory, or of a file in it. */
  place(domain: string, ...names: string[]): string {
    return path.join(this.layout.disk(this.domains.get(domain)?.directory ?? ''), ...names);
  }

  /** Makes a domain with accounts; `directory` (a host path) unless below domains/. */
  addDomain(name: string, users: Iterable<string> = [], options: { directory?: string; uid?: number } = {}): void {
    const directory = options.directory ?? path.join(this.layout.host(this.layout.domains), name);
    this.domains.set(name, { real: name, uid: options.uid ?? 89, directory });
    mkdirSync(this.place(name), { recursive: true });
    this.setAccounts(name, new Map([...users].map((user) => [user, {}])));
  }

  addAlias(name: string, real: string): void {
    const domain = this.domains.get(real);
    if (domain !== undefined) this.domains.set(name, domain);
  }

  removeDomain(name: string): void {
    rmSync(this.place(name), { recursive: true });
    this.domains.delete(name);
    this.accounts.delete(name);
  }

  /** Writes users/assign, then users/cdb, as vadddomain and qmail-newu do. */
  assign(more = ''): void {
    const lines = [...this.domains].map(
      ([name, { real, uid, directory }]) => `+${name}-:${real}:${uid}:${uid}:${directory}:-::\n`,
    );
    const text = Buffer.from(`${lines.join('')}${more}.\n`, 'latin1');
    replace(this.layout.assign, text);
    replace(this.layout.usersCdb, makeCdb(assignRecords(parseAssign(text))));
  }

  /** Writes vpasswd, then vpasswd.cdb. */
  setAccounts(domain: string, accounts: ReadonlyMap<string, TestAccount>): void {
    this.accounts.set(domain, new Map(accounts));
    this.writeText(domain);
    this.writeIndex(domain);
  }

  writeText(domain: string): void {
    replace(this.place(domain, 'vpasswd'), this.vpasswd(domain), `vpasswd.bak.${process.pid}`);
  }

  writeIndex(domain: string): void {
    replace(this.place(domain, 'vpasswd.cdb'), indexOf(this.vpasswd(domain)), 'cdb.tmp');
  }

  /** Changes one account, or removes it. */
  setAccount(domain: string, user: string, account: TestAccount | undefined): void {
    const accounts = new Map(this.accounts.get(domain));
    if (account === undefined) accounts.delete(user);
    else accounts.set(user, { ...accounts.get(user), ...account });
    this.setAccounts(domain, accounts);
  }

  vpasswd(domain: string): Buffer {
    const { directory } = this.domains.get(domain) ?? { directory: '' };
    const lines = [...(this.accounts.get(domain) ?? [])].map(([name, account]) => {
      const {
        passwd = '$1$abcdefgh$ghzAEyFQw8Gil.G/AoF0b/',
        gid = 0,
        gecos = name,
        quota = 'NOQUOTA',
        clear,
      } = account;
      return `${name}:${passwd}:1:${gid}:${gecos}:${directory}/${name}:${quota}${clear === undefined ? '' : `:${clear}`}\n`;
    });
    return Buffer.from(lines.join(''), 'latin1');
  }

  /** Begins to watch; resolves when everything is learned. */
  async start(options: Partial<HostWatchOptions> = {}): Promise<HostWatch> {
    // What was made just now must not seem to have changed since.
    if (options.sinceMs === undefined) await sleep(30);
    const log = lineLog((line) => this.log.push(line.trimEnd()));
    this.watch = watchHost(this.layout, {
      mode: 'auto',
      log,
      tell: (events) => this.events.push(...events),
      ...options,
    });
    await this.watch.complete;
    return this.watch;
  }

  /** Waits until nothing comes any more and gives what came, as lines; it is not given again. */
  async told(atLeast = 1): Promise<string[]> {
    const until = performance.now() + patienceMs;
    while (this.events.length < atLeast && performance.now() < until) await sleep(10);
    for (let count = -1; count !== this.events.length; ) {
      count = this.events.length;
      await sleep(stillMs);
    }
    return this.events.splice(0).map(eventText);
  }

  /** Asserts what came since the last time, in any order. */
  async expect(...lines: string[]): Promise<void> {
    assert.deepEqual((await this.told(lines.length)).sort(), [...lines].sort());
  }
}

/** Replaces a file as the tools do. */
export function replace(file: string, content: string | Buffer, temporaryName = `${path.basename(file)}.tmp`): void {
  const temporary = path.join(path.dirname(file), temporaryName);
  writeFileSync(temporary, content);
  renameSync(temporary, file);
}

export function indexOf(vpasswd: Buffer): Buffer {
  return makeCdb(vpasswdCdbRecords(parseVpasswd(vpasswd)));
}
