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
  contentOf,
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
  withTimesOf,
} from './comparison.js';
import { Masks } from './masks.js';
import { isRoot, makeRecordedHost, watchedBy } from './recorded-host.js';
import { type Outcome, runStep, takesAnotherUid } from './tools.js';

/** A step that does not do as recorded. */
export interface DifferingStep {
  readonly recording: string;
  /** Counted from 1. */
  readonly step: number;
  /** What was run, for people. */
  readonly ran: string;
  /** What ours said and how it ended, masked. */
  readonly outcome: Outcome;
  /** Whether ours left the tree as it was; a lock file that was not there may be. */
  readonly isTreeUntouched: boolean;
  /** What differs: `exit status`, `stdout`, `stderr`, or a masked host path. */
  readonly differences: readonly TreeDifference[];
}

/** Replays `fixtures/recordings/KIND/NAME.json` and gives the steps that differ. */
export async function replay(kind: string, name: string): Promise<DifferingStep[]> {
  const recording = loadRecording(kind, name);
  const root = makeRecordedHost(recording);
  try {
    const { directories, skip } = watchedBy(recording);
    const look = (): Picture => pictureOf(root, directories, skip);
    const [masks, passwords] = [new Masks(root), new PasswordChecker()];
    const found: DifferingStep[] = [];
    let before = look();
    for (const [index, step] of recording.steps.entries()) {
      if (step.write !== undefined) {
        applyWrite(step.write, root);
        before = look();
        continue;
      }
      let recorded = recordedAfter(before, step);
      if (isRoot || !takesAnotherUid(step)) {
        const told = await compareStep(step, root, { before, recorded, look, masks, passwords });
        const ran = JSON.stringify(step.run ?? step.runs?.[0]);
        if (told.differences.length > 0) found.push({ recording: name, step: index + 1, ran, ...told });
      }
      const ours = look();
      recorded = withTimesOf(ours, recorded, masks);
      restoreRecorded(recorded, ours, root);
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

async function compareStep(
  step: Step,
  root: string,
  pictures: Pictures,
): Promise<Pick<DifferingStep, 'outcome' | 'isTreeUntouched' | 'differences'>> {
  const { before, recorded, look, masks, passwords } = pictures;
  const replaced = new ReplacedFiles(step, before, root);
  try {
    masks.learn(bytesOf(step.stdout).toString('latin1'));
    const outcome = masked(await runStep(step, root), masks);
    const ours = look();
    const touched = treeDifferences(before, ours, masks).filter(({ what }) => !what.endsWith('.lock'));
    const isTreeUntouched = touched.length === 0;
    if (step.hangs || step.signal !== undefined) {
      const ends = outcome.exits.every((exit) => typeof exit === 'number');
      const differences = ends ? [] : [{ what: 'exit status', recorded: 'crashed', ours: String(outcome.exits) }];
      return { outcome, isTreeUntouched, differences };
    }
    const tree = treeDifferences(recorded, ours, masks);
    const more = [...(await accountDifferences(before, recorded, ours, passwords)), ...replaced.differences()];
    const isTold = ({ what }: TreeDifference): boolean => tree.some((told) => what.startsWith(told.what));
    const differences = [...outputDifferences(step, outcome, masks), ...tree, ...more.filter((one) => !isTold(one))];
    return { outcome, isTreeUntouched, differences };
  } finally {
    replaced.close();
  }
}

function masked({ exits, stdout, stderr }: Outcome, masks: Masks): Outcome {
  masks.learn(stdout);
  return { exits, stdout: masks.text(stdout), stderr: masks.text(stderr) };
}

function outputDifferences(step: Step, outcome: Outcome, masks: Masks): TreeDifference[] {
  const said = bytesOf(step.stdout).toString('latin1');
  const exits = (step.exits ?? [step.exit ?? null]).map((exit) => exit ?? 'unknown');
  const sides: readonly (readonly [string, string, string])[] = [
    ['exit status', exits.join(' '), outcome.exits.join(' ')],
    ['stdout', masks.text(said), outcome.stdout],
    ['stderr', masks.text(bytesOf(step.stderr).toString('latin1')), outcome.stderr],
  ];
  return sides.flatMap(([what, recorded, ours]) => (recorded === ours ? [] : [{ what, recorded, ours }]));
}

/** The files that the original replaced by others of another content: held open, so that the numbers of their inodes are not given to others meanwhile. */
class ReplacedFiles {
  readonly #held: { readonly hostPath: string; readonly file: string; readonly fd: number }[] = [];

  constructor(step: Step, before: Picture, root: string) {
    for (const hostPath of step.replaced ?? []) {
      const [was, is] = [before.get(hostPath), step.changed?.[hostPath]];
      if (was?.type !== 'file' || is?.type !== 'file' || contentOf(was).equals(contentOf(is))) continue;
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
