// cli/cdb: dump, get and make.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { cdb } from '../../src/cli/cdb.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { Layout } from '../../src/layout.js';
import { capturedIo } from '../support/captured-io.js';
import { newRoot, removeRoot } from '../support/recording.js';

const root = newRoot();
after(() => removeRoot(root));

const inRoot = (name: string): string => path.join(root, name);

async function run(
  args: string[],
  stdin: string | Buffer = '',
): Promise<{ exit: number; stdout: Buffer; stderr: string }> {
  const io = capturedIo({ layout: new Layout({ root }), workingDirectory: root, stdin });
  const exit = await cdb(args, io);
  const { stdout, stderr } = io.written();
  return { exit, stdout, stderr: stderr.toString() };
}

fs.writeFileSync(
  inRoot('sample.cdb'),
  makeCdb([
    { key: 'one', data: 'first' },
    { key: '\xe9', data: '\0\xff' },
    { key: 'one', data: 'second\n' },
  ]),
);
fs.writeFileSync(inRoot('cut.cdb'), fs.readFileSync(inRoot('sample.cdb')).subarray(0, 2060));

describe('dump', () => {
  it('the text form', async () => {
    const { exit, stdout } = await run(['dump', 'sample.cdb']);
    assert.equal(exit, 0);
    assert.equal(stdout.toString('latin1'), '+3,5:one->first\n+1,2:\xe9->\0\xff\n+3,7:one->second\n\n\n');
  });
  it('a large file in pieces, and made again from its dump', async () => {
    const large = makeCdb(Array.from({ length: 20_000 }, (_, i) => ({ key: `user${i}`, data: `data ${i}` })));
    fs.writeFileSync(inRoot('large.cdb'), large);
    const { stdout } = await run(['dump', 'large.cdb']);
    assert.deepEqual(await run(['make', 'again.cdb', 'again.tmp'], stdout), {
      exit: 0,
      stdout: Buffer.alloc(0),
      stderr: '',
    });
    assert.deepEqual(fs.readFileSync(inRoot('again.cdb')), large);
    assert.equal(fs.existsSync(inRoot('again.tmp')), false);
  });
});

describe('get', () => {
  const rows: [string, string[], number, string][] = [
    ['the first record', ['one'], 0, 'first'],
    ['the second', ['one', '1'], 0, 'second\n'],
    ['no third', ['one', '2'], 100, ''],
    ['a key of bytes', ['\xe9'], 0, '\0\xff'],
    ['no such key', ['two'], 100, ''],
  ];
  for (const [why, args, exit, stdout] of rows) {
    it(why, async () => {
      const ran = await run(['get', 'sample.cdb', ...args]);
      assert.deepEqual([ran.exit, ran.stdout.toString('latin1')], [exit, stdout]);
    });
  }
});

describe('failures', () => {
  const rows: [string, string[], string, number, RegExp][] = [
    ['usage', [], '', 100, /^cdb: usage: /],
    ['an unknown act', ['list', 'sample.cdb'], '', 100, /^cdb: usage: /],
    ['get without a key', ['get', 'sample.cdb'], '', 100, /^cdb: usage: /],
    ['skip that is no number', ['get', 'sample.cdb', 'one', 'x'], '', 100, /^cdb: usage: /],
    ['no file', ['dump', 'none.cdb'], '', 111, /^cdb: fatal: unable to read none.cdb: file does not exist\n$/],
    ['a directory', ['dump', '.'], '', 111, /^cdb: fatal: /],
    ['a corrupt file', ['dump', 'cut.cdb'], '', 111, /^cdb: fatal: .*cut\.cdb.*points past the end\n$/],
    ['a malformed text', ['make', 'new.cdb', 'new.tmp'], '+1,1:a->b\n', 111, /entry 2: the text ends/],
    ['no directory', ['make', 'x/new.cdb', 'x/new.tmp'], '\n', 111, /unable to create x\/new.tmp: file does not exist/],
  ];
  for (const [why, args, stdin, exit, stderr] of rows) {
    it(why, async () => {
      const ran = await run(args, stdin);
      assert.equal(ran.exit, exit);
      assert.match(ran.stderr, stderr);
      assert.equal(ran.stdout.length, 0);
      assert.equal(fs.existsSync(inRoot('new.cdb')), false);
    });
  }
});
