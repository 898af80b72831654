// formats/databases/cdb: the layout worked out by hand, look-ups, and files that are damaged.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CorruptFileError, PermanentError } from '../../../src/errors.js';
import {
  bufferSource,
  CdbMaker,
  type CdbSource,
  cdbFind,
  cdbFindAll,
  cdbHash,
  cdbRecords,
  makeCdb,
} from '../../../src/formats/databases/cdb.js';
import { verifyCdb } from '../../../src/formats/databases/cdb-verify.js';

const find = (bytes: Buffer, key: string | Buffer): string | undefined =>
  cdbFind(bufferSource(bytes), key, 'x.cdb')?.toString('latin1');

const pairs = (bytes: Buffer): string[][] =>
  [...cdbRecords(bufferSource(bytes), 'x.cdb')].map(({ key, data }) => [
    key.toString('latin1'),
    data.toString('latin1'),
  ]);

/** Counts and forbids reads outside the file, as a source over a real file would answer them with less. */
function countingSource(bytes: Buffer): CdbSource & { reads: number } {
  const source = {
    size: bytes.length,
    reads: 0,
    read(offset: number, length: number): Buffer {
      source.reads++;
      return Buffer.from(bytes.subarray(offset, offset + length));
    },
  };
  return source;
}

describe('the hash', () => {
  const rows: [string, string, number][] = [
    ['the empty key', '', 0x00001505],
    ['one letter', 'a', 0x0002b5c4],
    ['a prefix of addresses', '127.', 0x7c5406df],
    ['an address', '1.2.3.4', 0x3c4cfacf],
    ['a simple assignment, with its NUL', '!joe\0', 0x05e43c84],
    ['a wildcard assignment', '!alias', 0xc1f84cd2],
    ['a domain', 'example.com', 0xe8b78f82],
    ['bytes above 127 count as unsigned', '\xc3\xa9', 0x0059628f],
  ];
  for (const [why, key, hash] of rows) {
    it(why, () => {
      assert.equal(cdbHash(key), hash);
      assert.equal(cdbHash(Buffer.from(key, 'latin1')), hash);
    });
  }
});

describe('making', () => {
  it('a database without records is 256 times the end of the header', () => {
    const bytes = new CdbMaker().finish();
    assert.equal(bytes.length, 2048);
    assert.equal(bytes.toString('hex'), '0008000000000000'.repeat(256));
  });

  it('lays out one record, its table of two slots and the positions of empty tables', () => {
    const bytes = makeCdb([{ key: 'a', data: 'b' }]);
    assert.equal(bytes.subarray(2048).toString('hex'), '01000000010000006162' + '0000000000000000c4b5020000080000');
    assert.equal(bytes.readUInt32LE(195 * 8), 2058, 'tables before the used one begin where it begins');
    assert.equal(bytes.readUInt32LE(197 * 8), 2074, 'tables behind it begin where it ends');
  });

  it('puts records of one table in the order in which they were added, wrapping at the end', () => {
    const bytes = makeCdb([
      { key: '192.0.2.1', data: '+A=1\0' },
      { key: '192.0.2.1', data: 'D\0' },
    ]);
    const table = `a2145f7c00080000a2145f7c16080000${'00'.repeat(16)}`;
    assert.equal(bytes.subarray(2089).toString('hex'), table);
  });

  it('takes strings as Latin-1 and buffers as they are', () => {
    const text = makeCdb([{ key: '\xe9', data: '\xff\0' }]);
    assert.deepEqual(text, makeCdb([{ key: Buffer.from([0xe9]), data: Buffer.from([0xff, 0]) }]));
  });

  it('grows over many records and long ones', () => {
    const maker = new CdbMaker();
    const long = 'x'.repeat(3_000_000);
    for (let i = 0; i < 20_000; i++) maker.add(`key ${i}`, i === 7_000 ? long : `data ${i}`);
    const bytes = maker.finish();
    assert.equal(maker.count, 20_000);
    assert.equal(verifyCdb(bufferSource(bytes), 'x.cdb'), 20_000);
    assert.equal(find(bytes, 'key 7000'), long);
    assert.equal(find(bytes, 'key 19999'), 'data 19999');
    assert.equal(find(bytes, 'key 20000'), undefined);
  });

  it('refuses what would be larger than its limit and stays usable', () => {
    const maker = new CdbMaker(2048 + 2 * (8 + 2 + 16));
    maker.add('a', '1');
    assert.throws(() => maker.add('b', '22'), PermanentError);
    maker.add('c', '3');
    assert.equal(maker.finish().length, 2048 + 2 * 26);
    assert.throws(() => maker.add('', ''), PermanentError);
  });
});

describe('looking up', () => {
  const bytes = makeCdb([
    { key: 'one', data: 'first' },
    { key: '', data: 'of the empty key' },
    { key: 'one', data: 'second' },
    { key: 'nothing', data: '' },
    { key: 'one', data: '' },
  ]);

  it('the first record of a key wins', () => assert.equal(find(bytes, 'one'), 'first'));
  it('all records of a key come in order', () => {
    const all = cdbFindAll(bufferSource(bytes), 'one', 'x.cdb').map(String);
    assert.deepEqual(all, ['first', 'second', '']);
  });
  it('the empty key is a key', () => assert.equal(find(bytes, ''), 'of the empty key'));
  it('empty data is not absence', () => assert.equal(find(bytes, 'nothing'), ''));
  it('an absent key is undefined', () => assert.equal(find(bytes, 'two'), undefined));
  it('records are listed in order', () => {
    assert.deepEqual(
      pairs(bytes).map(([key]) => key),
      ['one', '', 'one', 'nothing', 'one'],
    );
  });
  it('data longer than what is read with the key is whole', () => {
    for (const length of [150, 191, 192, 193, 200, 5000]) {
      assert.equal(find(makeCdb([{ key: 'k', data: 'x'.repeat(length) }]), 'k')?.length, length);
    }
  });
  it('costs three short reads', () => {
    const many = makeCdb(Array.from({ length: 5000 }, (_, i) => ({ key: `user${i}`, data: 'x' })));
    const source = countingSource(many);
    assert.equal(cdbFind(source, 'user77', 'x.cdb')?.toString(), 'x');
    assert.equal(source.reads, 3);
  });

  it('takes tables of any size: more slots than twice the records, and a full one', () => {
    for (const slots of [1, 3, 64]) {
      const file = Buffer.concat([
        makeCdb([]),
        Buffer.from('0100000001000000' + '6162', 'hex'),
        Buffer.alloc(slots * 8),
      ]);
      const hash = cdbHash('a');
      file.writeUInt32LE(2058, (hash & 0xff) * 8);
      file.writeUInt32LE(slots, (hash & 0xff) * 8 + 4);
      const slot = 2058 + ((hash >>> 8) % slots) * 8;
      file.writeUInt32LE(hash, slot);
      file.writeUInt32LE(2048, slot + 4);
      assert.equal(find(file, 'a'), 'b');
    }
  });

  it('ends in a full table that does not hold the key', () => {
    const hash = cdbHash('a');
    const file = Buffer.concat([makeCdb([]), Buffer.from('0100000001000000' + '6262', 'hex'), Buffer.alloc(24 * 8)]);
    file.writeUInt32LE(2058, (hash & 0xff) * 8);
    file.writeUInt32LE(24, (hash & 0xff) * 8 + 4);
    for (let slot = 0; slot < 24; slot++) {
      file.writeUInt32LE(hash, 2058 + slot * 8);
      file.writeUInt32LE(2048, 2058 + slot * 8 + 4);
    }
    const source = countingSource(file);
    assert.equal(cdbFind(source, 'a', 'x.cdb'), undefined);
    assert.ok(source.reads < 40, `${source.reads} reads`);
    assert.equal(cdbFindAll(bufferSource(file), 'a', 'x.cdb').length, 0);
  });
});

describe('damaged files are corrupt, never "not found"', () => {
  const good = makeCdb([{ key: 'joe', data: 'joe:pw:0:0::/home/joe:NOQUOTA' }]);
  const table = cdbHash('joe') & 0xff;
  const changed = (change: (bytes: Buffer) => void): Buffer => {
    const bytes = Buffer.from(good);
    change(bytes);
    return bytes;
  };
  const rows: [string, Buffer, RegExp][] = [
    ['an empty file', Buffer.alloc(0), /ends within the header/],
    ['text', Buffer.from('no database\n'), /ends within the header/],
    ['a header that is cut', good.subarray(0, table * 8 + 4), /ends within the header/],
    ['no tables', good.subarray(0, good.length - 32), /points past the end/],
    ['a table that is cut', good.subarray(0, good.length - 1), /points past the end/],
    ['zeros, as a crash leaves them', Buffer.alloc(4096), /lies within the header/],
    ['FF bytes', Buffer.alloc(4096, 0xff), /points past the end/],
    ['a table of zeros behind a good header', changed((b) => b.fill(0, b.length - 16)), /2 slots and no record/],
    ['a slot past the end', changed((b) => slotTo(b, 0x7fffffff)), /slot points past the end/],
    ['a slot into the header', changed((b) => slotTo(b, 8)), /slot points past the end/],
    ['a key longer than the file', changed((b) => b.writeUInt32LE(0xfffffff0, 2048)), /longer than the file/],
    ['data longer than the file', changed((b) => b.writeUInt32LE(0xfffffff0, 2052)), /longer than the file/],
  ];
  /** Both slots of the only table name this position. */
  function slotTo(bytes: Buffer, position: number): void {
    for (const slot of [bytes.length - 16, bytes.length - 8]) {
      bytes.writeUInt32LE(cdbHash('joe'), slot);
      bytes.writeUInt32LE(position, slot + 4);
    }
  }
  for (const [why, bytes, message] of rows) {
    it(why, () => {
      const expected = (error: unknown): boolean =>
        error instanceof CorruptFileError && error.path === 'x.cdb' && message.test(error.message);
      assert.throws(() => find(bytes, 'joe'), expected);
      assert.throws(() => verifyCdb(bufferSource(bytes), 'x.cdb'), CorruptFileError);
    });
  }

  it('a file that became shorter than its size said', () => {
    const source: CdbSource = {
      size: good.length,
      read: (offset, length) => good.subarray(offset, offset + length - 1),
    };
    assert.throws(() => cdbFind(source, 'joe', 'x.cdb'), CorruptFileError);
  });

  it('listing stops where a record leaves its part of the file', () => {
    assert.throws(() => pairs(changed((b) => b.writeUInt32LE(1000, 2052))), /record is too long/);
    const cut = changed((b) => {
      for (let i = 0; i < 256; i++) b.writeUInt32LE(2052, i * 8);
    });
    assert.throws(() => pairs(cut), /record is cut short/);
  });

  it('verification finds a record that no table names, and a wrong hash', () => {
    const two = makeCdb([
      { key: 'a', data: '1' },
      { key: 'b', data: '2' },
    ]);
    const unnamed = Buffer.from(two);
    unnamed.fill(0, two.length - 16);
    assert.throws(() => verifyCdb(bufferSource(unnamed), 'x.cdb'), /no table names this record/);
    const twice = Buffer.from(two);
    two.copy(twice, two.length - 16, two.length - 8);
    assert.throws(() => verifyCdb(bufferSource(twice), 'x.cdb'), CorruptFileError);
    assert.equal(verifyCdb(bufferSource(two), 'x.cdb'), 2);
  });
});
