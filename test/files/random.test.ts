import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomBytes } from '../../src/files/random.js';

test('random bytes are as many as asked for, and others each time', () => {
  for (const length of [0, 1, 16, 5000]) assert.equal(randomBytes(length).length, length);
  const drawn = new Set(Array.from({ length: 1000 }, () => randomBytes(12).toString('hex')));
  assert.equal(drawn.size, 1000);
});

test('every byte comes up', () => {
  assert.equal(new Set(randomBytes(100_000)).size, 256);
});
