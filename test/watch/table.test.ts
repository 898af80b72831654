// The tables of names in which accounts are kept, against a plain map.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { differingRows, emptyTable, type Table, TableBuilder } from '../../src/watch/changes/table.js';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '\u00e9', '\u00ff', '.'), maxLength: 4 });
const rows = fc.array(fc.tuple(name, fc.tuple(fc.nat(3), fc.nat(0xffff_ffff))), { maxLength: 30 });
type Rows = [string, [number, number]][];

function tableOf(all: Rows): Table {
  const builder = new TableBuilder(2, 1);
  for (const [key, cells] of all) builder.add(latin1(key), 0, key.length, cells);
  return builder.finish();
}

/** Of rows with the same name the first counts. */
function mapOf(all: Rows): Map<string, [number, number]> {
  return new Map([...all].reverse());
}

test('a table holds what was added, in the order of bytes, the first of each name', () => {
  fc.assert(
    fc.property(rows, (all) => {
      const table = tableOf(all);
      const expected = [...mapOf(all)].sort(([a], [b]) => Buffer.compare(latin1(a), latin1(b)));
      const found = Array.from({ length: table.size }, (_, row) => [
        table.nameOf(row),
        [table.cell(row, 0), table.cell(row, 1)],
      ]);
      assert.deepEqual(found, expected);
      for (const [row, [key]] of expected.entries()) assert.equal(table.find(latin1(key)), row);
      assert.equal(table.find(latin1('not there')), undefined);
    }),
  );
});

test('differing rows are those of the maps', () => {
  fc.assert(
    fc.property(rows, rows, (one, other) => {
      const [before, after] = [tableOf(one), tableOf(other)];
      const found = [...differingRows(before, after)].map((row) => {
        if (row?.after !== undefined) return after.nameOf(row.after);
        return row?.before === undefined ? undefined : before.nameOf(row.before);
      });
      const [was, is] = [mapOf(one), mapOf(other)];
      const names = [...new Set([...was.keys(), ...is.keys()])];
      const expected = names.filter((key) => was.get(key)?.join() !== is.get(key)?.join());
      assert.deepEqual([...found].sort(), expected.sort());
    }),
  );
});

test('rows put in the place of others make the table of all of them', () => {
  fc.assert(
    fc.property(rows, rows, fc.nat(), fc.nat(), (one, other, from, length) => {
      const table = tableOf(one);
      const start = from % (table.size + 1);
      const end = Math.min(table.size, start + (length % 4));
      const kept = [...mapOf(one)]
        .sort(([a], [b]) => Buffer.compare(latin1(a), latin1(b)))
        .filter((_, row) => row < start || row >= end);
      const replacement = tableOf(other);
      const [first, last] = [kept[start - 1], kept[start]];
      const fits = [...mapOf(other).keys()].every(
        (key) =>
          (first === undefined || Buffer.compare(latin1(first[0]), latin1(key)) < 0) &&
          (last === undefined || Buffer.compare(latin1(key), latin1(last[0])) < 0),
      );
      const made = table.withRows(start, end, replacement);
      assert.equal(made !== undefined, fits);
      if (made === undefined) return;
      const expected = tableOf([...kept, ...mapOf(other)]);
      assert.equal(made.size, expected.size);
      assert.deepEqual([...differingRows(made, expected)], []);
    }),
  );
});

test('a long walk offers pauses', () => {
  const builder = new TableBuilder(1);
  for (let n = 0; n < 10_000; n++) builder.add(latin1(`<${n}>`), 1, String(n).length + 1, [n]);
  const pauses = [...differingRows(emptyTable(1), builder.finish())].filter((row) => row === undefined);
  assert.equal(pauses.length, 2);
});

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
