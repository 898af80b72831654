// A client that keeps a Maildir of its own in step with a mailbox: what changes on either side between two runs is there on both afterwards, and a further run changes nothing.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { run } from '../../support/program.js';
import { home, mailbox, message, mustSucceed, subjectsOf } from './client-mailbox.js';

export interface SyncingClient {
  /** @param places the server's port, a folder for the client's files, and the one for its Maildirs */
  configuration(places: { readonly port: number; readonly folder: string; readonly near: string }): string;
  /** @param rc the file with its configuration */
  command(rc: string): readonly string[];
}

export async function syncBothWays(t: TestContext, { configuration, command }: SyncingClient): Promise<void> {
  const host = await mailbox(t);
  host.makeFolder('Work');
  const folder = home(t);
  const near = path.join(folder, 'mail');
  mkdirSync(near);
  const rc = path.join(folder, 'rc');
  writeFileSync(rc, configuration({ port: host.port, folder, near }));
  const sync = async (): Promise<void> => {
    mustSucceed(await run([...command(rc)], '', { HOME: folder }), host);
  };
  const nearNames = (): string[] =>
    ['new', 'cur'].flatMap((part) =>
      readdirSync(path.join(near, 'INBOX', part)).map((name) => path.join(near, 'INBOX', part, name)),
    );
  await sync();
  assert.deepEqual(subjectsOf(nearNames()), ['one', 'three', 'two']);
  // Far: one goes, one comes. Near: one is read, one is written.
  unlinkSync(path.join(host.maildir(), host.names().find((name) => name.includes('1772323200.')) ?? ''));
  host.put('new/1772323300.x.h', message('four'));
  const two = nearNames().find((name) => readFileSync(name, 'latin1').includes('Subject: two')) ?? '';
  renameSync(two, path.join(near, 'INBOX/cur', `${path.basename(two).split(':')[0]}:2,FS`));
  writeFileSync(path.join(near, 'INBOX/new', '1772323400.near.h'), message('five'));
  await sync();
  assert.deepEqual(subjectsOf(nearNames()), ['five', 'four', 'three', 'two']);
  const far = host.names().map((name) => path.join(host.maildir(), name));
  assert.deepEqual(subjectsOf(far), ['five', 'four', 'three', 'two']);
  assert.ok(far.some((name) => name.endsWith(':2,FS') && readFileSync(name, 'latin1').includes('Subject: two')));
  const before = nearNames().sort();
  await sync();
  assert.deepEqual(nearNames().sort(), before, 'a third time changes nothing');
  assert.deepEqual(host.log, []);
}
