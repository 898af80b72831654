// Other programs read our cdb files and we read theirs: freecdb's cdbmake, cdbdump and cdbget, and tinycdb's cdb. The files are the same, byte for byte.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { cdb } from '../../src/cli/cdb.js';
import {
  bufferSource,
  type CdbRecord,
  cdbFind,
  cdbFindAll,
  cdbRecords,
  makeCdb,
} from '../../src/formats/databases/cdb.js';
import { serializeCdbText } from '../../src/formats/databases/cdb-text.js';
import { Layout } from '../../src/layout.js';
import { capturedIo } from '../support/captured-io.js';
import { needs } from '../support/needs.js';
import { newRoot, removeRoot } from '../support/recording.js';

const root = newRoot();
after(() => removeRoot(root));

const inRoot = (name: string): string => path.join(root, name);
const plain = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Runs a program and gives its standard output; it must end with the expected exit code. */
function run(program: string, args: readonly string[], input: Buffer | string = '', expected = 0): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, input, maxBuffer: 1 << 28 });
  assert.equal(error, undefined);
  assert.equal(status, expected, `${program} ${args.join(' ')}: ${stderr.toString()}`);
  return stdout;
}

/** Runs a program on a file as its standard input: these read only the part of it that they need. */
function runOn(program: string, args: readonly string[], name: string, expected = 0): Buffer {
  const descriptor = fs.openSync(inRoot(name), 'r');
  const { status, stdout } = spawnSync(program, args, { stdio: [descriptor, 'pipe', 'pipe'], maxBuffer: 1 << 28 });
  fs.closeSync(descriptor);
  assert.equal(status, expected, `${program} ${args.join(' ')}`);
  return stdout;
}

const oddRecords: CdbRecord[] = [
  { key: plain('one'), data: plain('Hello') },
  { key: plain(''), data: plain('the empty key') },
  { key: plain('one'), data: plain('again') },
  { key: plain('a\n->b\0'), data: plain('\n\n+1,1:a->b\n') },
  { key: plain('\xff\xe9'), data: plain('') },
  { key: plain('large'), data: Buffer.alloc(100_000, 'x\0') },
];
const manyRecords: CdbRecord[] = Array.from({ length: 5000 }, (_, i) => ({
  key: plain(`user${i % 4000}@example.jp`),
  data: plain(`data ${i}`),
}));
const sets: [string, CdbRecord[]][] = [
  ['no records', []],
  ['one record', oddRecords.slice(0, 1)],
  ['odd records', oddRecords],
  ['five thousand, some twice', manyRecords],
];

describe('the same bytes', () => {
  for (const [why, records] of sets) {
    it(`${why}: cdbmake`, (t) => {
      if (!needs(t, 'cdbmake')) return;
      run('cdbmake', ['theirs.cdb', 'theirs.tmp'], serializeCdbText(records));
      assert.deepEqual(makeCdb(records), fs.readFileSync(inRoot('theirs.cdb')));
    });
    it(`${why}: cdb -c`, (t) => {
      if (!needs(t, 'cdb')) return;
      run('cdb', ['-c', 'tiny.cdb'], serializeCdbText(records));
      assert.deepEqual(makeCdb(records), fs.readFileSync(inRoot('tiny.cdb')));
    });
  }

  it('random record sets', (t) => {
    if (!needs(t, 'cdbmake')) return;
    const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
      fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
    const records = fc.array(
      fc.tuple(bytes(6), bytes(40)).map(([key, data]) => ({ key, data })),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(records, (set) => {
        run('cdbmake', ['theirs.cdb', 'theirs.tmp'], serializeCdbText(set));
        assert.deepEqual(makeCdb(set), fs.readFileSync(inRoot('theirs.cdb')));
      }),
      { numRuns: 30 },
    );
  });
});

describe('they read ours', () => {
  for (const [why, records] of sets) {
    it(`${why}: cdbdump and cdb -d list them`, (t) => {
      if (!needs(t, 'cdbdump', 'cdb')) return;
      const ours = makeCdb(records);
      fs.writeFileSync(inRoot('ours.cdb'), ours);
      const text = serializeCdbText(records);
      assert.deepEqual(runOn('cdbdump', [], 'ours.cdb'), text);
      assert.deepEqual(run('cdb', ['-d', 'ours.cdb']), text);
    });
  }

  it('cdbget and cdb -q find what we find', (t) => {
    if (!needs(t, 'cdbget', 'cdb')) return;
    const ours = makeCdb(manyRecords);
    fs.writeFileSync(inRoot('ours.cdb'), ours);
    for (const key of ['user0@example.jp', 'user999@example.jp', 'user3999@example.jp']) {
      const all = cdbFindAll(bufferSource(ours), key, 'ours.cdb');
      assert.deepEqual(runOn('cdbget', [key], 'ours.cdb'), all[0]);
      const listed = run('cdb', ['-q', '-m', 'ours.cdb', key]).toString();
      assert.equal(listed, all.map((data) => `${data.toString()}\n`).join(''));
    }
    runOn('cdbget', ['nobody'], 'ours.cdb', 100);
    assert.equal(cdbFind(bufferSource(ours), 'nobody', 'ours.cdb'), undefined);
  });
});

describe('we read theirs', () => {
  it('the records of cdbmake and cdb -c', (t) => {
    if (!needs(t, 'cdbmake', 'cdb')) return;
    run('cdbmake', ['theirs.cdb', 'theirs.tmp'], serializeCdbText(oddRecords));
    run('cdb', ['-c', 'tiny.cdb'], serializeCdbText(oddRecords));
    for (const name of ['theirs.cdb', 'tiny.cdb']) {
      const source = bufferSource(fs.readFileSync(inRoot(name)));
      assert.deepEqual([...cdbRecords(source, name)], oddRecords);
      for (const { key } of oddRecords) assert.ok(cdbFind(source, key, name));
    }
  });
});

describe('vqmail cdb', () => {
  it('dump prints what cdbdump prints, make makes what cdbmake makes', async (t) => {
    if (!needs(t, 'cdbdump', 'cdbmake')) return;
    const text = serializeCdbText(oddRecords);
    run('cdbmake', ['theirs.cdb', 'theirs.tmp'], text);
    const tool = async (args: string[], stdin: Buffer = Buffer.alloc(0)): Promise<Buffer> => {
      const io = capturedIo({ layout: new Layout({ root }), workingDirectory: root, stdin });
      assert.equal(await cdb(args, io), 0);
      return io.written().stdout;
    };
    assert.deepEqual(await tool(['dump', 'theirs.cdb']), runOn('cdbdump', [], 'theirs.cdb'));
    await tool(['make', 'made.cdb', 'made.tmp'], text);
    assert.deepEqual(fs.readFileSync(inRoot('made.cdb')), fs.readFileSync(inRoot('theirs.cdb')));
  });
});
