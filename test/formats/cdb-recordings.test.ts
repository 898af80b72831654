// Every cdb file in the recordings (users/cdb, vpasswd.cdb, smtp.cdb, morercpthosts.cdb): its records, made into a file again, are the same bytes, and each is found.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CorruptFileError } from '../../src/errors.js';
import { bufferSource, type CdbRecord, cdbFindAll, cdbRecords, makeCdb } from '../../src/formats/databases/cdb.js';
import { verifyCdb } from '../../src/formats/databases/cdb-verify.js';
import { contentOf, type Entry, loadRecording, recordingNames } from '../support/recording.js';

/** The different cdb files of a recording with where they were seen. */
function recordedFiles(kind: string, name: string): { where: string; bytes: Buffer }[] {
  const recording = loadRecording(kind, name);
  const trees: Readonly<Record<string, Entry | string | null>>[] = [recording.before];
  for (const step of recording.steps) trees.push(step.changed ?? {}, step.write ?? {});
  const found = new Map<string, { where: string; bytes: Buffer }>();
  for (const tree of trees) {
    for (const [where, entry] of Object.entries(tree)) {
      if (!/cdb$/.test(where) || entry === null || typeof entry === 'string') continue;
      if (entry.type !== undefined && entry.type !== 'file') continue;
      const bytes = contentOf(entry);
      found.set(bytes.toString('base64'), { where, bytes });
    }
  }
  return [...found.values()];
}

/** The records; undefined for a file that is corrupt. */
function recordsOf(bytes: Buffer): CdbRecord[] | undefined {
  try {
    verifyCdb(bufferSource(bytes), 'recorded.cdb');
    return [...cdbRecords(bufferSource(bytes), 'recorded.cdb')];
  } catch (error) {
    assert.ok(error instanceof CorruptFileError);
    return undefined;
  }
}

/** Where broken files were put on purpose (empty, text, zeros, FF bytes), and how many different ones. */
const broken = new Map([
  ['vpopmail/cdb-corrupt', 5],
  ['vpopmail/cdb-stale', 1],
  ['delivery/broken-vpasswd', 1],
]);

describe('recorded cdb files', () => {
  for (const kind of ['users', 'vpopmail', 'smtp', 'delivery', 'pop3']) {
    for (const name of recordingNames(kind)) {
      const files = recordedFiles(kind, name);
      if (files.length === 0) continue;
      it(`${kind}/${name}: ${files.length}`, () => {
        let corrupt = 0;
        for (const { where, bytes } of files) {
          const records = recordsOf(bytes);
          if (records === undefined) corrupt++;
          else assertSame(where, bytes, records);
        }
        assert.equal(corrupt, broken.get(`${kind}/${name}`) ?? 0);
      });
    }
  }
});

function assertSame(where: string, bytes: Buffer, records: readonly CdbRecord[]): void {
  assert.deepEqual(makeCdb(records), bytes, where);
  for (const { key, data } of records) {
    assert.ok(cdbFindAll(bufferSource(bytes), key, where).some((found) => found.equals(data)));
  }
}
