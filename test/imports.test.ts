// The rule of the house: imports go one way, from a room to those below it; rooms of one floor do not know each other.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fixtures } from './support/recording.js';

const source = path.join(fixtures, '../src');

/** From the lowest floor up. A name is a folder, or a file of src itself without its ending. */
const floors: readonly (readonly string[])[] = [
  ['errors', 'layout', 'log'],
  ['mail'],
  ['formats', 'protocols', 'files', 'net'],
  ['stores'],
  ['auth', 'watch', 'delivery'],
  ['queue'],
  ['servers', 'admin'],
  ['settings', 'processes', 'main', 'cli'],
];

function roomOf(file: string): string {
  return (path.relative(source, file).split(path.sep)[0] ?? '').replace(/\.[jt]s$/, '');
}

function floorOf(room: string): number {
  const floor = floors.findIndex((rooms) => rooms.includes(room));
  assert.notEqual(floor, -1, `${room} has no floor`);
  return floor;
}

test('imports go one way', () => {
  const wrong: string[] = [];
  const names = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  assert.ok(names.length > 100);
  for (const name of names) {
    const file = path.join(source, name);
    const from = roomOf(file);
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?'(\.[^']+)'/g)) {
      const to = roomOf(path.resolve(path.dirname(file), target));
      const isTop = floorOf(from) === floors.length - 1 || floorOf(from) === 0;
      const allowed = to === from || floorOf(to) < floorOf(from) || (isTop && floorOf(to) === floorOf(from));
      if (!allowed) wrong.push(`${name} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});
