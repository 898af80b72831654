// The rule of the house: imports go one way, from a room to those below it; rooms of one floor do not know each other. migrate/ stands above src/, of which only the list of
// commands knows it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fixtures } from './support/recording.js';

const project = path.join(fixtures, '..');

/** From the lowest floor up. A name is a folder of src, or a file of src itself without its ending; `migrate` is the folder beside src. */
const floors: readonly (readonly string[])[] = [
  ['errors', 'layout', 'log'],
  ['mail'],
  ['formats', 'protocols', 'files', 'net'],
  ['stores'],
  ['auth', 'watch', 'delivery'],
  ['queue'],
  ['servers', 'admin'],
  ['settings', 'processes', 'main', 'cli'],
  ['migrate'],
];
const commandList = 'src/cli/commands.ts';

function roomOf(file: string): string {
  const [top = '', room = ''] = path.relative(project, file).split(path.sep);
  return top === 'src' ? room.replace(/\.[jt]s$/, '') : top;
}

function floorOf(room: string): number {
  const floor = floors.findIndex((rooms) => rooms.includes(room));
  assert.notEqual(floor, -1, `${room} has no floor`);
  return floor;
}

test('imports go one way', () => {
  const wrong: string[] = [];
  const names = ['src', 'migrate'].flatMap((folder) =>
    readdirSync(path.join(project, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name}`),
  );
  assert.ok(names.length > 100);
  for (const name of names) {
    const file = path.join(project, name);
    const from = roomOf(file);
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/(?:from|import\() ?'(\.[^']+)'/g)) {
      const to = roomOf(path.resolve(path.dirname(file), target));
      const mayMix = floorOf(from) === floorOf('cli') || floorOf(from) === 0;
      const allowed =
        to === from ||
        floorOf(to) < floorOf(from) ||
        (mayMix && floorOf(to) === floorOf(from)) ||
        (name === commandList && to === 'migrate');
      if (!allowed) wrong.push(`${name} imports ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});
