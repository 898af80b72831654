// A host tree for tests of the SMTP server: that of the recorded guide session (domain mailtest.example.jp with test, hanako, taro), and the ways to change it.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Delivery } from '../../src/delivery/accept.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { compileRules } from '../../src/formats/databases/tcprules.js';
import type { SmtpContext } from '../../src/servers/smtp/server.js';
import { applyWrite, buildTree, loadRecording, newRoot, removeRoot } from './recording.js';
import { SmtpClient } from './smtp-client.js';
import { type RunningSmtpServer, runSmtpServer } from './smtp-server.js';

export interface TestHost extends RunningSmtpServer {
  readonly root: string;
  /** A client whose greeting has been read. */
  greeted(from?: string): Promise<SmtpClient>;
  /** Writes a control file, or removes it. */
  control(name: string, text: string | null): void;
  /** Compiles access rules into place. */
  rules(text: string): void;
}

export interface TestHostOptions extends Omit<SmtpContext, 'host' | 'delivery' | 'log'> {
  readonly control?: Readonly<Record<string, string | null>>;
  readonly rules?: string;
  readonly listenOn?: string;
}

/** Starts a server on a fresh tree; both are gone when the test ends. */
export async function testHost(
  t: TestContext,
  delivery: Delivery | ((root: string) => Delivery),
  options: TestHostOptions = {},
): Promise<TestHost> {
  const root = guideTree(t);
  const control = (name: string, text: string | null): void => writeControl(root, name, text);
  const rules = (text: string): void => writeRules(root, text);
  for (const [name, text] of Object.entries(options.control ?? {})) control(name, text);
  if (options.rules !== undefined) rules(options.rules);
  const limits = { drainMs: 300, ...options.limits };
  const running = await runSmtpServer(root, typeof delivery === 'function' ? delivery(root) : delivery, {
    ...options,
    limits,
  });
  t.after(() => running.stop());
  const greeted = async (from?: string): Promise<SmtpClient> => {
    const client = await SmtpClient.connect(running.port, from);
    t.after(() => client.destroy());
    const greeting = await client.reply();
    if (greeting === undefined) throw new Error(`no greeting: ${running.log()}`);
    return client;
  };
  return { ...running, root, greeted, control, rules };
}

/** The users of the recorded host, whom delivery looks up by name. */
export const recordedAccounts = {
  '/etc/passwd': [
    'alias:x:6001:6000::/var/qmail/alias:/usr/sbin/nologin',
    'qmaild:x:6002:6000::/var/qmail:/usr/sbin/nologin',
    'vpopmail:x:6020:6020::/home/vpopmail:/bin/sh',
    'hoster:x:7001:7001::/home/hoster:/bin/sh\n',
  ].join('\n'),
  '/etc/group': 'nofiles:x:6000:\nqmail:x:6010:\nvchkpw:x:6020:\nhoster:x:7001:\n',
};

/** A fresh tree that is gone when the test ends. */
export function guideTree(t: TestContext): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording('smtp', 'guide-session').before, root);
  applyWrite(recordedAccounts, root);
  return root;
}

/** Writes a control file, or removes it. */
export function writeControl(root: string, name: string, text: string | null): void {
  applyWrite({ [`/var/qmail/control/${name}`]: text }, root);
}

/** Compiles access rules into place. */
export function writeRules(root: string, text: string): void {
  mkdirSync(path.join(root, 'etc/tcp'), { recursive: true });
  writeFileSync(path.join(root, 'etc/tcp/smtp.cdb'), makeCdb(compileRules(Buffer.from(text), 'smtp')));
}
