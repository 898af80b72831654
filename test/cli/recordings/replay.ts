// Replays one recording of command-line tools against ours. Each step starts from the tree that the original's steps left, so one difference makes no others.
//
// Compared: exit status, standard output, standard error, the tree, and that a file which the original replaced by another (written beside it and renamed) is another
// here too. At a step where the original crashed or never ended ours must end, with an exit status; what it says and leaves is free.

import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import path from 'node:path';
import { PasswordChecker } from '../../../src/auth/password.js';
import {
  applyWrite,
  bytesOf,
  loadRecording,
  type Picture,
  pictureOf,
  removeRoot,
  type Step,
} from '../../support/recording.js';
import {
  accountDifferences,
  recordedAfter,
  restoreRecorded,
  type TreeDifference,
  treeDifferences,
} from './comparison.js';
import { Masks } from './masks.js';
import { isRoot, makeRecordedHost, watchedBy } from './recorded-host.js';
import { type Outcome, runStep, takesAnotherUid } from './tools.js';

/** One thing that is not as recorded. `what` is `exit status`, `stdout`, `stderr` or a masked host path. */
export interface Difference {
  readonly recording: string;
  /** Counted from 1. */
  readonly step: number;
  readonly what: string;
  readonly recorded: string;
  readonly ours: string;
  /** What was run, for people. */
  readonly ran: string;
}

/** Replays `fixtures/recordings/KIND/NAME.json` and gives all differences. */
export async function replay(kind: string, name: string): Promise<Difference[]> {
  const recording = loadRecording(kind, name);
  const root = makeRecordedHost(recording);
  try {
    const { directories, skip } = watchedBy(recording);
    const look = (): Picture => pictureOf(root, directories, skip);
    const masks = new Masks();
    const passwords = new PasswordChecker();
    const found: Difference[] = [];
    let before = look();
    for (const [index, step] of recording.steps.entries()) {
      if (step.write !== undefined) {
        applyWrite(step.write, root);
        before = look();
        continue;
      }
      const recorded = recordedAfter(before, step);
      if (isRoot || !takesAnotherUid(step)) {
        const told = await compareStep(step, root, { before, recorded, look, masks, passwords });
        const ran = JSON.stringify(step.run ?? step.runs?.[0]);
        found.push(...told.map((difference) => ({ recording: name, step: index + 1, ran, ...difference })));
      }
      restoreRecorded(recorded, look(), root);
      before = recorded;
    }
    return found;
  } finally {
    removeRoot(root);
  }
}

interface Pictures {
  readonly before: Picture;
  readonly recorded: Picture;
  readonly look: () => Picture;
  readonly masks: Masks;
  readonly passwords: PasswordChecker;
}

async function compareStep(step: Step, root: string, pictures: Pictures): Promise<TreeDifference[]> {
  const { before, recorded, look, masks, passwords } = pictures;
  const replaced = new ReplacedFiles(step, before, root);
  try {
    const outcome = await runStep(step, root);
    if (step.hangs || step.signal !== undefined)
      return outcome.exits.every((exit) => typeof exit === 'number')
        ? []
        : [{ what: 'exit status', recorded: 'crashed', ours: String(outcome.exits) }];
    const ours = look();
    return [
      ...outputDifferences(step, outcome, masks),
      ...treeDifferences(recorded, ours, masks),
      ...(await accountDifferences(before, recorded, ours, passwords)),
      ...replaced.differences(),
    ];
  } finally {
    replaced.close();
  }
}

function outputDifferences(step: Step, outcome: Outcome, masks: Masks): TreeDifference[] {
  const recorded: Outcome = {
    exits: (step.exits ?? [step.exit ?? null]).map((exit) => exit ?? 'unknown'),
    stdout: bytesOf(step.stdout).toString('latin1'),
    stderr: bytesOf(step.stderr).toString('latin1'),
  };
  masks.learn(recorded.stdout);
  masks.learn(outcome.stdout);
  const sides = ({ exits, stdout, stderr }: Outcome): [string, string][] => [
    ['exit status', exits.join(' ')],
    ['stdout', masks.text(stdout)],
    ['stderr', masks.text(stderr)],
  ];
  const ours = new Map(sides(outcome));
  return sides(recorded).flatMap(([what, text]) =>
    ours.get(what) === text ? [] : [{ what, recorded: text, ours: ours.get(what) ?? '' }],
  );
}

/** The files that the original replaced: held open, so that the numbers of their inodes are not given to others meanwhile. */
class ReplacedFiles {
  readonly #held: { readonly hostPath: string; readonly file: string; readonly fd: number }[] = [];

  constructor(step: Step, before: Picture, root: string) {
    for (const hostPath of step.replaced ?? []) {
      const isChanged = step.changed?.[hostPath]?.type === 'file';
      if (!isChanged || before.get(hostPath)?.type !== 'file') continue;
      const file = path.join(root, hostPath);
      this.#held.push({ hostPath, file, fd: openSync(file, 'r') });
    }
  }

  differences(): TreeDifference[] {
    return this.#held.flatMap(({ hostPath, file, fd }) => {
      const there = statSync(file, { throwIfNoEntry: false });
      const isOld = there?.ino === fstatSync(fd).ino;
      return isOld ? [{ what: `${hostPath} inode`, recorded: 'another file', ours: 'the same file' }] : [];
    });
  }

  close(): void {
    for (const { fd } of this.#held) closeSync(fd);
  }
}
