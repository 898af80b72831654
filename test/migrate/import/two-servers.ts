// A host and another server, between which mail is copied.

import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { type CopyCounts, copyAccount } from '../../../migrate/copy/copy.js';
import { openHostAccount } from '../../../migrate/copy/host-account.js';
import { HostSource } from '../../../migrate/copy/host-source.js';
import { HostTarget } from '../../../migrate/copy/host-target.js';
import { Journal } from '../../../migrate/copy/journal.js';
import { ImapSource } from '../../../migrate/imap/imap-source.js';
import { ImapTarget } from '../../../migrate/imap/imap-target.js';
import { parseImapPlace } from '../../../migrate/imap/place.js';
import { ImapSession } from '../../../migrate/imap/session.js';
import { type CalledTool, callTool } from '../../support/call-tool.js';
import { startCourier } from '../../support/courier.js';
import { mailOwner } from '../../support/delivery-host.js';
import { type DovecotAccount, startDovecot } from '../../support/dovecot.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { seenMailboxes } from '../../support/seen-mailboxes.js';
import { VpopmailHost } from '../../support/vpopmail-host.js';

export const day = 1_700_000_000;
export const password = 'secret';

export interface Copied {
  readonly counts: CopyCounts;
  readonly told: readonly string[];
  /** Milliseconds that it would have waited. */
  readonly paused: readonly number[];
}

/** A host with joe@a.jp, whose mailbox is empty, and beside it a Maildir of old@example.jp that Dovecot serves. */
export class TwoServers extends VpopmailHost {
  readonly folder = newRoot('vqmail-import-imap');
  readonly oldMaildir = path.join(this.folder, 'old/Maildir');

  constructor(t: TestContext) {
    super(t);
    t.after(() => removeRoot(this.folder));
    fs.chmodSync(this.folder, 0o755);
    this.domain('a.jp', { accounts: { joe: 0 } });
    this.makeMaildir(this.oldMaildir);
  }

  get maildir(): string {
    return path.join(this.directory('a.jp'), 'joe/Maildir');
  }

  makeMaildir(directory: string): void {
    for (const part of ['cur', 'new', 'tmp']) fs.mkdirSync(path.join(directory, part), { recursive: true });
  }

  /** Both accounts are empty and nothing has been copied. */
  clear(): void {
    for (const maildir of [this.maildir, this.oldMaildir]) {
      fs.rmSync(maildir, { recursive: true });
      this.makeMaildir(maildir);
      this.give(maildir);
    }
    for (const direction of ['import', 'export']) fs.rmSync(path.join(this.folder, direction), { force: true });
  }

  put(maildir: string, name: string, text: string, time = day): void {
    const file = path.join(maildir, name);
    this.makeMaildir(path.join(path.dirname(file), '..'));
    fs.writeFileSync(file, text);
    fs.utimesSync(file, time, time);
  }

  give(directory: string): void {
    fs.chownSync(directory, mailOwner.uid, mailOwner.gid);
    for (const name of fs.readdirSync(directory, { recursive: true, encoding: 'utf8' }))
      fs.chownSync(path.join(directory, name), mailOwner.uid, mailOwner.gid);
  }

  get #old(): DovecotAccount {
    return { user: 'old@example.jp', password, maildir: this.oldMaildir, ...mailOwner };
  }

  /** @param settings further lines of its configuration @returns its port */
  dovecot(t: TestContext, settings = ''): Promise<number> {
    this.give(path.dirname(this.oldMaildir));
    return startDovecot(t, this.#old, 'imap', settings);
  }

  /** @returns its port */
  courier(t: TestContext): Promise<number> {
    this.give(path.dirname(this.oldMaildir));
    return startCourier(t, this.#old, 'imap');
  }

  /** Copies in this process, without waiting. @throws as `copyAccount` */
  async copy(direction: 'import' | 'export', port: number): Promise<Copied> {
    const told: string[] = [];
    const paused: number[] = [];
    const other = session(port, paused);
    const account = openHostAccount(this.layout, 'joe@a.jp');
    const [source, target] =
      direction === 'import'
        ? [new ImapSource(other), new HostTarget(account)]
        : [new HostSource(account), new ImapTarget(other)];
    const journal = Journal.open(path.join(this.folder, direction), source.name, 'there', mailOwner);
    try {
      const counts = await copyAccount(source, target, journal, {
        report: (folder, what, problem) => void told.push(`${folder} ${what}: ${problem}`),
        note: (folder, text) => void told.push(`${folder}, noted: ${text}`),
        progress: () => {},
      });
      return { counts, told: told.map((text) => text.replaceAll(other.name, 'THERE')), paused };
    } finally {
      journal.close();
      await other.close();
    }
  }

  import(port: number, ...options: string[]): Promise<CalledTool> {
    return this.#migrate('import', [`imap://old@example.jp@127.0.0.1:${port}`, 'joe@a.jp', ...options]);
  }

  export(port: number): Promise<CalledTool> {
    return this.#migrate('export', ['joe@a.jp', `imap://old%40example.jp@127.0.0.1:${port}`]);
  }

  #migrate(name: string, args: readonly string[]): Promise<CalledTool> {
    return callTool(this.root, ['migrate', name, ...args], { env: { VQMAIL_IMAP_PASSWORD: password } });
  }

  seen(): ReturnType<typeof seenMailboxes> {
    return seenMailboxes(this.layout, 'joe@a.jp');
  }
}

/** A session that does not wait. */
export function session(port: number, paused: number[] = [], place: Partial<Place> = {}): ImapSession {
  const { host = '127.0.0.1', allowAnyCertificate = false, allowClear = false } = place;
  return new ImapSession(parseImapPlace(`imap://old@example.jp@${host}:${port}`), {
    password,
    allowAnyCertificate,
    allowClear,
    tell: () => {},
    pause: async (ms) => void paused.push(ms),
  });
}

interface Place {
  readonly host: string;
  readonly allowAnyCertificate: boolean;
  readonly allowClear: boolean;
}

export const quiet = { report: () => {}, note: () => {}, progress: () => {} };
