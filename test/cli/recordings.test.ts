// Every recorded scenario of the original tools, replayed with ours (fixtures/recordings/{vpopmail,users}; tcprules.test.ts has those of tcprules). What differs is in
// one list with its reasons.

import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { recordingNames } from '../support/recording.js';
import { deliberateDifferences, notReplayed } from './recordings/deliberate-differences.js';
import { type Difference, replay } from './recordings/replay.js';

// Tools print times of this process's zone.
process.env.TZ = 'UTC';

const reasons = new Map(deliberateDifferences.flatMap(({ why, at }) => at.map((place) => [place, why])));
const met = new Set<string>();

function placeOf({ recording, step, what }: Difference): string {
  return `${recording} ${step} ${what}`;
}

function shown(difference: Difference): string {
  const { ran, recorded, ours } = difference;
  return `${placeOf(difference)}: ${ran}\n  recorded ${JSON.stringify(recorded)}\n  ours     ${JSON.stringify(ours)}`;
}

// Some wait for programs, so others can go on.
describe('recordings', { concurrency: 4 }, () => {
  for (const kind of ['users', 'vpopmail']) {
    for (const name of recordingNames(kind)) {
      if (notReplayed[name] !== undefined) continue;
      it(`${kind}/${name}`, async () => {
        const differences = await replay(kind, name);
        for (const difference of differences) met.add(placeOf(difference));
        const unexplained = differences.filter((difference) => !reasons.has(placeOf(difference)));
        assert.equal(unexplained.map(shown).join('\n'), '');
      });
    }
  }
});

test('every difference on purpose is still one', () => {
  assert.deepEqual(
    [...reasons.keys()].filter((place) => !met.has(place)),
    [],
  );
});
