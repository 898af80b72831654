// The host of the recordings of tools, below a root: its users, the homes that scenarios need, and the tree that a scenario begins with.

import { chmodSync, chownSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildTree, memoryDirectory, newRoot, type Recording } from '../../support/recording.js';

const passwd = `root:x:0:0:root:/root:/bin/bash
alias:x:6001:6000::/var/qmail/alias:/usr/sbin/nologin
qmaild:x:6002:6000::/var/qmail:/usr/sbin/nologin
qmaill:x:6003:6000::/var/qmail:/usr/sbin/nologin
qmailp:x:6004:6000::/var/qmail:/usr/sbin/nologin
qmailq:x:6010:6010::/var/qmail:/usr/sbin/nologin
qmailr:x:6011:6010::/var/qmail:/usr/sbin/nologin
qmails:x:6012:6010::/var/qmail:/usr/sbin/nologin
vpopmail:x:6020:6020::/home/vpopmail:/bin/sh
hoster:x:7001:7001::/home/hoster:/bin/sh
`;
const group = 'root:x:0:\nnofiles:x:6000:\nqmail:x:6010:\nvchkpw:x:6020:\nhoster:x:7001:\n';

/** Directories that every scenario finds, with mode and owner. */
const places: readonly (readonly [string, number, number, number])[] = [
  ['/var/qmail/alias', 0o2755, 6001, 6010],
  ['/home/vpopmail', 0o755, 6020, 6020],
  ['/home/vpopmail/etc', 0o755, 6020, 6020],
  ['/home/vpopmail/domains', 0o700, 6020, 6020],
  ['/home/hoster', 0o755, 7001, 7001],
  ['/srv/mail', 0o755, 0, 0],
];

const usuallyWatched = [
  '/var/qmail/control',
  '/var/qmail/users',
  '/var/qmail/alias',
  '/home/vpopmail/domains',
  '/home/vpopmail/etc',
  '/etc/tcp',
];
const neverWatched = '/etc/(inc_deps|lib_deps|vusagec\\.conf)$';

export const isRoot = process.getuid?.() === 0;

/** Makes the host of a recording below a new root and gives the root. */
export function makeRecordedHost(recording: Recording): string {
  const root = realpathSync(newRoot('vqmail', memoryDirectory()));
  mkdirSync(path.join(root, 'etc'));
  writeFileSync(path.join(root, 'etc/passwd'), passwd);
  writeFileSync(path.join(root, 'etc/group'), group);
  for (const [hostPath, mode, uid, gid] of places) {
    const directory = path.join(root, hostPath);
    mkdirSync(directory, { recursive: true });
    if (isRoot) chownSync(directory, uid, gid);
    chmodSync(directory, mode);
  }
  buildTree(recording.before, root);
  return root;
}

/** What of the tree a recording shows. */
export function watchedBy(recording: Recording): { directories: readonly string[]; skip: readonly RegExp[] } {
  return {
    directories: recording.watch ?? usuallyWatched,
    skip: [...(recording.skip ?? []), neverWatched].map((text) => new RegExp(text)),
  };
}
