// valias beyond its recording: --json, what is refused, what `-d default@` does.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { callTool } from '../../support/call-tool.js';
import { buildTree, loadRecording, newRoot, removeRoot } from '../../support/recording.js';

const directory = 'home/vpopmail/domains/example.jp';
const vdelivermail = "| /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n";

function tree(t: TestContext): string {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording('vpopmail', 'valias').before, root);
  return root;
}

test('--json', async (t) => {
  const root = tree(t);
  assert.deepEqual(await callTool(root, ['valias', '--json', 'example.jp']), { exit: 255, stdout: '[]\n', stderr: '' });
  for (const line of ['joe@example.jp', '|prog "x"'])
    await callTool(root, ['valias', '-i', line, 'First.Last@alias.example.jp']);
  const { exit, stdout } = await callTool(root, ['valias', '--json', '-s', 'example.jp']);
  assert.equal(exit, 0);
  assert.deepEqual(JSON.parse(stdout), [{ alias: 'first.last@example.jp', lines: ['joe@example.jp', '|prog "x"'] }]);
  const one = await callTool(root, ['valias', '--json', 'first.last@example.jp']);
  assert.deepEqual(JSON.parse(one.stdout), JSON.parse(stdout));
  assert.deepEqual(JSON.parse((await callTool(root, ['valias', '-n', '--json', 'example.jp'])).stdout), ['first.last']);
});

test('what is refused, and nothing is written', async (t) => {
  const root = tree(t);
  const before = readdirSync(path.join(root, directory));
  const rows: { args: string[]; exit: number; stdout?: string; stderr?: RegExp; why: string }[] = [
    {
      args: ['-i', 'x'.repeat(160), 'a@example.jp'],
      exit: 224,
      stdout: 'Error: alias line too long\n',
      why: 'the original says nothing and adds nothing',
    },
    {
      args: ['-i', 'a@b\n|prog', 'a@example.jp'],
      exit: 222,
      stdout: 'Error: invalid email character\n',
      stderr: /line feed/,
      why: 'two lines in one',
    },
    {
      args: ['-i', 'a@b', '../x@example.jp'],
      exit: 222,
      stdout: 'Error: invalid email character\n',
      stderr: /no alias can be called/,
      why: 'leads out of the directory',
    },
    {
      args: ['-i', 'a@b', 'a b@example.jp'],
      exit: 255,
      stderr: /^user invalid a b\nError: Illegal username\n$/,
      why: 'no user has a blank',
    },
    {
      args: ['-d', '../joe/.qmail@example.jp'],
      exit: 222,
      stdout: 'Error: invalid email character\n',
      stderr: /./,
      why: 'removes nothing elsewhere',
    },
    {
      args: ['-x', 'a@example.jp'],
      exit: 254,
      stderr: /^\/home\/vpopmail\/bin\/valias: invalid option -- 'x'\n$/,
      why: 'an unknown option',
    },
  ];
  for (const { args, exit, stdout, stderr = /^$/, why } of rows) {
    const called = await callTool(root, ['valias', ...args]);
    assert.equal(called.exit, exit, why);
    if (stdout !== undefined) assert.equal(called.stdout, stdout, why);
    assert.match(called.stderr, stderr, why);
  }
  assert.deepEqual(readdirSync(path.join(root, directory)), before);
});

test('a line of 159 bytes is one', async (t) => {
  const root = tree(t);
  assert.equal((await callTool(root, ['valias', '-i', 'x'.repeat(159), 'a@example.jp'])).exit, 0);
  assert.equal(readFileSync(path.join(root, directory, '.qmail-a'), 'latin1'), `${'x'.repeat(159)}\n`);
});

test('-d default@ takes out what -i put there, and never what delivers the domain', async (t) => {
  const root = tree(t);
  const file = path.join(root, directory, '.qmail-default');
  assert.equal((await callTool(root, ['valias', '-i', 'a@b', 'default@example.jp'])).exit, 0);
  assert.equal(readFileSync(file, 'latin1'), `${vdelivermail}a@b\n`);
  assert.equal((await callTool(root, ['valias', '-d', 'default@example.jp'])).exit, 0);
  assert.equal(readFileSync(file, 'latin1'), vdelivermail);
  assert.equal((await callTool(root, ['valias', '-d', 'default@example.jp'])).exit, 0);
  assert.equal(readFileSync(file, 'latin1'), vdelivermail);
  writeFileSync(file, 'everybody@example.jp\n');
  assert.equal((await callTool(root, ['valias', '-d', 'default@example.jp'])).exit, 0);
  assert.ok(!existsSync(file), 'an address alone may go');
});

test('without a domain, the default domain counts', async (t) => {
  const root = tree(t);
  const env = { VPOPMAIL_DOMAIN: 'example.jp' };
  assert.equal((await callTool(root, ['valias', '-i', 'a@b', 'sales'], { env })).exit, 0);
  assert.equal(readFileSync(path.join(root, directory, '.qmail-sales'), 'latin1'), 'a@b\n');
});

test('trouble is 111, not "no such domain"', async (t) => {
  const root = tree(t);
  writeFileSync(path.join(root, 'var/qmail/users/cdb'), 'text');
  const { exit, stdout, stderr } = await callTool(root, ['valias', '-i', 'a@b', 'x@example.jp']);
  assert.deepEqual([exit, stdout], [111, '']);
  assert.match(stderr, /^valias: .*users\/cdb/);
});
