// A host with one domain behind a Postfix that asks it by socketmap and brings its mail by LMTP or SMTP, as an administrator sets them up.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningPostfix, startPostfix } from './postfix.js';
import { SmtpClient } from './smtp-client.js';
import { type StartedServer, startServer, vqmailProgram } from './started-server.js';
import { VpopmailHost } from './vpopmail-host.js';

export interface FrontEnd {
  readonly files: VpopmailHost;
  readonly postfix: RunningPostfix;
  readonly server: StartedServer;
}

/** A host with the domain example.jp behind a Postfix. */
export async function frontEnd(
  t: TestContext,
  settings: readonly string[],
  options: readonly string[] = [],
): Promise<FrontEnd> {
  const files = new VpopmailHost(t);
  files.domain('example.jp', { accounts: { joe: 0, ann: 0, full: 0 } });
  const postfix = await startPostfix(['mydestination =', ...settings], [], { chroot: true });
  t.after(() => postfix.stop());
  const sockets = `${postfix.queueDirectory}/vqmail`;
  // The first of a protocol is the next hop that the map `transport` gives.
  const listen = [
    'lmtp=127.0.0.1:0',
    `lmtp=unix:${sockets}/lmtp,mode=0660,group=postfix`,
    `postmap=unix:${sockets}/postmap,mode=0660,group=postfix`,
    'smtp=127.0.0.1:0',
  ].flatMap((place) => ['--listen', place]);
  const server = await startServer([
    '--root',
    files.root,
    '--workers',
    '1',
    '--drain-seconds',
    '1',
    ...listen,
    ...options,
  ]);
  t.after(() => server.stop('SIGKILL'));
  return { files, postfix, server };
}

export function tool(files: VpopmailHost, ...args: string[]): void {
  const env = { ...process.env, VQMAIL_ROOT: files.root };
  const { status, stdout, stderr } = spawnSync(process.execPath, [vqmailProgram, ...args], { env, encoding: 'latin1' });
  assert.equal(status, 0, `${args.join(' ')}: ${stdout}${stderr}`);
}

export async function send(postfix: RunningPostfix, recipients: readonly string[], body: string): Promise<void> {
  const client = await SmtpClient.connect(postfix.port);
  await client.reply();
  await client.command('EHLO sender.example');
  await client.command('MAIL FROM:<noel@sender.example>');
  for (const to of recipients) assert.match((await client.command(`RCPT TO:<${to}>`)) ?? '', /^250/, postfix.log());
  await client.command('DATA');
  assert.match((await client.command(`${body}.`)) ?? '', /^250/);
  await client.command('QUIT');
}

/** The replies to RCPT of each recipient, in one session. */
export async function replyToRecipients(postfix: RunningPostfix, ...recipients: readonly string[]): Promise<string[]> {
  const client = await SmtpClient.connect(postfix.port);
  await client.reply();
  await client.command('EHLO sender.example');
  await client.command('MAIL FROM:<noel@sender.example>');
  const replies: string[] = [];
  for (const to of recipients) replies.push((await client.command(`RCPT TO:<${to}>`)) ?? 'closed');
  await client.command('QUIT');
  return replies;
}

export function messages(files: VpopmailHost, user: string): string[] {
  const directory = path.join(files.directory('example.jp'), user, 'Maildir/new');
  return fs.readdirSync(directory).map((name) => fs.readFileSync(path.join(directory, name), 'latin1'));
}

export async function until(condition: () => boolean | Promise<boolean>, why: () => string): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (await condition()) return;
    await sleep(20);
  }
  assert.fail(why());
}

/** What Postfix's log says became of a recipient. */
export function fate(postfix: RunningPostfix, recipient: string): string {
  const lines = postfix.log().split('\n');
  return lines.filter((line) => line.includes(`to=<${recipient}>`) && line.includes('status=')).join('\n');
}
