// A domain that users/assign gives to another uid than vpopmail's, as `vadddomain -u hoster` would have made it.

import { assignRecords, parseAssign } from '../../src/formats/controls/users-assign.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { parseVpasswd, vpasswdCdbRecords } from '../../src/formats/vpopmail/vpasswd.js';
import { childrenOf, titleOf } from '../support/child-processes.js';
import type { Entry } from '../support/recording.js';
import type { Tree } from './sample-server.js';

export const hosterDomain = 'shop.example.gr.jp';
const before = `/home/vpopmail/domains/${hosterDomain}`;
/** Host path. */
export const hosterDirectory = `/home/hoster/domains/${hosterDomain}`;

/** Moves the second domain to the home of uid 7001, as `vadddomain -u hoster` would have made it. */
export function giveToHoster(tree: Tree): void {
  for (const [hostPath, entry] of Object.entries(tree)) {
    if (hostPath !== before && !hostPath.startsWith(`${before}/`)) continue;
    delete tree[hostPath];
    const text = entry.text?.replaceAll(before, hosterDirectory);
    tree[hostPath.replace(before, hosterDirectory)] = {
      ...entry,
      uid: 7001,
      gid: 7001,
      ...(text !== undefined && { text }),
    };
  }
  for (const parent of ['/home/hoster', '/home/hoster/domains'])
    tree[parent] = { type: 'dir', mode: '0700', uid: 7001, gid: 7001 };
  const assign = tree['/var/qmail/users/assign']?.text ?? '';
  const changed = assign.replace(
    `:${hosterDomain}:6020:6020:${before}:`,
    `:${hosterDomain}:7001:7001:${hosterDirectory}:`,
  );
  tree['/var/qmail/users/assign'] = file(Buffer.from(changed), '0644', 0);
  tree['/var/qmail/users/cdb'] = file(makeCdb(assignRecords(parseAssign(Buffer.from(changed)))), '0644', 0);
  const vpasswd = Buffer.from(tree[`${hosterDirectory}/vpasswd`]?.text ?? '');
  tree[`${hosterDirectory}/vpasswd.cdb`] = file(makeCdb(vpasswdCdbRecords(parseVpasswd(vpasswd))), '0600', 7001);
}

/** The process of an owner that a supervisor has started. */
export function agentOf(supervisor: number): number | undefined {
  return childrenOf(supervisor).find((pid) => titleOf(pid).startsWith('vqmail: agent'));
}

function file(bytes: Buffer, mode: string, uid: number): Entry {
  return { type: 'file', mode, uid, gid: uid, base64: bytes.toString('base64') };
}
