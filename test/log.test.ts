import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sparing } from '../src/log.js';

test('lines that anybody can cause: the first ones, then how many more, then the first ones again', async () => {
  const lines: string[] = [];
  const tell = sparing({ most: 2, ms: 100 }, (count) => `${count} more`);
  const write = (line: string): void => void lines.push(line);
  for (const text of ['a', 'b', 'c', 'd', 'e']) tell(text, write);
  assert.deepEqual(lines, ['a', 'b']);
  while (lines.length < 3) await sleep(5);
  tell('f', write);
  tell('g', write);
  assert.deepEqual(lines, ['a', 'b', '3 more', 'f', 'g']);
  await sleep(150);
  tell('h', write);
  assert.deepEqual(lines.slice(5), ['h'], 'nothing was left out, so nothing is said');
});
