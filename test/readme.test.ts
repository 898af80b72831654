// Every command of the README's `sh` blocks is run: `vqmail` ones here on the sample host; `npm start` is test/cli/demo.test.ts, and `npm test` is what runs this.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { sampleTree } from './processes/sample-server.js';
import { buildTree, fixtures, newRoot, removeRoot } from './support/recording.js';
import { vqmailProgram } from './support/started-server.js';

const readme = readFileSync(path.join(fixtures, '../README.md'), 'utf8');
const japanese = readFileSync(path.join(fixtures, '../README.ja.md'), 'utf8');
const commands = [...readme.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = '']) => block.trim().split('\n'));

test('the README names the two commands that do everything', () => {
  assert.ok(commands.includes('npm ci && npm start'));
  assert.ok(commands.includes('npm ci && npm test'));
});

test('README.ja.md has no command and no line of configuration that README.md has not', () => {
  const lines = (text: string): string[] =>
    [...text.matchAll(/^```[^\n]*\n(.*?)^```/gms)].flatMap(([, block = '']) => block.trim().split('\n'));
  const known = new Set(lines(readme));
  assert.ok(lines(japanese).length > 15);
  assert.deepEqual(
    lines(japanese).filter((line) => !known.has(line)),
    [],
  );
});

test('the vqmail commands of the README, in its order, on one sample host', async (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(sampleTree(), root);
  mkdirSync(path.join(root, 'var/mail'));
  writeFileSync(path.join(root, 'var/mail/test'), 'From joe@a.jp Tue Nov 24 02:03:31 2026\nSubject: old\n\nHello\n\n');
  for (const command of commands.filter((line) => line.startsWith('vqmail '))) {
    await t.test(command, () => {
      const args = command
        .split(' ')
        .slice(1)
        .map((word) => (word === '/' ? root : word.replace(/^\/var\//, `${root}/var/`)));
      const { status, stderr } = spawnSync(process.execPath, [vqmailProgram, ...args], {
        env: { ...process.env, VQMAIL_ROOT: root },
        encoding: 'latin1',
      });
      // check exits with 1 where it finds something; a sample host made by an ordinary user has that user's owners.
      assert.ok(status === 0 || (args[0] === 'check' && status === 1), `${status}: ${stderr}`);
    });
  }
});
