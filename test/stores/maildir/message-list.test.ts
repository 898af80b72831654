import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { TemporaryError } from '../../../src/errors.js';
import { listMessages } from '../../../src/stores/maildir/message-list.js';
import { newMaildir } from '../../support/maildir.js';

const names = async (maildir: string): Promise<string[]> =>
  (await listMessages(maildir, Date.now())).map(({ part, name }) => `${part}/${name}`);

test('oldest first by modification time, whatever the names and places say', async (t) => {
  const maildir = newMaildir(t, { 'cur/9.z:2,S': 'a', 'new/1.a': 'b', 'cur/abc': 'c', 'new/5.m': 'd' });
  assert.deepEqual(await names(maildir), ['cur/9.z:2,S', 'new/1.a', 'cur/abc', 'new/5.m']);
});

test('equal times: by name', async (t) => {
  const maildir = newMaildir(t, { 'cur/3.c:2,': 'x', 'new/1.a': 'x', 'cur/2.b:2,': 'x' });
  for (const name of ['cur/3.c:2,', 'new/1.a', 'cur/2.b:2,']) utimesSync(`${maildir}/${name}`, 1000, 1000);
  assert.deepEqual(await names(maildir), ['new/1.a', 'cur/2.b:2,', 'cur/3.c:2,']);
});

test('what is no message is left out', async (t) => {
  const maildir = newMaildir(t, { 'new/.hidden': 'x', 'new/1.a': 'x', 'cur/b\nc': 'x' });
  mkdirSync(`${maildir}/cur/folder`);
  symlinkSync('nowhere', `${maildir}/cur/dangling`);
  symlinkSync('circle', `${maildir}/cur/circle`);
  assert.deepEqual(await names(maildir), ['new/1.a']);
});

test('a message of this second is listed, one from the future is not', async (t) => {
  const maildir = newMaildir(t, { 'new/now': 'x', 'new/later': 'x' });
  const now = Date.now();
  utimesSync(`${maildir}/new/now`, now / 1000, now / 1000);
  utimesSync(`${maildir}/new/later`, now / 1000 + 2, now / 1000 + 2);
  assert.deepEqual(
    (await listMessages(maildir, now)).map(({ name }) => name),
    ['now'],
  );
});

test('links to messages are messages, as vpopbull makes them', async (t) => {
  const maildir = newMaildir(t);
  writeFileSync(`${maildir}/bulletin`, 'Subject: all\n\n');
  symlinkSync('../bulletin', `${maildir}/new/1.soft`);
  linkSync(`${maildir}/bulletin`, `${maildir}/new/2.hard`);
  const found = await listMessages(maildir, Date.now());
  assert.deepEqual(
    found.map(({ name, sizeBytes }) => [name, sizeBytes]),
    [
      ['1.soft', 14],
      ['2.hard', 14],
    ],
  );
});

test('names are bytes', async (t) => {
  const maildir = newMaildir(t, { 'cur/caf\xe9:2,S': 'x' });
  const [file] = await listMessages(maildir, Date.now());
  assert.deepEqual([file?.name, file?.base], ['caf\xe9:2,S', 'caf\xe9']);
});

test('the same file under its old and its new name is one message, two files of one name are two', async (t) => {
  const maildir = newMaildir(t, { 'new/1.a': 'x', 'new/2.b': 'x', 'cur/2.b:2,S': 'other' });
  linkSync(`${maildir}/new/1.a`, `${maildir}/cur/1.a:2,`);
  assert.deepEqual((await names(maildir)).sort(), ['cur/1.a:2,', 'cur/2.b:2,S', 'new/2.b']);
});

test('a large Maildir is listed whole, and others have their turn meanwhile', async (t) => {
  const count = 5000;
  const files = Object.fromEntries(Array.from({ length: count }, (_, i) => [`cur/${i}.h:2,`, '']));
  const maildir = newMaildir(t, files);
  let turns = 0;
  const clock = setInterval(() => turns++, 0);
  const found = await listMessages(maildir, Date.now());
  clearInterval(clock);
  assert.equal(found.length, count);
  assert.ok(turns > 3, `${turns} turns`);
});

test('messages that move while the list is made are listed once', async (t) => {
  const count = 600;
  const files = Object.fromEntries(Array.from({ length: count }, (_, i) => [`new/${i}.h`, '']));
  const maildir = newMaildir(t, files);
  const listing = listMessages(maildir, Date.now());
  for (let i = 0; i < count; i += 2) renameSync(`${maildir}/new/${i}.h`, `${maildir}/cur/${i}.h:2,`);
  const found = await listing;
  assert.equal(new Set(found.map(({ base }) => base)).size, count);
});

test('a missing or closed directory is trouble, not an empty mailbox', async (t) => {
  const maildir = newMaildir(t, { 'cur/1.a:2,': 'x' });
  rmSync(`${maildir}/new`, { recursive: true });
  await assert.rejects(listMessages(maildir, Date.now()), TemporaryError);
  writeFileSync(`${maildir}/new`, 'a file');
  await assert.rejects(listMessages(maildir, Date.now()), TemporaryError);
  if (process.getuid?.() === 0) return;
  rmSync(`${maildir}/new`);
  mkdirSync(`${maildir}/new`);
  chmodSync(`${maildir}/cur`, 0o600);
  await assert.rejects(listMessages(maildir, Date.now()), TemporaryError);
});
