// Which sub-directory the next user or domain gets: .dir-control.

import type { DirControl } from '../../formats/dir-control.js';

/** A directory (disk path) that keeps a .dir-control, and whom the file belongs to. */
export interface DirControlPlace {
  readonly directory: string;
  readonly uid: number;
  readonly gid: number;
  /** The mode of a new .dir-control: 0600 unless given. */
  readonly mode?: number;
}

/** What .dir-control says, as vpopmail reads it; a fresh one when it is absent. @throws TemporaryError */
export function readDirControl(_place: DirControlPlace): DirControl {
  throw new Error('not there yet');
}

/** Replaces .dir-control. @throws TemporaryError */
export async function writeDirControl(_place: DirControlPlace, _state: DirControl): Promise<void> {
  throw new Error('not there yet');
}

/** Counts one more and says where it goes: '' is the directory itself, else such as `0` or `A/b`. @throws TemporaryError */
export async function enterDirectory(_place: DirControlPlace): Promise<string> {
  throw new Error('not there yet');
}

/** Counts one less. @throws TemporaryError */
export async function leaveDirectory(_place: DirControlPlace): Promise<void> {
  throw new Error('not there yet');
}

/** Makes the sub-directory `hash` (as `enterDirectory` gave it) and what is above it, 0700, owned by the place's owner. @throws TemporaryError */
export async function makeHashDirectory(_place: DirControlPlace, _hash: string): Promise<void> {
  throw new Error('not there yet');
}
