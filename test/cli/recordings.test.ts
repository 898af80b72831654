// Every recorded scenario of the original tools, replayed with ours (fixtures/recordings/{vpopmail,users}; tcprules.test.ts has those of tcprules). What differs is in
// one list with its reasons.

import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { recordingNames } from '../support/recording.js';
import { deliberateDifferences, notReplayed, type RefusedStep } from './recordings/deliberate-differences.js';
import { type DifferingStep, replay } from './recordings/replay.js';

// Tools print times of this process's zone.
process.env.TZ = 'UTC';

/** The entries of the list that were met, as texts. */
const met = new Set<string>();
const places = deliberateDifferences.flatMap(({ at = [] }) => at);
const refusals = deliberateDifferences.flatMap(({ refused = [] }) => refused);

/** The entry that says that ours refuses this step in this way. */
function refusalOf({ recording, step, outcome, isTreeUntouched }: DifferingStep): string | undefined {
  const said = outcome.stdout + outcome.stderr;
  const found = refusals.find(
    ([name, number, exit, says]) =>
      name === recording &&
      number === step &&
      outcome.exits.join() === String(exit) &&
      (typeof says === 'string' ? says === said : says.test(said)),
  );
  return found !== undefined && isTreeUntouched ? nameOf(found) : undefined;
}

function nameOf([recording, step]: RefusedStep): string {
  return `${recording} ${step} refused`;
}

/** What of a step is not in the list, for people. */
function unexplained(differing: DifferingStep): string[] {
  const { recording, step, ran, differences } = differing;
  const refusal = refusalOf(differing);
  if (refusal !== undefined) {
    met.add(refusal);
    return [];
  }
  return differences.flatMap(({ what, recorded, ours }) => {
    const place = `${recording} ${step} ${what}`;
    const listed = places.find((known) => isMeant(known, place));
    if (listed !== undefined) {
      met.add(listed);
      return [];
    }
    return `${place}: ${ran}\n  recorded ${JSON.stringify(recorded)}\n  ours     ${JSON.stringify(ours)}`;
  });
}

/** An entry that ends in `*` is for every place that begins so. */
function isMeant(known: string, place: string): boolean {
  return known.endsWith('*') ? place.startsWith(known.slice(0, -1)) : place === known;
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
  const listed = [...places, ...refusals.map(nameOf)];
  assert.deepEqual(
    listed.filter((place) => !met.has(place)),
    [],
  );
});
