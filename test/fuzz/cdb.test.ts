// The cdb reader and maker against random records, random bytes and damaged files: a wrong file is a CorruptFileError or a plain answer, never a crash, an
// endless loop or a read outside the file; and "not found" for a key that is there is never said of a file that was only cut short.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CorruptFileError } from '../../src/errors.js';
import {
  bufferSource,
  type CdbRecord,
  type CdbSource,
  cdbFind,
  cdbFindAll,
  cdbRecords,
  makeCdb,
} from '../../src/formats/databases/cdb.js';
import { parseCdbText, serializeCdbText } from '../../src/formats/databases/cdb-text.js';
import { verifyCdb } from '../../src/formats/databases/cdb-verify.js';
import { compileRules, parseRule, RuleSyntaxError } from '../../src/formats/databases/tcprules.js';
import { parseRulesDocument, serializeRulesDocument } from '../../src/formats/databases/tcprules-document.js';
import { rulesRecordings } from '../support/tcprules-recordings.js';

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
/** Few different keys, so that they repeat. */
const key = fc.oneof(
  bytes(20),
  fc.constantFrom('', 'a', '!joe\0', '127.').map((text) => Buffer.from(text)),
);
const records: fc.Arbitrary<CdbRecord[]> = fc.array(
  fc.tuple(key, bytes(300)).map(([name, data]) => ({ key: name, data })),
  { maxLength: 200 },
);

/** A source that fails the test when it is asked for anything outside the file, or too often. */
function watchedSource(file: Buffer, mostReads: number): CdbSource {
  let reads = 0;
  return {
    size: file.length,
    read(offset, length) {
      assert.ok(offset >= 0 && length >= 0 && offset + length <= file.length, `${length} bytes at ${offset}`);
      assert.ok(++reads <= mostReads, 'too many reads');
      return file.subarray(offset, offset + length);
    },
  };
}

/** The answer, or 'corrupt'. Everything else is thrown on. */
function orCorrupt<T>(act: () => T): T | 'corrupt' {
  try {
    return act();
  } catch (error) {
    if (error instanceof CorruptFileError) return 'corrupt';
    throw error;
  }
}

/** Asks everything that a file can be asked. */
function askAll(file: Buffer, keys: readonly Buffer[]): void {
  // A look-up reads each slot of a table at most once, and a record for each.
  const most = 3 + file.length / 4;
  for (const wanted of keys) {
    orCorrupt(() => cdbFind(watchedSource(file, most), wanted, 'fuzz.cdb'));
    orCorrupt(() => cdbFindAll(watchedSource(file, most), wanted, 'fuzz.cdb'));
  }
  // Each of the 256 pairs of the header may name all the slots of the file.
  orCorrupt(() => verifyCdb(watchedSource(file, Number.POSITIVE_INFINITY), 'fuzz.cdb'));
  orCorrupt(() => [...cdbRecords(bufferSource(file), 'fuzz.cdb')]);
}

const someKeys = ['', 'a', '127.', '!joe\0', '10.1.2.3', 'x'.repeat(300)].map((text) => Buffer.from(text));

describe('record sets', () => {
  it('what was added is listed in order and found, the first of each key', () => {
    fc.assert(
      fc.property(records, key, (added, absent) => {
        const file = makeCdb(added);
        const source = bufferSource(file);
        assert.deepEqual([...cdbRecords(source, 'x')], added);
        assert.equal(verifyCdb(source, 'x'), added.length);
        for (const wanted of [...added.map((record) => record.key), absent]) {
          const all = added.filter((record) => record.key.equals(wanted)).map((record) => record.data);
          assert.deepEqual(cdbFindAll(source, wanted, 'x'), all);
          assert.deepEqual(cdbFind(source, wanted, 'x'), all[0]);
          assert.deepEqual(cdbFind(source, wanted.toString('latin1'), 'x'), all[0]);
        }
      }),
    );
  });

  it('the text form round-trips', () => {
    fc.assert(
      fc.property(records, (added) => {
        const text = serializeCdbText(added);
        assert.deepEqual([...parseCdbText(text, 'x')], added);
        assert.deepEqual(serializeCdbText(parseCdbText(text, 'x')), text);
      }),
    );
  });
});

describe('damage', () => {
  const real = rulesRecordings().flatMap(({ cdb }) => (cdb === undefined ? [] : [cdb.bytes]));
  const realFile = fc.constantFrom(...real);
  const keysOf = (file: Buffer): Buffer[] =>
    [...cdbRecords(bufferSource(file), 'x')].slice(0, 20).map((record) => record.key);

  it('random bytes', () => {
    fc.assert(fc.property(bytes(6000), (file) => askAll(file, someKeys)));
  });

  it('a random header over random bytes: small numbers, so that tables and records lie inside, overlap and point to each other', () => {
    const word = fc.oneof(fc.nat(2600), fc.nat(8), fc.constantFrom(0, 2048, 0xffffffff, 0x80000000));
    const file = fc.array(word, { minLength: 512, maxLength: 700 }).map((words) => {
      const made = Buffer.alloc(words.length * 4);
      for (const [index, value] of words.entries()) made.writeUInt32LE(value, index * 4);
      return made;
    });
    fc.assert(fc.property(file, (made) => askAll(made, someKeys)));
  });

  it('flipped bits in real files', () => {
    fc.assert(
      fc.property(realFile, fc.array(fc.nat(), { minLength: 1, maxLength: 8 }), (file, flips) => {
        const damaged = Buffer.from(file);
        for (const flip of flips) {
          const at = flip % (damaged.length * 8);
          damaged[at >> 3] = (damaged[at >> 3] ?? 0) ^ (1 << (at & 7));
        }
        askAll(damaged, [...someKeys, ...keysOf(file)]);
      }),
    );
  });

  it('real files cut short: every key that was there is found or the file is corrupt', () => {
    fc.assert(
      fc.property(realFile, fc.nat(), (file, cut) => {
        const damaged = file.subarray(0, cut % file.length);
        for (const wanted of keysOf(file)) {
          const answer = orCorrupt(() => cdbFind(watchedSource(damaged, 1000), wanted, 'x'));
          const whole = cdbFind(bufferSource(file), wanted, 'x');
          assert.ok(answer === 'corrupt' || (answer !== undefined && whole !== undefined && answer.equals(whole)));
        }
        assert.equal(
          orCorrupt(() => verifyCdb(bufferSource(damaged), 'x')),
          'corrupt',
        );
      }),
    );
  });

  it('real files whose end reads as zeros from a block boundary on, as after a crash: never "not found" in a small file', () => {
    for (const file of real.filter(({ length }) => length < 4096)) {
      const damaged = Buffer.from(file);
      damaged.fill(0, 2048);
      for (const wanted of keysOf(file)) {
        assert.equal(
          orCorrupt(() => cdbFind(bufferSource(damaged), wanted, 'x')),
          'corrupt',
        );
      }
    }
  });

  it('random text for the maker', () => {
    const piece = fc.constantFrom('+', '1', ',', ':', '->', '\n', 'a', '0', '4294967296', ' ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = Buffer.from(pieces.join(''));
        const parsed = orCorrupt(() => [...parseCdbText(text, 'x')]);
        if (parsed !== 'corrupt') assert.ok(serializeCdbText(parsed).length > 0);
      }),
    );
  });
});

describe('rules', () => {
  const line = fc
    .array(
      fc.constantFrom('10.', '1-3', ':', 'allow', 'deny', ',', 'A=', '"', 'x', '=', '@', ' ', '\t', '#', '\0', '\r'),
      { maxLength: 12 },
    )
    .map((pieces) => pieces.join(''));
  const text = fc.array(line, { maxLength: 10 }).map((lines) => Buffer.from(lines.join('\n'), 'latin1'));

  it('compile, or name the line; the document keeps every byte and calls the same lines broken', () => {
    fc.assert(
      fc.property(text, (rules) => {
        const document = parseRulesDocument(rules);
        assert.deepEqual(serializeRulesDocument(document), rules);
        const firstBroken = document.lines.findIndex(({ kind }) => kind === 'broken');
        try {
          for (const { data } of compileRules(rules, 'rules')) parseRule(Buffer.from(data, 'latin1'));
          assert.equal(firstBroken, -1);
        } catch (error) {
          assert.ok(error instanceof RuleSyntaxError);
          assert.equal(error.line, firstBroken + 1);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('any bytes', () => {
    fc.assert(
      fc.property(bytes(500), (data) => {
        parseRule(data);
        assert.deepEqual(serializeRulesDocument(parseRulesDocument(data)), data);
      }),
    );
  });
});
