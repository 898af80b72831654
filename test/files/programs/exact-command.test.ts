// A program gets the bytes that it is meant to get, whatever they are, as arguments, in variables, and as the name of its directory.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type Command, exactCommand } from '../../../src/files/programs/exact-command.js';

const show = 'printf "%s|" "$1" "$2" "$VALUE" "$OTHER"; pwd | tr -d "\\n"';

/** What a shell sees of it all, Latin-1. */
function seen(first: string, second: string, value: string, directory: string): string {
  const args = ['-c', show, 'sh', first, second];
  const command: Command = {
    program: '/bin/sh',
    args,
    env: { PATH: '/usr/bin:/bin', VALUE: value, OTHER: 'x' },
    directory,
  };
  const { file, args: given, options } = exactCommand(command);
  return execFileSync(file, given, options).toString('latin1');
}

const everyByte = Array.from({ length: 255 }, (_, byte) => String.fromCharCode(byte + 1)).join('');

for (const [name, text] of [
  ['plain', 'ren@example.jp'],
  ['UTF-8', Buffer.from('rené@例え.jp').toString('latin1')],
  ['Latin-1', 'ren\xe9@example.jp'],
  ['quotes and what a shell looks at', '\xe9\'"\\$`%s %b\\0101 $(id) ~ *'],
  ['line feeds, also at the end', '\xe9\n\nb\n\n'],
  ['every byte', everyByte],
  ['UTF-8 cut off', Buffer.from('例').toString('latin1').slice(0, 2)],
] as const)
  test(name, () => {
    assert.equal(seen(text, 'y', 'z', '/'), `${text}|y|z|x|/`);
    assert.equal(seen('y', text, 'z', '/'), `y|${text}|z|x|/`);
    assert.equal(seen('y', 'z', text, '/'), `y|z|${text}|x|/`);
    assert.equal(seen(text, text, text, '/'), `${text}|${text}|${text}|x|/`);
  });

test('a directory', () => {
  const parent = mkdtempSync(path.join(os.tmpdir(), 'vqmail-exact-'));
  try {
    const directory = `${parent}/d\xe9`;
    mkdirSync(Buffer.from(directory, 'latin1'));
    assert.equal(seen('a', 'b', 'c', directory), `a|b|c|x|${directory}`);
  } finally {
    rmSync(parent, { recursive: true });
  }
});

test('what is text needs no shell in front', () => {
  const { file, args } = exactCommand({
    program: '/bin/true',
    args: ['a b'],
    env: { A: Buffer.from('é').toString('latin1') },
    directory: '/',
  });
  assert.deepEqual([file, args], ['/bin/true', ['a b']]);
});
