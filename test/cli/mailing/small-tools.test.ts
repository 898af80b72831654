// vpopbull, vrcptcheck, vmakedotqmail, vlist and vkill beyond their recordings.

import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ProcessTable, vkill } from '../../../src/cli/login/vkill.js';
import { vrcptcheck } from '../../../src/cli/mailing/vrcptcheck.js';
import { Layout } from '../../../src/layout.js';
import { callTool } from '../../support/call-tool.js';
import { capturedIo } from '../../support/captured-io.js';
import { buildTree, loadRecording, newRoot, removeRoot } from '../../support/recording.js';

const domains = 'home/vpopmail/domains';
const isRoot = process.getuid?.() === 0;

/** example.jp with ann, joe and postmaster, its alias domain, and other.example.jp. */
function tree(t: TestContext, kind = 'vpopmail', name = 'popbull'): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording(kind, name).before, root);
  return root;
}

function inbox(root: string, user: string, domain = 'example.jp'): string[] {
  const directory = path.join(root, domains, domain, user, 'Maildir/new');
  return readdirSync(directory)
    .sort()
    .map((file) => path.join(directory, file));
}

function bulletin(root: string, text = 'From: a@b\nSubject: s\n\nHello.\n'): string {
  writeFileSync(path.join(root, 'home/vpopmail/etc/bulletin'), text);
  return '/home/vpopmail/etc/bulletin';
}

test('vpopbull: two bulletins in one second are two messages', async (t) => {
  const root = tree(t);
  const file = bulletin(root);
  for (let time = 0; time < 2; time++)
    assert.equal((await callTool(root, ['vpopbull', '-f', file, 'example.jp'])).exit, 0);
  for (const user of ['ann', 'joe', 'postmaster']) assert.equal(inbox(root, user).length, 2, user);
  assert.deepEqual(readdirSync(path.join(root, domains, 'example.jp/joe/Maildir/tmp')), []);
});

test('vpopbull: a Date is one only in the header', async (t) => {
  const root = tree(t);
  await callTool(root, ['vpopbull', '-f', bulletin(root, 'Subject: s\n\nDate: no\n'), 'example.jp']);
  const [first = ''] = inbox(root, 'joe');
  assert.match(readFileSync(first, 'latin1'), /^To: joe@example\.jp\nDate: .*\nSubject: s\n\nDate: no\n$/);
});

test('vpopbull: what cannot be written to is told in the words of the original, and the others are served', async (t) => {
  const root = tree(t);
  rmSync(path.join(root, domains, 'example.jp/joe/Maildir'), { recursive: true });
  const { exit, stderr } = await callTool(root, ['vpopbull', '-f', bulletin(root)]);
  assert.equal(exit, 0);
  assert.match(stderr, /^joe@example\.jp: ERROR COPYING TO \S+\/example\.jp\/joe$/m);
  assert.equal(inbox(root, 'ann').length, 1);
  assert.equal(inbox(root, 'postmaster', 'other.example.jp').length, 1);
});

test('vpopbull: links', async (t) => {
  const root = tree(t);
  const file = bulletin(root);
  const plain = path.join(root, file);
  chmodSync(plain, 0o644);
  assert.equal((await callTool(root, ['vpopbull', '-h', '-f', file, 'example.jp'])).exit, 0);
  const [linked = ''] = inbox(root, 'joe');
  assert.equal(statSync(linked).ino, statSync(plain).ino);
  assert.equal(statSync(plain).mode & 0o777, 0o600);
  if (isRoot) assert.equal(statSync(plain).uid, 6020);
  assert.equal((await callTool(root, ['vpopbull', '-s', '-f', file, 'other.example.jp'])).exit, 0);
  const [symbolic = ''] = inbox(root, 'postmaster', 'other.example.jp');
  assert.equal(path.basename(readlinkSync(symbolic)), 'bulletin');
});

test('vrcptcheck: who exists', async (t) => {
  const root = tree(t, 'delivery', 'user-extension');
  const directory = path.join(root, domains, 'mailtest.example.jp');
  writeFileSync(path.join(directory, '.qmail-alias'), '&x@else.example\n');
  writeFileSync(path.join(root, 'var/qmail/control/virtualdomains'), 'mailtest.example.jp:mailtest.example.jp\n');
  writeFileSync(path.join(root, 'var/qmail/control/locals'), '');
  const rows: [address: string, exit: number, why: string][] = [
    ['test@mailtest.example.jp', 0, 'an account'],
    ['TEST@MailTest.example.jp\n', 0, 'in any case, with a line end'],
    ['test-ext@mailtest.example.jp', 0, 'an extension of one'],
    ['alias@mailtest.example.jp', 0, 'an alias'],
    ['nobody@mailtest.example.jp', 1, 'nobody'],
    ['test@elsewhere.example', 1, 'another host’s'],
    ['test', 1, 'no domain'],
  ];
  const check = (address: string | undefined): Promise<number> => {
    const descriptors: Record<number, string> = address === undefined ? {} : { 3: address };
    return vrcptcheck([], capturedIo({ layout: new Layout({ root }), descriptors }));
  };
  for (const [address, exit, why] of rows) assert.equal(await check(address), exit, why);
  writeFileSync(
    path.join(directory, '.qmail-default'),
    "| /home/vpopmail/bin/vdelivermail '' test@mailtest.example.jp\n",
  );
  assert.equal(await check('nobody@mailtest.example.jp'), 0, 'a catch-all takes everybody');
  writeFileSync(path.join(directory, 'vpasswd.cdb'), 'text');
  assert.equal(await check('test@mailtest.example.jp'), 111, 'it cannot be told');
  assert.equal(await check(undefined), 111, 'nothing on descriptor 3');
});

test('vmakedotqmail', async (t) => {
  const root = tree(t);
  const dotQmail = (user: string): string => path.join(root, domains, 'example.jp', user, '.qmail');
  const call = (...args: string[]): ReturnType<typeof callTool> => callTool(root, ['vmakedotqmail', ...args]);
  assert.equal((await call('-A')).exit, 255, 'without control/defaultdelivery');
  writeFileSync(path.join(root, 'var/qmail/control/defaultdelivery'), '|preline /usr/lib/dovecot/deliver\n');
  writeFileSync(dotQmail('joe'), '&x@y\n');
  const told = await call('-t', '-d', 'example.jp');
  assert.equal(
    told.stdout,
    ['ann', 'postmaster'].map((user) => `would write /${domains}/example.jp/${user}/.qmail\n`).join(''),
  );
  assert.ok(!existsSync(dotQmail('ann')));
  assert.equal((await call('-d', 'example.jp')).exit, 0);
  assert.equal(readFileSync(dotQmail('joe'), 'latin1'), '&x@y\n', 'one that is there stays');
  assert.equal(readFileSync(dotQmail('ann'), 'latin1'), '|preline /usr/lib/dovecot/deliver\n');
  assert.equal(statSync(dotQmail('ann')).mode & 0o777, 0o600);
  await call('-o', '-u', 'joe@alias.example.jp');
  assert.equal(readFileSync(dotQmail('joe'), 'latin1'), '|preline /usr/lib/dovecot/deliver\n');
  writeFileSync(dotQmail('ann'), '&x@y\n');
  await call('-r', '-A');
  assert.deepEqual(
    [existsSync(dotQmail('joe')), existsSync(dotQmail('ann'))],
    [false, true],
    'only what is the default',
  );
  await call('-q', 'delete', '-d', 'example.jp');
  assert.equal(
    readFileSync(path.join(root, domains, 'example.jp/.qmail-default'), 'latin1'),
    "| /home/vpopmail/bin/vdelivermail '' delete\n",
  );
  assert.deepEqual(await call('-d', 'no.example.jp'), {
    exit: 245,
    stdout: 'Error: Domain does not exist\n',
    stderr: '',
  });
  assert.equal((await call('-u', 'no@example.jp')).exit, 246);
  assert.equal((await call()).exit, 255);
});

test('vlist: the lists of ezmlm that are there', async (t) => {
  const root = tree(t);
  const directory = path.join(root, domains, 'example.jp');
  mkdirSync(path.join(directory, 'talk'));
  writeFileSync(path.join(directory, 'talk/editor'), '|/usr/local/bin/ezmlm/ezmlm-reject\n|ezmlm-send talk\n');
  writeFileSync(path.join(directory, 'talk/manager'), '|ezmlm-manage talk\n');
  symlinkSync('talk/editor', path.join(directory, '.qmail-talk'));
  symlinkSync('talk/manager', path.join(directory, '.qmail-talk-default'));
  writeFileSync(path.join(directory, '.qmail-talk-friends'), 'a@b\n');
  writeFileSync(path.join(directory, '.qmail-other'), 'a@b\n');
  const call = (...args: string[]): ReturnType<typeof callTool> => callTool(root, ['vlist', ...args]);
  assert.equal((await call('count', 'example.jp')).stdout, '1\n');
  assert.equal((await call('list', 'EXAMPLE.jp')).stdout, 'talk@example.jp\n');
  assert.match((await call('show', 'talk@example.jp')).stdout, /^talk@example\.jp\ndirectory: .*\/example\.jp\/talk\n/);
  assert.equal((await call('show', 'other@example.jp')).exit, 6, 'an alias is no list');
  assert.equal((await call('delete', 'talk@example.jp')).exit, 0);
  const left = readdirSync(directory).filter((name) => name.includes('talk'));
  assert.deepEqual(left, ['.qmail-talk-friends'], 'an alias that only begins so stays');
});

test('vlist: a list of an account’s name leaves the account alone', async (t) => {
  const root = tree(t);
  const directory = path.join(root, domains, 'example.jp');
  writeFileSync(path.join(directory, '.qmail-joe'), '|ezmlm-send /elsewhere\n');
  assert.equal((await callTool(root, ['vlist', 'delete', 'joe@example.jp'])).exit, 0);
  assert.deepEqual(
    [existsSync(path.join(directory, '.qmail-joe')), existsSync(path.join(directory, 'joe/Maildir'))],
    [false, true],
  );
});

test('vkill: who is ended', async (t) => {
  const root = tree(t);
  const killed: number[] = [];
  const table: ProcessTable = {
    list: () => [
      { pid: 10, commandLine: 'qmail-send' },
      { pid: 11, commandLine: 'supervise qmail-send' },
      { pid: 12, commandLine: 'multilog t /var/log/qmail-send' },
      { pid: 13, commandLine: 'vi /etc/qmail-send.conf' },
      { pid: 14, commandLine: 'qmail-rspawn' },
      { pid: process.pid, commandLine: 'vkill qmail-send' },
    ],
    kill(pid) {
      killed.push(pid);
      if (pid === 10) throw new Error('gone');
    },
  };
  const call = (...args: string[]): Promise<number> => vkill(args, capturedIo({ layout: new Layout({ root }) }), table);
  assert.equal(await call('qmail-send'), 0);
  assert.deepEqual(killed, [10, 13]);
  for (const args of [[], [''], ['-v'], ['-x'], ['--']]) assert.equal(await call(...args), 255);
  assert.deepEqual(killed, [10, 13]);
});
