// Every recorded scenario of the original tools, replayed with ours (fixtures/recordings/{vpopmail,users}; tcprules.test.ts has those of tcprules). What differs is in
// one list with its reasons.

import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { recordingNames } from '../support/recording.js';
import { deliberateDifferences, notReplayed } from './recordings/deliberate-differences.js';
import { type DifferingStep, replay } from './recordings/replay.js';

// Tools print times of this process's zone.
process.env.TZ = 'UTC';

/** The entries of the list that were met, as texts. */
const met = new Set<string>();
const places = new Set(deliberateDifferences.flatMap(({ at = [] }) => at));
const refusals = new Map(
  deliberateDifferences
    .flatMap(({ refused = [] }) => refused)
    .map(([recording, step, exit, says]) => [`${recording} ${step} refused`, `${exit} ${says}`]),
);

/** What of a step is not in the list, for people. */
function unexplained(differing: DifferingStep): string[] {
  const { recording, step, ran, outcome, isTreeUntouched, differences } = differing;
  const refusal = `${recording} ${step} refused`;
  const said = `${outcome.exits.join(' ')} ${outcome.stdout}${outcome.stderr}`;
  if (refusals.get(refusal) === said && isTreeUntouched) {
    met.add(refusal);
    return [];
  }
  return differences.flatMap(({ what, recorded, ours }) => {
    const place = `${recording} ${step} ${what}`;
    met.add(place);
    if (places.has(place)) return [];
    return `${place}: ${ran}\n  recorded ${JSON.stringify(recorded)}\n  ours     ${JSON.stringify(ours)}`;
  });
}

// Some wait for programs, so others can go on.
describe('recordings', { concurrency: 4 }, () => {
  for (const kind of ['users', 'vpopmail']) {
    for (const name of recordingNames(kind)) {
      if (notReplayed[name] !== undefined) continue;
      it(`${kind}/${name}`, async () => {
        const differing = await replay(kind, name);
        assert.equal(differing.flatMap(unexplained).join('\n'), '');
      });
    }
  }
});

test('every difference on purpose is still one', () => {
  const listed = [...places, ...refusals.keys()];
  assert.deepEqual(
    listed.filter((place) => !met.has(place)),
    [],
  );
});
