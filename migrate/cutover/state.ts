// What was moved, in control/vqmail/cutover: written before the first act of a move and after its last, so that whoever comes next knows what to go on with or to take back, whenever the one
// before was killed.
//
//   moving      begun: cutover goes on from the start of it, rollback takes it back
//   moved       done
//   returning   the way back was begun: rollback goes on with it
//
// One JSON value, replaced whole. Nobody but `migrate cutover` and `rollback` writes it, one at a time.

import fs from 'node:fs';
import path from 'node:path';
import { CorruptFileError } from '../../src/errors.js';
import { tryLock } from '../../src/files/locks/lock.js';
import { bytesPath, readIfPresent } from '../../src/files/read.js';
import { replaceFile } from '../../src/files/replace.js';
import type { Layout } from '../../src/layout.js';
import type { Act } from './acts.js';

export interface Move {
  /** Those that are moved together, such as `pop3`. */
  readonly protocols: readonly string[];
  readonly phase: 'moving' | 'moved' | 'returning';
  /** What the old service and ours are called. */
  readonly old: string;
  readonly own: string;
  /** Where ours listens, as of `serve --listen`. */
  readonly places: readonly string[];
  readonly prepareOwn: readonly Act[];
  readonly startOwn: readonly Act[];
  readonly stopOwn: readonly Act[];
  readonly startOld: readonly Act[];
  readonly stopOld: readonly Act[];
}

function stateFile(layout: Layout): string {
  return layout.control('vqmail/cutover');
}

/** @throws CorruptFileError, TemporaryError */
export function readMoves(layout: Layout): Move[] {
  const file = stateFile(layout);
  const bytes = readIfPresent(file);
  if (bytes === undefined) return [];
  try {
    const { moves } = JSON.parse(bytes.toString('latin1')) as { moves: Move[] };
    if (Array.isArray(moves) && moves.every(({ protocols, phase }) => Array.isArray(protocols) && phase !== undefined))
      return moves;
  } catch {
    // As below.
  }
  throw new CorruptFileError(file, undefined, 'is no list of moves; it is written by migrate cutover alone');
}

/** Puts a move in the place of those of the same protocols; undefined takes it out. @throws TemporaryError */
export async function keepMove(layout: Layout, protocols: readonly string[], move: Move | undefined): Promise<void> {
  const others = readMoves(layout).filter((each) => !isSameMove(each.protocols, protocols));
  const moves = move === undefined ? others : [...others, move];
  const file = stateFile(layout);
  fs.mkdirSync(bytesPath(path.dirname(file)), { recursive: true, mode: 0o755 });
  const bytes = Buffer.from(`${JSON.stringify({ moves }, null, 2)}\n`, 'latin1');
  await replaceFile(file, bytes, { mode: 0o600, temporaryName: '.cutover.tmp' });
}

export function isSameMove(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((protocol) => b.includes(protocol));
}

/** Only one at a time: undefined when another is at work. Held until the process ends or it is released. @throws TemporaryError */
export function lockMoves(layout: Layout): { release(): void } | undefined {
  fs.mkdirSync(bytesPath(path.dirname(stateFile(layout))), { recursive: true, mode: 0o755 });
  return tryLock(`${stateFile(layout)}.lock`, { kind: 'flock' });
}
