// .dir-control: how many users (or domains) a directory holds and into which sub-directory the next one goes (formats/vpopmail.md 1.3).
//
//   1            cur_users              0 0 0        level_start         0 0 0    level_index
//   0            level_cur              61 61 61     level_end           (empty)  the sub-directory, such as `0` or `A/b`
//   3            level_max              0 2 4        level_mod
//
// Eight lines; a ninth overrides the eighth. vpopmail never reads the third number of a row and writes the second in its place, so `0 2 4` of a fresh file
// becomes `0 2 2`. cur_users is a hint, incremented without a lock and never corrected (it may even have wrapped below zero): count vpasswd instead.
// Written as .dir-control.PID and renamed; the same bytes as vpopmail's for the same values.

/** Three numbers, one for each level of sub-directories. */
export type Levels = readonly [number, number, number];

export interface DirControl {
  /** Unsigned, 64 bits. */
  readonly curUsers: bigint;
  readonly levelCur: number;
  readonly levelMax: number;
  readonly levelStart: Levels;
  readonly levelEnd: Levels;
  readonly levelMod: Levels;
  readonly levelIndex: Levels;
  /** Where the next one goes, relative to the directory; '' is the directory itself. */
  readonly theDir: string;
}

/** What stands for an absent file. */
export const freshDirControl: DirControl = {
  curUsers: 0n,
  levelCur: 0,
  levelMax: 3,
  levelStart: [0, 0, 0],
  levelEnd: [61, 61, 61],
  levelMod: [0, 2, 4],
  levelIndex: [0, 0, 0],
  theDir: '',
};

/** Reads .dir-control; undefined when it is not of this form. */
export function parseDirControl(bytes: Buffer): DirControl | undefined {
  const lines = bytes.toString('latin1').split('\n');
  const [curUsers, levelCur, levelMax, start, end, mod, index, directory, override] = lines;
  const [levelStart, levelEnd, levelMod, levelIndex] = [levelsOf(start), levelsOf(end), levelsOf(mod), levelsOf(index)];
  if (levelStart === undefined || levelEnd === undefined || levelMod === undefined || levelIndex === undefined)
    return undefined;
  if (!isNumber(curUsers) || !isNumber(levelCur) || !isNumber(levelMax)) return undefined;
  const rows = { levelStart, levelEnd, levelMod, levelIndex };
  // The text after the LF of the eighth line is '', which is no ninth line.
  const theDir = override === undefined || override === '' ? (directory ?? '') : override;
  return { curUsers: BigInt(curUsers), levelCur: Number(levelCur), levelMax: Number(levelMax), ...rows, theDir };
}

/** The file as vpopmail writes it. The mirror of `parseDirControl` for files of eight lines. */
export function serializeDirControl(state: DirControl): Buffer {
  const { curUsers, levelCur, levelMax, levelStart, levelEnd, levelMod, levelIndex, theDir } = state;
  const rows = [levelStart, levelEnd, levelMod, levelIndex].map((levels) => levels.join(' '));
  return Buffer.from(`${[curUsers, levelCur, levelMax, ...rows, theDir].join('\n')}\n`, 'latin1');
}

/** The values as vpopmail sees them after reading: the third number of each row is a copy of the second. */
export function asVpopmailReads(state: DirControl): DirControl {
  const copied = ([first, second]: Levels): Levels => [first, second, second];
  return {
    ...state,
    levelStart: copied(state.levelStart),
    levelEnd: copied(state.levelEnd),
    levelMod: copied(state.levelMod),
    levelIndex: copied(state.levelIndex),
  };
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^[0-9]{1,20}$/.test(text);
}

function levelsOf(text: string | undefined): Levels | undefined {
  const [first, second, third, ...more] = (text ?? '').split(' ');
  if (!isNumber(first) || !isNumber(second) || !isNumber(third) || more.length > 0) return undefined;
  return [Number(first), Number(second), Number(third)];
}
