// What our tools do otherwise than the recorded originals, on purpose: one list, each entry with its reason, most of them in the design's words. A difference that is not
// here fails the replay, and so does an entry that no longer differs.

/** One reason and where it shows. Steps are counted from 1. */
export interface DeliberateDifference {
  readonly why: string;
  /** `RECORDING STEP WHAT`, WHAT as replay.ts names it: that differs, and nothing else of the step does. */
  readonly at?: readonly string[];
  /** Steps that ours refuses: RECORDING, STEP, exit status, and all that it says. The tree stays as it is. */
  readonly refused?: readonly (readonly [recording: string, step: number, exit: number, says: string])[];
}

export const deliberateDifferences: readonly DeliberateDifference[] = [];

/** Recordings that are not replayed, with the reason. */
export const notReplayed: Readonly<Record<string, string>> = {
  'v561-adddomain-adduser': 'a newer version of the original with other defaults',
  'v561-login': 'a newer version of the original with other defaults',
};
