// The user and group that vpopmail's own files belong to: vpopmail and vchkpw by name; on a tree without them, of tests and the demo, whom its domains belong to.

import fs from 'node:fs';
import { bytesPath } from '../files/read.js';
import type { Host } from '../stores/host.js';

/** @throws TemporaryError when the host's users cannot be asked */
export function vpopmailOwner({ accounts, layout }: Host): { readonly uid: number; readonly gid: number } {
  const user = accounts.user('vpopmail');
  if (user !== undefined) return { uid: user.uid, gid: accounts.group('vchkpw')?.gid ?? user.gid };
  const places = [layout.domains, layout.vpopmail];
  const status = places
    .map((place) => fs.statSync(bytesPath(place), { throwIfNoEntry: false }))
    .find((found) => found !== undefined);
  return { uid: status?.uid ?? process.geteuid?.() ?? 0, gid: status?.gid ?? process.getegid?.() ?? 0 };
}
