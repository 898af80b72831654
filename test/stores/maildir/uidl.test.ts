// Unique ids go on as Dovecot and Courier gave them (fixtures/recordings/maildir): for Maildirs that those servers left, the ids are the ones that they told their clients.

import assert from 'node:assert/strict';
import fs, { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { CorruptFileError, TemporaryError } from '../../../src/errors.js';
import { FileReads } from '../../../src/files/file-reads.js';
import { listMessages, type MessageFile } from '../../../src/stores/maildir/message-list.js';
import { countTransferOctets } from '../../../src/stores/maildir/transfer-sizes.js';
import { isUidlForm, type UidlForm, uidlsOf } from '../../../src/stores/maildir/uidl.js';
import {
  buildTree,
  type Entry,
  loadRecording,
  newRoot,
  removeRoot,
  type SessionEvent,
} from '../../support/recording.js';

interface Answer {
  readonly server: string;
  readonly settings: { readonly uidl_format?: string };
  readonly pop3: readonly SessionEvent[];
  readonly changed: Readonly<Record<string, Entry | null>>;
}

const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

async function sizeOf(maildir: string, { part, name, sizeBytes }: MessageFile): Promise<number> {
  const fd = fs.openSync(`${maildir}/${part}/${name}`, 'r');
  try {
    return await countTransferOctets(fd, sizeBytes, new FileReads());
  } finally {
    fs.closeSync(fd);
  }
}

/** The size that Dovecot and Courier announce. */
function wireSize(maildir: string, { part, name }: MessageFile): number {
  return readFileSync(`${maildir}/${part}/${name}`, 'latin1').replace(/\r?\n/g, '\r\n').length;
}

function maildirOf(root: string): string {
  return path.join(root, 'home/vpopmail/domains/mailtest.example.jp/test/Maildir');
}

function maildirWith(t: TestContext, files: Readonly<Record<string, string>>): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const entries = Object.entries(files).map(([name, text], index) => [
    `/home/vpopmail/domains/mailtest.example.jp/test/Maildir/${name}`,
    { type: 'file', mode: '0600', text, mtime: 1_772_000_000 + index } as Entry,
  ]);
  buildTree(Object.fromEntries(entries), root);
  for (const part of ['new', 'cur', 'tmp']) fs.mkdirSync(path.join(maildirOf(root), part), { recursive: true });
  return maildirOf(root);
}

/** Base -> id. */
async function ids(form: UidlForm, maildir: string): Promise<Record<string, string | undefined>> {
  const files = await listMessages(maildir, Date.now());
  const found = await uidlsOf(form, maildir, files, owner, (file) => sizeOf(maildir, file));
  return Object.fromEntries(files.map((file, index) => [file.base, found[index]]));
}

/** What a server said: size -> id. */
function told(events: readonly SessionEvent[]): Map<number, string> {
  const listing = (command: string): string[][] => {
    const at = events.findIndex((event) => event.client === command);
    return String(events[at + 1]?.server)
      .split('\r\n')
      .slice(1, -2)
      .map((line) => line.split(' '));
  };
  const uidls = new Map(listing('UIDL\r\n').map(([number, id = '']) => [number, id]));
  return new Map(listing('LIST\r\n').map(([number, size]) => [Number(size), uidls.get(number) ?? '']));
}

for (const name of ['dovecot-pop3', 'dovecot-basic', 'courier-basic', 'courier-keywords']) {
  const recording = loadRecording('maildir', name) as unknown as { tree: Record<string, Entry>; answers: Answer[] };
  for (const { server, settings, pop3, changed } of recording.answers) {
    const format = settings.uidl_format;
    const form: UidlForm = server === 'courier' ? 'courier' : format === undefined ? 'dovecot' : `dovecot:${format}`;
    test(`${name}: ${form} goes on as ${server} said`, async (t) => {
      const root = newRoot();
      t.after(() => removeRoot(root));
      buildTree(recording.tree, root);
      const maildir = maildirOf(root);
      const files = await listMessages(maildir, Date.now());
      const ours = await uidlsOf(form, maildir, files, owner, (file) => sizeOf(maildir, file));
      const bySize = new Map<number, string | undefined>();
      for (const [index, file] of files.entries()) bySize.set(wireSize(maildir, file), ours[index]);
      assert.deepEqual(new Map([...bySize].sort()), new Map([...told(pop3)].sort()));
      assert.deepEqual(
        await ids(form, maildir),
        Object.fromEntries(files.map(({ base }, i) => [base, ours[i]])),
        'again',
      );
      const listName = server === 'courier' ? 'courierpop3dsizelist' : 'dovecot-uidlist';
      const listed = Object.entries(changed).find(([file]) => file.endsWith(listName))?.[1]?.text;
      if (listed === undefined) return;
      const essence = (text: string): string[] =>
        server === 'courier'
          ? text
              .split('\n')
              .map((line) => line.replace(/:2,\S*/, '').replace(/:\d$/, ''))
              .sort()
          : text
              .split('\n')
              .slice(1, -1)
              .map((line) => line.replace(/ .* :/, ' :'));
      const now = essence(readFileSync(path.join(maildir, listName), 'latin1'));
      for (const line of essence(listed)) assert.ok(now.includes(line), `${line} is in ${now.join('; ')}`);
    });
  }
}

const listed = '3 V1795485529 N3 G03a6be3959ef046b0079000083ecc375 X9\n1 :1772000001.a\n2 W7 P :1772000002.b\n';

test('new messages are appended in the order of their names, and nothing else changes', async (t) => {
  const maildir = maildirWith(t, {
    'new/1772000005.M9P1.h': 'x\n',
    'new/1772000005.M10P1.h': 'y\n',
    'cur/1772000001.a:2,S': 'z\n',
    'cur/1772000002.b:2,': 'z\n',
    'dovecot-uidlist': listed,
  });
  const before = statSync(`${maildir}/dovecot-uidlist`).ino;
  assert.deepEqual(await ids('dovecot', maildir), {
    '1772000001.a': '000000016b04ef59',
    '1772000002.b': '1772000002.b',
    '1772000005.M9P1.h': '000000036b04ef59',
    '1772000005.M10P1.h': '000000046b04ef59',
  });
  assert.equal(
    readFileSync(`${maildir}/dovecot-uidlist`, 'latin1'),
    `${listed}3 :1772000005.M9P1.h\n4 :1772000005.M10P1.h\n`,
  );
  assert.equal(statSync(`${maildir}/dovecot-uidlist`).ino, before);
  assert.equal(existsSync(`${maildir}/dovecot-uidlist.lock`), false);
});

test('a list that is not sound is written anew, without a UID given twice', async (t) => {
  const maildir = maildirWith(t, {
    'cur/1772000001.a:2,S': 'z\n',
    'cur/1772000002.b:2,': 'z\n',
    'dovecot-uidlist': '3 V1795485529 N3 G03a6 X9\n1 :1772000001.a\nrubbish\n7 :1772000002.b\n',
  });
  assert.deepEqual(await ids('dovecot', maildir), {
    '1772000001.a': '000000016b04ef59',
    '1772000002.b': '000000086b04ef59',
  });
  assert.equal(
    readFileSync(`${maildir}/dovecot-uidlist`, 'latin1'),
    '3 V1795485529 N9 G03a6 X9\n1 :1772000001.a\n8 :1772000002.b\n',
  );
});

test('version 1 becomes version 3 with the same UIDs, as with Dovecot', async (t) => {
  const maildir = maildirWith(t, {
    'cur/a:2,S': 'z\n',
    'new/b': 'z\n',
    'dovecot-uidlist': '1 795488120 9\n1 a\n',
  });
  assert.deepEqual(await ids('dovecot', maildir), { a: '000000012f6a2f78', b: '000000092f6a2f78' });
  assert.match(readFileSync(`${maildir}/dovecot-uidlist`, 'latin1'), /^3 V795488120 N10 G[0-9a-f]{32}\n1 :a\n9 :b\n$/);
});

test('without a list one is begun, with a UIDVALIDITY of its own', async (t) => {
  const maildir = maildirWith(t, {
    'new/1.a': 'x\n',
    'dovecot-uidvalidity': '6b04ef63',
    'dovecot-uidvalidity.6b04ef63': '',
  });
  assert.deepEqual(await ids('dovecot', maildir), { '1.a': '000000016b04ef64' });
  assert.equal(readFileSync(`${maildir}/dovecot-uidvalidity`, 'latin1'), '6b04ef64');
  assert.ok(existsSync(`${maildir}/dovecot-uidvalidity.6b04ef64`));
  assert.equal(existsSync(`${maildir}/dovecot-uidvalidity.6b04ef63`), false);
  assert.match(readFileSync(`${maildir}/dovecot-uidlist`, 'latin1'), /^3 V1795485540 N2 G[0-9a-f]{32}\n1 :1.a\n$/);
});

test('without any file of Dovecot the time is the UIDVALIDITY', async (t) => {
  const maildir = maildirWith(t, { 'new/1.a': 'x\n' });
  const id = (await ids('dovecot', maildir))['1.a'] ?? '';
  const value = Number.parseInt(id.slice(8), 16);
  assert.ok(Math.abs(value - Date.now() / 1000) < 60);
  assert.equal(statSync(`${maildir}/dovecot-uidvalidity.${id.slice(8)}`).mode & 0o777, 0o444);
  assert.deepEqual(await ids('dovecot', maildir), { '1.a': id });
});

test('a list that is missing beside an index of Dovecot is trouble: only Dovecot knows the UIDs', async (t) => {
  const maildir = maildirWith(t, { 'new/1.a': 'x\n', 'dovecot.index.log': 'x' });
  await assert.rejects(ids('dovecot', maildir), TemporaryError);
});

test('a message is not shown before it has its id: while somebody holds the lock', async (t) => {
  const maildir = maildirWith(t, { 'cur/1772000001.a:2,S': 'z\n', 'new/1.new': 'x\n', 'dovecot-uidlist': listed });
  writeFileSync(`${maildir}/dovecot-uidlist.lock`, `${process.pid}:${os.hostname()}`);
  assert.deepEqual(await ids('dovecot', maildir), { '1772000001.a': '000000016b04ef59', '1.new': undefined });
  rmSync(`${maildir}/dovecot-uidlist.lock`);
  assert.equal((await ids('dovecot', maildir))['1.new'], '000000036b04ef59');
});

test('lists that are broken are trouble, not other ids', async (t) => {
  await assert.rejects(
    ids('dovecot', maildirWith(t, { 'new/a': '', 'dovecot-uidlist': 'rubbish\n' })),
    CorruptFileError,
  );
  await assert.rejects(
    ids('courier', maildirWith(t, { 'new/a': '', courierpop3dsizelist: '/9 x\n' })),
    CorruptFileError,
  );
});

test('Courier: without a list one is begun; a message keeps its number when others go and come', async (t) => {
  const maildir = maildirWith(t, { 'new/1.a': 'x\n', 'new/2.b': 'yy\n' });
  const first = await ids('courier', maildir);
  const time = /^UID1-(\d+)$/.exec(first['1.a'] ?? '')?.[1];
  assert.deepEqual(first, { '1.a': `UID1-${time}`, '2.b': `UID2-${time}` });
  assert.equal(
    readFileSync(`${maildir}/courierpop3dsizelist`, 'latin1'),
    `/3 3 ${time}\n1.a 3 1:${time}:0\n2.b 4 2:${time}:0\n`,
  );
  rmSync(`${maildir}/new/1.a`);
  writeFileSync(`${maildir}/new/3.c`, 'z\n');
  assert.deepEqual(await ids('courier', maildir), { '2.b': `UID2-${time}`, '3.c': `UID3-${time}` });
  assert.deepEqual(fs.readdirSync(`${maildir}/tmp`), []);
});

test('Courier: in a list of the old form file names go on, and new messages have numbers', async (t) => {
  const maildir = maildirWith(t, { 'cur/1.a+b:2,S': 'x\n', 'new/2.b': 'y\n', courierpop3dsizelist: '1.a+b:2, 3\n' });
  const found = await ids('courier', maildir);
  assert.equal(found['1.a+b'], '1.a+2Bb');
  assert.match(found['2.b'] ?? '', /^UID1-\d+$/);
  assert.deepEqual(await ids('courier', maildir), found, 'also after the list was written anew');
});

const formats: readonly [format: string, id: string][] = [
  ['%08Xu%08Xv', '000000026b04ef59'],
  ['%v.%u', '1795485529.2'],
  ['%u', '2'],
  ['UID%u-%v', 'UID2-1795485529'],
  ['%f', '1772000002.b'],
  ['%g', 'guid-2'],
  ['%05u%%', '00002%'],
];

test('formats of Dovecot', async (t) => {
  const maildir = maildirWith(t, {
    'cur/1772000002.b:2,': 'z\n',
    'dovecot-uidlist': '3 V1795485529 N3\n2 Gguid-2 :1772000002.b\n',
  });
  for (const [format, id] of formats) {
    assert.ok(isUidlForm(`dovecot:${format}`), format);
    assert.equal((await ids(`dovecot:${format}`, maildir))['1772000002.b'], id, format);
  }
  assert.match((await ids('dovecot:%Mf', maildir))['1772000002.b'] ?? '', /^[0-9a-f]{32}$/);
});

test('forms that are none', () => {
  for (const text of ['', 'qmail2', 'dovecot:', 'dovecot:%x', 'dovecot:%', 'courier:%u'])
    assert.equal(isUidlForm(text), false, text);
});
