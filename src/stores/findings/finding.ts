// One problem of the install, and what every part of the search for problems shares.
//
// The parts are generators: a finding is printed when it is met, and nothing grows with the number of domains but the list of their names. A part that
// meets something unreadable reports that and goes on with the next thing.

import type { BigIntStats } from 'node:fs';
import path from 'node:path';
import { CorruptFileError, describe, errnoOf, TemporaryError } from '../../errors.js';
import { statusOf } from '../../files/identity.js';
import { bytesPath } from '../../files/read.js';
import type { LineFinding } from '../../formats/line-finding.js';
import type { Host } from '../host.js';

/** A problem. `path` is a disk path, `line` counts from 1. An `error` loses, refuses or misroutes mail or lets strangers relay; a `warning` may. */
export interface Finding {
  readonly path: string;
  readonly line?: number | undefined;
  readonly severity: 'error' | 'warning';
  /** What is wrong and what to do about it. */
  readonly text: string;
}

/** What all parts of one search go by. */
export interface Search {
  readonly host: Host;
  /** Whether owners are judged: only root can set them, so a tree of an ordinary user is taken as it is. */
  readonly judgesOwners: boolean;
  /** The uid of the host's user vpopmail, if there is one. */
  readonly vpopmailUid: number | undefined;
  /** The name of a user, or `uid N` for one that the host does not know. */
  nameOf(uid: number): string;
}

export function error(path: string, text: string, line?: number): Finding {
  return { path, line, severity: 'error', text };
}

export function warning(path: string, text: string, line?: number): Finding {
  return { path, line, severity: 'warning', text };
}

/** What a pure module found in the lines of a file. */
export function* inFile(path: string, findings: Iterable<LineFinding>): Generator<Finding> {
  for (const { line, severity, text } of findings) yield { path, line, severity, text };
}

/**
 * A part of the search; trouble with a file ends this part with a finding at `file`.
 * @param remedy what to do about a file that is no cdb, such as `run qmail-newu`
 */
export function* guarded(file: string, part: () => Iterable<Finding>, remedy = 'restore it'): Generator<Finding> {
  try {
    yield* part();
  } catch (trouble) {
    if (trouble instanceof CorruptFileError)
      yield error(trouble.path, `is corrupt (${corruption(trouble)}); ${remedy}`);
    else if (trouble instanceof TemporaryError) yield error(file, `cannot be read: ${describe(trouble.cause)}`);
    else if (errnoOf(trouble) !== undefined) yield error(file, `cannot be looked at: ${describe(trouble)}`);
    else throw trouble;
  }
}

function corruption({ path, message }: CorruptFileError): string {
  return message.startsWith(path) ? message.slice(path.length).replace(/^[: ]+/, '') : message;
}

/** The status of a file; undefined when nothing is there. @throws the system error */
export function look(path: string): BigIntStats | undefined {
  return statusOf(bytesPath(path));
}

/** The disk path of a path that a `.qmail` line names: relative to its directory (a disk path), or an absolute host path. */
export function placeNamed(search: Search, directory: string, written: string): string {
  return written.startsWith('/') ? search.host.layout.disk(written) : path.join(directory, written);
}

/** A mode as chmod takes it. */
export function modeOf(status: BigIntStats): string {
  return (status.mode & 0o7777n).toString(8).padStart(4, '0');
}

const bits = { read: 4n, write: 2n, enter: 1n } as const;

/** Whether a user with one group may do all of this to a file, going by its mode. */
export function may(
  status: BigIntStats,
  who: { readonly uid: number; readonly gid?: number | undefined },
  ...acts: readonly (keyof typeof bits)[]
): boolean {
  if (who.uid === 0) return true;
  const wanted = acts.reduce((sum, act) => sum | bits[act], 0n);
  const shift = status.uid === BigInt(who.uid) ? 6n : who.gid !== undefined && status.gid === BigInt(who.gid) ? 3n : 0n;
  return ((status.mode >> shift) & wanted) === wanted;
}

/** Begins a search of the host. */
export function beginSearch(host: Host): Search {
  const names = new Map<number, string>();
  const nameOf = (uid: number): string => {
    const name = names.get(uid) ?? host.accounts.userById(uid)?.name ?? `uid ${uid}`;
    names.set(uid, name);
    return name;
  };
  const judgesOwners = process.geteuid?.() === 0;
  return { host, judgesOwners, vpopmailUid: host.accounts.user('vpopmail')?.uid, nameOf };
}
