import assert from 'node:assert/strict';
import fs, { readdirSync, renameSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { listMessages } from '../../../src/stores/maildir/message-list.js';
import { Whereabouts } from '../../../src/stores/maildir/whereabouts.js';
import { newMaildir } from '../../support/maildir.js';

test('a message is found where it was, where it went, and not when it is gone', async (t) => {
  const maildir = newMaildir(t, { 'new/1.a': 'one', 'cur/2.b:2,': 'two' });
  const [a, b] = await listMessages(maildir, Date.now());
  assert.ok(a && b);
  const whereabouts = new Whereabouts(maildir);
  const read = async (file: typeof a): Promise<string | undefined> =>
    (await whereabouts.with(file, (place) => fs.readFileSync(whereabouts.pathOf(place), 'latin1')))?.value;
  assert.equal(await read(a), 'one');
  renameSync(`${maildir}/new/1.a`, `${maildir}/cur/1.a:2,`);
  assert.equal(await read(a), 'one');
  renameSync(`${maildir}/cur/1.a:2,`, `${maildir}/cur/1.a:2,FS`);
  assert.equal(await read(a), 'one');
  rmSync(`${maildir}/cur/1.a:2,FS`);
  assert.equal(await read(a), undefined);
  assert.equal(await read(b), 'two');
});

test('a name that begins like another is another message', async (t) => {
  const maildir = newMaildir(t, { 'new/1.a': 'one', 'cur/1.ab:2,': 'two' });
  const [a] = await listMessages(maildir, Date.now());
  assert.ok(a);
  rmSync(`${maildir}/new/1.a`);
  assert.equal(await new Whereabouts(maildir).with(a, () => fs.readFileSync(`${maildir}/new/1.a`)), undefined);
});

test('other errors are thrown, and the Maildir that is gone is trouble', async (t) => {
  const maildir = newMaildir(t, { 'new/1.a': 'one' });
  const [a] = await listMessages(maildir, Date.now());
  assert.ok(a);
  const whereabouts = new Whereabouts(maildir);
  await assert.rejects(
    whereabouts.with(a, () => readdirSync(`${maildir}/new/1.a`)),
    { code: 'ENOTDIR' },
  );
  rmSync(maildir, { recursive: true });
  await assert.rejects(
    whereabouts.with(a, () => fs.readFileSync(`${maildir}/new/1.a`)),
    /temporary trouble/,
  );
});
