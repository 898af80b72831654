// The table of a mailbox's messages beside a plain list of them, through changes of every kind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { flagBits } from '../../../src/formats/mailbox/message-flags.js';
import { bitsOfPlace, MessageTable } from '../../../src/stores/mailboxes/folder/message-table.js';

interface Row {
  readonly uid: number;
  readonly base: string;
  readonly info: string;
  readonly isNew: boolean;
  readonly modSeq: number;
}

const places = fc.record({ info: fc.constantFrom('', '2,', '2,S', '2,FS'), isNew: fc.boolean() });
const changes = fc.oneof(
  fc.record({ append: fc.array(places, { minLength: 1, maxLength: 4 }), gap: fc.nat(3) }),
  fc.record({ between: places }),
  fc.record({ change: fc.nat(), to: places }),
  fc.record({ number: fc.nat(), modSeq: fc.nat() }),
  fc.record({ remove: fc.uniqueArray(fc.nat(20), { minLength: 1, maxLength: 20 }) }),
);

test('appended, put in between, changed and removed: the table is what a list of its rows would be', () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 30 }), (all) => {
      const table = new MessageTable();
      let rows: Row[] = [];
      const named = (uid: number, place: { info: string; isNew: boolean }): Row => ({
        ...place,
        uid,
        base: `m${uid}`,
        modSeq: 0,
      });
      for (const one of all) {
        const last = rows.at(-1)?.uid ?? 0;
        if ('append' in one) {
          const first = last + 1 + one.gap;
          const added = one.append.map((place, index) => named(first + index, place));
          table.append(added, first);
          rows.push(...added);
        } else if ('between' in one) {
          const free = Array.from({ length: last }, (_, index) => index + 1).find((uid) =>
            rows.every((row) => row.uid !== uid),
          );
          const row = named(free ?? last + 1, one.between);
          const first = table.add([row]);
          rows = [...rows, row].sort((a, b) => a.uid - b.uid);
          assert.ok(first <= rows.indexOf(row));
        } else if ('remove' in one) {
          const gone = one.remove.filter((index) => index < rows.length).sort((a, b) => a - b);
          table.remove(gone);
          rows = rows.filter((_, index) => !gone.includes(index));
        } else if (rows.length > 0) {
          const index = ('change' in one ? one.change : one.number) % rows.length;
          const row = rows[index] as Row;
          if ('change' in one) {
            const { info, isNew } = one.to;
            table.setPlace(index, isNew, info, bitsOfPlace(info, isNew));
            rows[index] = { ...row, info, isNew };
          } else {
            table.setModSeq(index, one.modSeq);
            rows[index] = { ...row, modSeq: one.modSeq };
          }
        }
        check(table, rows);
      }
    }),
  );
});

function check(table: MessageTable, rows: readonly Row[]): void {
  const found = rows.map((_, index) => ({
    uid: table.uidAt(index),
    base: table.baseAt(index),
    info: table.infoAt(index),
    isNew: table.isNewAt(index),
    modSeq: table.modSeqAt(index),
  }));
  assert.deepEqual(
    found,
    rows.map(({ uid, base, info, isNew, modSeq }) => ({ uid, base, info, isNew, modSeq })),
  );
  const bits = rows.map(({ info, isNew }) => bitsOfPlace(info, isNew));
  const unseen = bits.findIndex((some) => (some & flagBits.seen) === 0);
  assert.equal(table.count, rows.length);
  assert.equal(table.firstUnseen, unseen < 0 ? rows.length : unseen);
  assert.equal(
    table.usedBits,
    bits.reduce((used, some) => used | some, 0),
  );
  assert.equal(table.newCount, rows.filter(({ isNew }) => isNew).length);
}
