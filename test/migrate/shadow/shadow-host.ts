// A host with the recorded Maildir of one account, joe@a.jp, and our server on it.

import { chownSync, cpSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { type CalledTool, callTool } from '../../support/call-tool.js';
import { mailOwner } from '../../support/delivery-host.js';
import type { DovecotAccount } from '../../support/dovecot.js';
import { buildTree, loadRecording, newRoot, removeRoot } from '../../support/recording.js';
import { type StartedServer, startServer } from '../../support/started-server.js';
import { VpopmailHost } from '../../support/vpopmail-host.js';

export class ShadowHost extends VpopmailHost {
  readonly #t: TestContext;

  /** @param recording of fixtures/recordings/maildir */
  constructor(t: TestContext, recording: string) {
    super(t);
    this.#t = t;
    this.domain('a.jp', {
      accounts: {},
      files: { '.qmail-sales': '/home/vpopmail/domains/a.jp/joe/Maildir/\n' },
      aliases: ['b.jp'],
    });
    this.logins('a.jp', { joe: { password: 'secret' } });
    const { tree = {} } = loadRecording('maildir', recording);
    const folder = newRoot('vqmail-shadow');
    buildTree(tree, folder);
    rmSync(this.maildir, { recursive: true });
    cpSync(path.join(folder, Object.keys(tree)[0] ?? ''), this.maildir, { recursive: true, preserveTimestamps: true });
    removeRoot(folder);
    this.give();
  }

  get maildir(): string {
    return path.join(this.directory('a.jp'), 'joe/Maildir');
  }

  get account(): DovecotAccount {
    return { user: 'joe@a.jp', password: 'secret', maildir: this.maildir, ...mailOwner };
  }

  /** Everything belongs to the owner of mail. */
  give(): void {
    if (process.getuid?.() !== 0) return;
    for (const name of ['', ...readdirSync(this.maildir, { recursive: true, encoding: 'latin1' })])
      chownSync(Buffer.from(path.join(this.maildir, name), 'latin1'), mailOwner.uid, mailOwner.gid);
  }

  rename(from: string, to: string): void {
    renameSync(path.join(this.maildir, from), path.join(this.maildir, to));
  }

  /** The message files of INBOX and all folders. */
  names(): string[] {
    const all = readdirSync(this.maildir, { recursive: true, encoding: 'latin1' });
    return all.filter((name) => /(?:^|\/)(?:cur|new)\/./.test(name)).sort();
  }

  /** Our server. */
  async serve(...options: string[]): Promise<StartedServer> {
    const listen = ['smtp', 'pop3', 'imap', 'submission'].flatMap((protocol) => [
      '--listen',
      `${protocol}=127.0.0.1:0`,
    ]);
    const server = await startServer(['--root', this.root, '--workers', '0', '--queue', 'off', ...listen, ...options]);
    this.#t.after(() => server.stop('SIGKILL'));
    return server;
  }

  /** Compares, with each protocol as `old port, new port`; one such as `pop3,starttls` begins TLS so. */
  shadow(ports: Readonly<Record<string, readonly [number, number]>>, ...options: string[]): Promise<CalledTool> {
    const pairs = Object.entries(ports).flatMap(([name, [old, ours]]) => {
      const [protocol, ...tls] = name.split(',');
      const at = (port: number): string => [`${protocol}=127.0.0.1:${port}`, ...tls].join(',');
      return ['--old', at(old), '--new', at(ours)];
    });
    return callTool(this.root, ['migrate', 'shadow', ...pairs, ...options]);
  }
}
