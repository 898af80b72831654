import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clearTimeouts,
  countTimeout,
  isBackedOff,
  parseTcpto,
  type TcptoChange,
} from '../../../src/formats/queue/tcpto.js';

/** qmail's own, from its documentation: 127.0.0.9, one timeout. */
const recorded = Buffer.from('7f00000901000000 7af4046b00000000'.replaceAll(' ', ''), 'hex');
const then = 0x6b04f47a;

function applied(table: Buffer, change: TcptoChange | undefined): Buffer {
  const copy = Buffer.from(table);
  if (change !== undefined) change.bytes.copy(copy, change.offset);
  return copy;
}

test('a record', () => {
  assert.deepEqual(parseTcpto(recorded), [{ ip: '127.0.0.9', timeouts: 1, lastSeconds: then }]);
  assert.equal(parseTcpto(Buffer.alloc(1024)).length, 64);
  assert.equal(parseTcpto(Buffer.alloc(40)).length, 2);
  assert.deepEqual(applied(Buffer.alloc(16), countTimeout(Buffer.alloc(16), '127.0.0.9', then)), recorded);
});

test('two timeouts back an address off, for as long as the spread says', () => {
  assert.equal(countTimeout(recorded, '127.0.0.9', then + 119), undefined, 'too soon to be counted');
  const two = applied(recorded, countTimeout(recorded, '127.0.0.9', then + 120));
  const records = parseTcpto(two);
  assert.deepEqual(records, [{ ip: '127.0.0.9', timeouts: 2, lastSeconds: then + 120 }]);
  assert.equal(isBackedOff(parseTcpto(recorded), '127.0.0.9', then, 0), false, 'one is not enough');
  assert.equal(isBackedOff(records, '127.0.0.9', then + 120 + 3839, 0), true);
  assert.equal(isBackedOff(records, '127.0.0.9', then + 120 + 3840, 0), false);
  assert.equal(isBackedOff(records, '127.0.0.9', then + 120 + 5823, 31), true);
  assert.equal(isBackedOff(records, '127.0.0.8', then + 120, 31), false);
  assert.equal(parseTcpto(applied(two, clearTimeouts(two, '127.0.0.9')))[0]?.timeouts, 0);
  assert.equal(clearTimeouts(two, '127.0.0.8'), undefined);
});

test('ten timeouts are the most', () => {
  let table: Buffer = Buffer.alloc(16);
  for (let i = 1; i <= 12; i++) table = applied(table, countTimeout(table, '192.0.2.1', i * 200));
  assert.deepEqual(parseTcpto(table), [{ ip: '192.0.2.1', timeouts: 10, lastSeconds: 2400 }]);
});

test('a new address takes a free record, else that of the fewest and oldest timeouts', () => {
  let table: Buffer = Buffer.alloc(48);
  for (const [index, ip] of ['192.0.2.1', '192.0.2.2', '192.0.2.3'].entries())
    table = applied(table, countTimeout(table, ip, 10_000 + index));
  assert.deepEqual(
    parseTcpto(table).map(({ ip }) => ip),
    ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
  );
  table = applied(table, countTimeout(table, '192.0.2.1', 10_200));
  assert.equal(countTimeout(table, '192.0.2.9', 10_300)?.offset, 16);
  table = applied(table, clearTimeouts(table, '192.0.2.3'));
  assert.equal(countTimeout(table, '192.0.2.9', 10_300)?.offset, 32);
  assert.equal(countTimeout(Buffer.alloc(0), '192.0.2.9', 1), undefined, 'no table');
});

test('bytes that nobody uses stay', () => {
  const table = Buffer.alloc(16, 0xee);
  Buffer.from([192, 0, 2, 1, 1]).copy(table);
  const change = countTimeout(table, '192.0.2.1', 0xffffffff);
  assert.equal(change?.bytes.toString('hex'), 'c000020102eeeeeeffffffffeeeeeeee');
});
