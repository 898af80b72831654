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

/**
 * What vpopmail makes of any file: a missing line reads as the one before it, text as 0. The values are those after its reading (`asVpopmailReads`); a
 * directory that is no plain name below this one is not believed.
 */
export function readDirControlLoosely(bytes: Buffer): DirControl {
  const lines = bytes.toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  let last = '';
  const line = (index: number): string => {
    last = lines[index] ?? last;
    return last;
  };
  const number = (text: string): bigint => BigInt(/^\s*([0-9]{1,20})/.exec(text)?.[1] ?? 0);
  const row = (text: string): Levels => {
    const [first = 0, second = 0] = [...text.matchAll(/[0-9]{1,9}/g)].map(Number);
    return [first, second, second];
  };
  const curUsers = BigInt.asUintN(64, number(line(0)));
  const [levelCur, levelMax] = [Number(number(line(1))), Number(number(line(2)))];
  const [levelStart, levelEnd, levelMod, levelIndex] = [row(line(3)), row(line(4)), row(line(5)), row(line(6))];
  const eighth = line(7);
  const named = lines[8] === undefined || lines[8] === '' ? eighth : lines[8];
  const theDir = isPlainDirectory(named) ? named : '';
  return { curUsers, levelCur, levelMax, levelStart, levelEnd, levelMod, levelIndex, theDir };
}

/** One more: the count, and at every hundredth the next directory. */
export function withOneMore(state: DirControl): DirControl {
  const counted = { ...state, curUsers: BigInt.asUintN(64, state.curUsers + 1n) };
  return counted.curUsers % usersInDirectory === 0n ? { ...counted, ...nextDirectory(state) } : counted;
}

/** One less: the directory never moves back, and below 0 the count wraps. */
export function withOneLess(state: DirControl): DirControl {
  return { ...state, curUsers: BigInt.asUintN(64, state.curUsers - 1n) };
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

const usersInDirectory = 100n;
const directoryNames = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const levels = 3;

/**
 * The directory after this one: none, `0` to `z`, `0/0` to `z/z`, then three levels. vpopmail's own third level takes up two-level directories again, an effect of its
 * reader; here it is a third one. A state that does not hold together begins anew.
 */
function nextDirectory(state: DirControl): Pick<DirControl, 'theDir' | 'levelCur' | 'levelIndex'> {
  const indexes = state.theDir
    .split('/')
    .filter((name) => name !== '')
    .map((name) => (name.length === 1 ? directoryNames.indexOf(name) : -1));
  if (indexes.includes(-1) || indexes.length > levels) indexes.length = 0;
  else if (indexes.length > 0) increment(indexes);
  if (indexes.length === 0) indexes.push(0);
  const [first, second, third] = indexes;
  return {
    theDir: indexes.map((index) => directoryNames.charAt(index)).join('/'),
    levelCur: indexes.length - 1,
    levelIndex: [first ?? 0, second ?? state.levelIndex[1], third ?? state.levelIndex[2]],
  };
}

/** Counts up in digits of 62; all at their end make one digit more, as long as there may be more. */
function increment(indexes: number[]): void {
  for (let level = indexes.length - 1; level >= 0; level--) {
    const index = (indexes[level] ?? 0) + 1;
    indexes[level] = index % directoryNames.length;
    if (index < directoryNames.length) return;
  }
  if (indexes.length < levels) indexes.push(0);
}

function isPlainDirectory(text: string): boolean {
  if (text === '') return true;
  const names = text.replace(/\/$/, '').split('/');
  return text.length < 100 && names.every((name) => /^[0-9A-Za-z_-][0-9A-Za-z._-]*$/.test(name));
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^[0-9]{1,20}$/.test(text);
}

function levelsOf(text: string | undefined): Levels | undefined {
  const [first, second, third, ...more] = (text ?? '').split(' ');
  if (!isNumber(first) || !isNumber(second) || !isNumber(third) || more.length > 0) return undefined;
  return [Number(first), Number(second), Number(third)];
}
