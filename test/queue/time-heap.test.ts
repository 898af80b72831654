import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TimeHeap } from '../../src/queue/time-heap.js';

function drained(heap: TimeHeap): { id: string; seconds: number }[] {
  const all = [];
  for (let due = heap.take(); due !== undefined; due = heap.take()) all.push(due);
  return all;
}

test('the earliest first, whatever came when', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(1000)), { maxLength: 300 }),
      (entries) => {
        const heap = new TimeHeap();
        for (const [id, seconds] of entries) heap.insert(id.toString(), seconds);
        assert.equal(heap.size, entries.length);
        const all = drained(heap);
        assert.deepEqual(
          all.map(({ seconds }) => seconds),
          entries.map(([, seconds]) => seconds).sort((a, b) => a - b),
        );
        assert.deepEqual(all.map(({ id }) => id).sort(), entries.map(([id]) => id.toString()).sort());
        assert.equal(heap.earliest, undefined);
      },
    ),
  );
});

test('among equals the order is that of qmail-send', () => {
  const heap = new TimeHeap();
  for (const id of ['1', '2', '3', '4', '5', '6', '7']) heap.insert(id, 10);
  // Worked out by hand with the heap of prioq.c: the last one moves to the top, and of two equal children the left one rises.
  assert.deepEqual(
    drained(heap).map(({ id }) => id),
    ['1', '7', '6', '5', '4', '3', '2'],
  );
});

test('everything due now, and one with another time', () => {
  const heap = new TimeHeap();
  for (let n = 1; n <= 200; n++) heap.insert(String(n), n);
  assert.equal(heap.reschedule('150', 0), true);
  assert.equal(heap.reschedule('900', 0), false);
  assert.deepEqual(heap.take(), { id: '150', seconds: 0 });
  heap.makeAllDue(7);
  assert.equal(heap.earliest, 7);
  assert.ok([...heap].every(({ seconds }) => seconds === 7));
  assert.equal(drained(heap).length, 199);
});
