// IMAP servers are killed with SIGKILL at random moments while sessions append, copy, move, mark and expunge. Then another server tells of everything that was acknowledged, under the same UIDs
// and UIDVALIDITY; no UID stands for another message than before; mod-sequences have not fallen, and a client that comes back with QRESYNC learns of every change. What was left of locks and
// temporary files makes no trouble, and Dovecot sees the same in the end.

import assert from 'node:assert/strict';
import { existsSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { dovecotAnswers } from '../support/dovecot-imap.js';
import { responsesOf } from '../support/imap-answers.js';
import { ImapLoad, loadFolders } from '../support/imap-load.js';
import { fetchAll } from '../support/imap-load-messages.js';
import { needs } from '../support/needs.js';
import { buildTree, newRoot, removeRoot } from '../support/recording.js';
import { type StartedServer, startServer } from '../support/started-server.js';
import { soundUidList } from '../support/uid-lists.js';
import { sampleTree } from './sample-server.js';

const lanes = 3;
const kills = Number(process.env.VQMAIL_KILLS ?? 24);
const sessions = 3;
const account = { user: 'test@mailtest.example.jp', password: 'password' };
const home = 'home/vpopmail/domains/mailtest.example.jp/test/Maildir';

function serve(root: string): Promise<StartedServer> {
  return startServer(['--root', root, '--workers', '0', '--watch', 'off', '--listen', 'imap=127.0.0.1:0']);
}

function portOf({ ports }: StartedServer): number {
  return ports.imap ?? 0;
}

/** Lets sessions work on a server and kills it a random while after the first acknowledgement. */
async function killUnderLoad(server: StartedServer, load: ImapLoad, name: string): Promise<void> {
  let isTold = false;
  const told = (): boolean => {
    if (!isTold) setTimeout(() => server.process.kill('SIGKILL'), Math.random() * 400);
    isTold = true;
    return true;
  };
  await Promise.all(
    Array.from({ length: sessions }, (_, session) => load.work(portOf(server), `${name}s${session}`, told)),
  );
  assert.equal(await server.stop('SIGKILL'), 'SIGKILL', server.log());
  assert.doesNotMatch(server.log(), /failed|defect|at .*\(/);
}

/** A lock that a dead process has left is not removed before it is two seconds old, and one that names nobody not before ten. @returns whether there was one */
function ageLocks(maildir: string): number {
  const locks = loadFolders
    .map((folder) => path.join(maildir, folder === 'INBOX' ? '' : `.${folder}`, 'dovecot-uidlist.lock'))
    .filter((lock) => existsSync(lock));
  for (const lock of locks) utimesSync(lock, Date.now() / 1000 - 11, Date.now() / 1000 - 11);
  return locks.length;
}

/** The lists on disk: no name stands in them twice either. */
function checkLists(maildir: string): void {
  for (const folder of loadFolders) {
    const { records, headerNextUid } = soundUidList(maildir, folder);
    assert.equal(new Set(records.map(({ base }) => base)).size, records.length, folder);
    assert.ok(headerNextUid >= 1);
  }
}

async function lane(t: TestContext, number: number, next: () => boolean, tally: Tally): Promise<void> {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(sampleTree(), root);
  const maildir = path.join(root, home);
  const load = new ImapLoad(account);
  const running = new Set<StartedServer>();
  t.after(() => Promise.all([...running].map((server) => server.stop('SIGKILL'))));
  const start = async (): Promise<StartedServer> => {
    const server = await serve(root);
    running.add(server);
    return server;
  };
  let server = await start();
  await load.begin(portOf(server));
  for (let round = 0; next(); round++) {
    // The next one is there already, as another worker would be.
    const successor = await start();
    await killUnderLoad(server, load, `l${number}r${round}`);
    running.delete(server);
    // In one of them the time is waited for.
    if (number > 0) tally.locks += ageLocks(maildir);
    await load.check(portOf(successor)).catch((error: Error) => {
      throw new Error(`${error.message}\n${successor.log()}`, { cause: error });
    });
    checkLists(maildir);
    server = successor;
  }
  assert.equal(load.passedOver, 0);
  tally.acknowledged += load.acknowledged;
  await server.stop();
  running.delete(server);
  await t.test(`lane ${number}: Dovecot sees the same`, async (inner) => {
    if (needs(inner, 'doveadm')) load.mustBe(await toldByDovecot(maildir));
  });
}

/** What Dovecot's answers to `FETCH` are, folder by folder. */
async function toldByDovecot(maildir: string): Promise<Map<string, string[]>> {
  const { uid, gid } = statSync(maildir);
  const isRoot = process.getuid?.() === 0;
  const owner = isRoot ? { uid, gid } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const told = new Map<string, string[]>();
  for (const folder of loadFolders) {
    const commands = [`s SELECT ${folder}`, `f ${fetchAll}`];
    told.set(folder, responsesOf(await dovecotAnswers(maildir, owner, commands)));
  }
  return told;
}

interface Tally {
  acknowledged: number;
  locks: number;
}

test(`killed ${kills} times`, async (t) => {
  let left = kills;
  const tally = { acknowledged: 0, locks: 0 };
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(t, number, () => left-- > 0, tally)));
  t.diagnostic(`${tally.acknowledged} commands acknowledged, ${tally.locks} locks left behind`);
  assert.ok(tally.acknowledged > kills, `${tally.acknowledged} commands were acknowledged`);
});
