// A password that is typed at a terminal: asked for twice, never shown. `script` gives the terminal.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { needs } from '../support/needs.js';
import { buildTree, loadRecording, newRoot, removeRoot } from '../support/recording.js';
import { vqmailProgram } from '../support/started-server.js';

const again = 'enter password again: ';

/** Runs a tool at a terminal and types each answer when its prompt is there. */
function atTerminal(root: string, tool: string, answers: readonly (readonly [prompt: string, keys: string])[]) {
  const command = `'${process.execPath}' '${vqmailProgram}' --root '${root}' ${tool}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const left = [...answers];
  let shown = '';
  let seen = 0;
  child.stdout.on('data', (bytes: Buffer) => {
    shown += bytes.toString('latin1');
    for (let next = left[0]; next !== undefined; next = left[0]) {
      const at = shown.indexOf(next[0], seen);
      if (at < 0) return;
      seen = at + next[0].length;
      child.stdin.write(next[1]);
      left.shift();
    }
  });
  return new Promise<{ exit: number | null; shown: string }>((resolve) => {
    child.on('close', (exit) => resolve({ exit, shown }));
  });
}

function tree(t: TestContext): { root: string; line: (name: string) => string | undefined } {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording('vpopmail', 'popbull').before, root);
  const vpasswd = path.join(root, 'home/vpopmail/domains/example.jp/vpasswd');
  const line = (name: string) =>
    fs
      .readFileSync(vpasswd, 'latin1')
      .split('\n')
      .find((text) => text.startsWith(`${name}:`));
  return { root, line };
}

test('vadduser asks twice, and again where the two are not the same; nothing of it is shown', async (t) => {
  if (!needs(t, 'script')) return;
  const { root, line } = tree(t);
  const asked = 'Please enter password for new@example.jp: ';
  const { exit, shown } = await atTerminal(root, 'vadduser new@example.jp', [
    [asked, 'mistyped1\r'],
    [again, 'mistyped2\r'],
    [asked, 'sekret98\x7f9\r'],
    [again, 'wrong\x15sekret99\r'],
  ]);
  assert.equal(exit, 0);
  assert.match(shown, /Passwords do not match, try again/);
  assert.doesNotMatch(shown, /mistyped|sekret|wrong/);
  assert.match(line('new') ?? '', /:sekret99$/);
});

test('vpasswd: a key that interrupts leaves the old password', async (t) => {
  if (!needs(t, 'script')) return;
  const { root, line } = tree(t);
  const before = line('joe');
  const { exit, shown } = await atTerminal(root, 'vpasswd joe@example.jp', [['joe@example.jp: ', 'sek\x03']]);
  assert.notEqual(exit, 0);
  assert.doesNotMatch(shown, /sek/);
  assert.equal(line('joe'), before);
});

test('vadduser --batch shows how far it is, and then what it did', async (t) => {
  if (!needs(t, 'script')) return;
  const { root, line } = tree(t);
  const list = path.join(root, 'list');
  fs.writeFileSync(list, `many1@example.jp,sekret99\njoe@example.jp,sekret99\nmany2@example.jp,sekret99\n`);
  const { exit, shown } = await atTerminal(root, `vadduser --batch '${list}'`, []);
  assert.equal(exit, 1);
  assert.match(shown, /0\/3 accounts/);
  assert.match(shown, /list:2: joe@example\.jp: Username exists\r?\n/);
  assert.match(shown, /2 accounts added, 1 refused/);
  assert.ok(line('many1') && line('many2'));
});
