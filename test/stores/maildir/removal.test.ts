import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { test } from 'node:test';
import { listMessages, type MessageFile } from '../../../src/stores/maildir/message-list.js';
import { changeMailbox } from '../../../src/stores/maildir/removal.js';
import { filesOf, newMaildir, owner } from '../../support/maildir.js';

/** Lists the Maildir and sorts its messages into those to delete, by base, and the others. */
async function deleting(maildir: string, ...bases: string[]): Promise<{ deleted: MessageFile[]; kept: MessageFile[] }> {
  const files = await listMessages(maildir, Date.now());
  const isDeleted = ({ base }: MessageFile): boolean => bases.includes(base);
  return { deleted: files.filter(isDeleted), kept: files.filter((file) => !isDeleted(file)) };
}

const done = { notRemoved: 0, troubles: [] };

test('deleted messages go away, the others leave new/', async (t) => {
  const maildir = newMaildir(t, {
    'new/1.a': 'x',
    'cur/2.b:2,RS': 'x',
    'new/3.c': 'x',
    'cur/4.d:2,F': 'x',
    'new/5.e:2,S': 'x',
  });
  assert.deepEqual(await changeMailbox(maildir, await deleting(maildir, '1.a', '2.b'), owner), done);
  assert.deepEqual(filesOf(maildir), ['cur/3.c:2,', 'cur/4.d:2,F', 'cur/5.e:2,S']);
});

test('beside another reader: moved, given other flags, removed, all found by the base', async (t) => {
  const maildir = newMaildir(t, { 'new/1.a': 'x', 'cur/2.b:2,': 'x', 'new/3.c': 'x', 'new/4.d': 'x', 'new/5.e': 'x' });
  const change = await deleting(maildir, '1.a', '2.b', '3.c');
  renameSync(`${maildir}/new/1.a`, `${maildir}/cur/1.a:2,S`);
  renameSync(`${maildir}/cur/2.b:2,`, `${maildir}/cur/2.b:2,FRS`);
  rmSync(`${maildir}/new/3.c`);
  renameSync(`${maildir}/new/4.d`, `${maildir}/cur/4.d:2,S`);
  rmSync(`${maildir}/new/5.e`);
  writeFileSync(`${maildir}/new/6.late`, 'x');
  assert.deepEqual(await changeMailbox(maildir, change, owner), done);
  assert.deepEqual(filesOf(maildir), ['new/6.late', 'cur/4.d:2,S']);
});

test('messages that keep moving while they are removed are removed', async (t) => {
  const bases = Array.from({ length: 200 }, (_, index) => `${index}.m`);
  const maildir = newMaildir(t, Object.fromEntries(bases.map((base) => [`cur/${base}:2,`, 'x'])));
  const removing = changeMailbox(maildir, await deleting(maildir, ...bases), owner);
  for (const base of bases.slice(100)) renameSync(`${maildir}/cur/${base}:2,`, `${maildir}/cur/${base}:2,S`);
  setImmediate(() => {
    for (const base of bases.slice(150)) {
      if (existsSync(`${maildir}/cur/${base}:2,S`))
        renameSync(`${maildir}/cur/${base}:2,S`, `${maildir}/cur/${base}:2,RS`);
    }
  });
  assert.deepEqual(await removing, done);
  assert.deepEqual(filesOf(maildir), []);
});

test('a move never replaces a file', async (t) => {
  const maildir = newMaildir(t, { 'new/1.a': 'new', 'cur/1.a:2,': 'old' });
  await changeMailbox(maildir, await deleting(maildir), owner);
  assert.deepEqual(filesOf(maildir), ['new/1.a', 'cur/1.a:2,']);
  assert.equal(readFileSync(`${maildir}/cur/1.a:2,`, 'latin1'), 'old');
});

test('what cannot be removed is told, and the rest is done', async (t) => {
  const maildir = newMaildir(t, { 'cur/1.a:2,': 'x', 'cur/2.b:2,': 'x', 'new/3.c': 'x' });
  const change = await deleting(maildir, '1.a', '2.b');
  rmSync(`${maildir}/cur/1.a:2,`);
  mkdirSync(`${maildir}/cur/1.a:2,/x`, { recursive: true });
  const { notRemoved, troubles } = await changeMailbox(maildir, change, owner);
  assert.deepEqual([notRemoved, troubles.length], [1, 1]);
  assert.deepEqual(filesOf(maildir), ['cur/1.a:2,', 'cur/3.c:2,']);
});

test('maildirsize gets one line with what went away; trashed messages are not in its sums', async (t) => {
  const maildir = newMaildir(t, {
    maildirsize: '1000000S\n500 4\n',
    'new/1.a,S=100': 'x',
    'cur/2.b,S=200:2,S': 'x',
    'cur/3.c,S=400:2,ST': 'x',
    'cur/4.d:2,': 'seven b',
    'cur/5.e,S=1:2,': 'x',
  });
  await changeMailbox(maildir, await deleting(maildir, '1.a,S=100', '2.b,S=200', '3.c,S=400', '4.d'), owner);
  assert.equal(readFileSync(`${maildir}/maildirsize`, 'latin1'), '1000000S\n500 4\n-307 -3\n');
});

test('where there is no maildirsize, none is made; without a change nothing is touched', async (t) => {
  const maildir = newMaildir(t, { 'cur/1.a:2,': 'x', 'cur/2.b:2,': 'x' });
  await changeMailbox(maildir, await deleting(maildir, '1.a'), owner);
  assert.equal(existsSync(`${maildir}/maildirsize`), false);
  rmSync(maildir, { recursive: true });
  assert.deepEqual(await changeMailbox(maildir, { deleted: [], kept: [] }, owner), done);
});

test('beside Dovecot it is done under the lock of its list', async (t) => {
  const maildir = newMaildir(t, { 'cur/1.a:2,': 'x', 'new/2.b': 'x', 'dovecot-uidlist': '3 V1 N1\n' });
  const change = await deleting(maildir, '1.a');
  writeFileSync(`${maildir}/dovecot-uidlist.lock`, `${process.pid}:${os.hostname()}`);
  const changing = changeMailbox(maildir, change, owner);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.deepEqual(filesOf(maildir), ['new/2.b', 'cur/1.a:2,'], 'waiting');
  rmSync(`${maildir}/dovecot-uidlist.lock`);
  assert.deepEqual(await changing, done);
  assert.deepEqual(filesOf(maildir), ['cur/2.b:2,']);
  assert.equal(existsSync(`${maildir}/dovecot-uidlist.lock`), false);
});

test('when that lock stays taken, messages are removed and new/ is left alone', async (t) => {
  const maildir = newMaildir(t, { 'cur/1.a:2,': 'x', 'new/2.b': 'x', 'dovecot-uidlist': '3 V1 N1\n' });
  const change = await deleting(maildir, '1.a');
  writeFileSync(`${maildir}/dovecot-uidlist.lock`, `${process.pid}:${os.hostname()}`);
  const { notRemoved, troubles } = await changeMailbox(maildir, change, owner, { lockPatienceMs: 20 });
  assert.deepEqual([notRemoved, troubles.length], [0, 1]);
  assert.deepEqual(filesOf(maildir), ['new/2.b']);
});
