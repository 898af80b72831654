// The sample host with qmail's queue, users of the system and a domain full of .qmail files; a `vqmail serve` on it, and what one asks of them in tests of the queue.
//
//   hoster          system user, uid 7001, home /home/hoster                   mail of hoster@local.example by qmail-getpw's rules
//   alias           ~alias/.qmail-info and others
//   vpopmail        the domains, uid 6020
//
// Everything below the root is passable for all, since deliveries run with the uids of the host.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { compileRules } from '../../src/formats/databases/tcprules.js';
import { Layout } from '../../src/layout.js';
import { childrenOf, nameOf } from '../support/child-processes.js';
import { makeQueue } from '../support/queue-host.js';
import { countQueue } from '../support/queue-reader.js';
import { buildTree, type Entry, newRoot, put, removeRoot } from '../support/recording.js';
import { SmtpClient } from '../support/smtp-client.js';
import { type StartedServer, startServer, vqmailProgram } from '../support/started-server.js';
import { sampleTree, type Tree, until } from './sample-server.js';

export const hoster = { uid: 7001, gid: 7001 } as const;
export const vpopmail = { uid: 6020, gid: 6020 } as const;
export const alias = { uid: 6001, gid: 6000 } as const;

const users = 'hoster:x:7001:7001::/home/hoster:/bin/true\nqmailp:x:6013:6000::/var/qmail:/bin/false\n';

export interface ServedQueueOptions {
  /** Of `vqmail serve`, beside the root and an SMTP listener. */
  readonly args?: readonly string[];
  /** Changes the sample host before it is made. */
  readonly change?: (tree: Tree) => void;
  /** Where its directory is made. */
  readonly parent?: string;
  /** false: a host that has no queue. */
  readonly hasQueue?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

export interface ToolEnd {
  readonly exit: number | null;
  /** Latin-1. */
  readonly stdout: string;
  readonly stderr: string;
}

export class ServedQueue {
  readonly root: string;
  readonly layout: Layout;
  readonly #options: ServedQueueOptions;
  #server: StartedServer | undefined;

  constructor(t: TestContext, options: ServedQueueOptions = {}) {
    this.root = newRoot('vqmail-served', options.parent);
    this.layout = new Layout({ root: this.root });
    this.#options = options;
    t.after(async () => {
      await this.kill();
      removeRoot(this.root);
    });
    const tree = sampleTree();
    options.change?.(tree);
    buildTree(tree, this.root);
    if (options.hasQueue ?? true) makeQueue(this.root);
    const { passwd } = this.layout.systemFiles;
    writeFileSync(passwd, readFileSync(passwd, 'latin1') + users);
    const home: Entry = { type: 'dir', mode: '0700', ...hoster };
    for (const place of ['', '/Maildir', '/Maildir/new', '/Maildir/cur', '/Maildir/tmp'])
      this.put(`/home/hoster${place}`, home);
    this.control('locals', 'local.example\n');
    this.control('rcpthosts', 'mailtest.example.jp\nshop.example.gr.jp\nlocal.example\n');
    this.control('defaultdelivery', './Maildir/\n');
    writeFileSync(this.layout.smtpRulesCdb, makeCdb(compileRules(Buffer.from('127.:allow,RELAYCLIENT=""\n'), 'smtp')));
  }

  put(hostPath: string, entry: Entry): void {
    put(path.join(this.root, hostPath), entry);
  }

  control(name: string, text: string): void {
    writeFileSync(this.layout.control(name), text);
  }

  /** A .qmail file of the domain mailtest.example.jp, of the system user hoster, or of alias. */
  dotQmail(whose: 'domain' | 'hoster' | 'alias', suffix: string, text: string, mode = '0600'): void {
    const [home, owner] = {
      domain: ['/home/vpopmail/domains/mailtest.example.jp', vpopmail] as const,
      hoster: ['/home/hoster', hoster] as const,
      alias: ['/var/qmail/alias', alias] as const,
    }[whose];
    this.put(`${home}/.qmail${suffix}`, { type: 'file', mode, text, ...owner });
  }

  async start(...args: string[]): Promise<StartedServer> {
    const given = [...(this.#options.args ?? []), ...args];
    const listen = ['--root', this.root, '--listen', 'smtp=127.0.0.1:0', '--watch', 'off'];
    this.#server = await startServer([...listen, ...given], this.#options.env);
    return this.#server;
  }

  get server(): StartedServer {
    if (this.#server === undefined) throw new Error('not started');
    return this.#server;
  }

  async kill(): Promise<void> {
    const child = this.#server?.process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await this.#server?.stop('SIGKILL');
  }

  /** Sends one message by SMTP. @returns the last reply */
  async send(sender: string, recipients: readonly string[], message: string): Promise<string> {
    const client = await SmtpClient.connect(this.server.ports.smtp ?? 0);
    try {
      await client.reply();
      await client.command('HELO client.example');
      await client.command(`MAIL FROM:<${sender}>`);
      for (const recipient of recipients) {
        const reply = await client.command(`RCPT TO:<${recipient}>`);
        if (!reply?.startsWith('250')) return reply ?? 'closed';
      }
      await client.command('DATA');
      const reply = await client.command(`${message.replaceAll('\n', '\r\n')}.`);
      return reply ?? 'closed';
    } finally {
      client.destroy();
    }
  }

  /** The process that works on the queue, as pgrep finds it. */
  queueProcess(): number {
    const [found, ...others] = childrenOf(this.server.process.pid).filter((child) => nameOf(child) === 'qmail-send');
    if (found === undefined) throw new Error('no process is called qmail-send');
    if (others.length > 0) throw new Error(`${others.length + 1} processes are called qmail-send`);
    return found;
  }

  /** Waits until the log has something. */
  async logged(what: string | RegExp): Promise<void> {
    const has = (): boolean =>
      typeof what === 'string' ? this.server.log().includes(what) : what.test(this.server.log());
    await until(has).catch(() => {
      throw new Error(`not in the log: ${what}\n${this.server.log()}`);
    });
  }

  /** Runs a tool of ours on this host. @param as uid and gid */
  async tool(
    argv: readonly string[],
    input = '',
    as?: { readonly uid: number; readonly gid: number },
  ): Promise<ToolEnd> {
    const child = spawn(process.execPath, [vqmailProgram, ...argv], {
      env: { ...process.env, ...this.#options.env, VQMAIL_ROOT: this.root },
      stdio: 'pipe',
      ...as,
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (bytes: Buffer) => {
      stdout += bytes.toString('latin1');
    });
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString('latin1');
    });
    child.stdin.on('error', () => {}).end(input);
    const exit = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { exit, stdout, stderr };
  }

  /** Waits until the queue is empty and nothing runs. */
  async emptied(): Promise<void> {
    try {
      await until(() => countQueue(this.layout.queue).all === 0);
    } catch (error) {
      throw new Error(`the queue is not empty: ${this.server.log()}`, { cause: error });
    }
  }

  /** The messages of a Maildir (host path), Latin-1. */
  mail(maildir: string): string[] {
    const directory = path.join(this.root, maildir, 'new');
    return readdirSync(directory)
      .sort()
      .map((name) => readFileSync(path.join(directory, name), 'latin1'));
  }

  /** The mailbox of an account of mailtest.example.jp. */
  accountMail(account: string): string[] {
    return this.mail(`/home/vpopmail/domains/mailtest.example.jp/${account}/Maildir`);
  }

  exists(hostPath: string): boolean {
    return existsSync(path.join(this.root, hostPath));
  }

  read(hostPath: string): string {
    return readFileSync(path.join(this.root, hostPath), 'latin1');
  }
}
