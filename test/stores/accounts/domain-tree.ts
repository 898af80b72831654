// A domain's directory by itself, for tests of what changes its accounts.

import fs from 'node:fs';
import path from 'node:path';
import type { DomainPlace } from '../../../src/stores/accounts/account-index.js';
import { newRoot, removeRoot } from '../../support/recording.js';

export const sampleVpasswd = `# kept
joe:$1$abcdefgh$RE8Qktqojm4YktntEoelx/:1:0:joe:/home/vpopmail/domains/example.jp/joe:NOQUOTA:edited99
postmaster:$1$abcdefgh$NXyCKgK1tKe4GWV9MIoDi0:1:0:Postmaster:/home/vpopmail/domains/example.jp/postmaster:NOQUOTA:pmpass99
`;

export interface DomainTree {
  readonly place: DomainPlace;
  path(name: string): string;
  /** undefined when it is not there. */
  read(name: string): string | undefined;
  write(name: string, content: string | Buffer): void;
  /** All names but that of the lock, sorted. */
  names(): string[];
}

/** Does `work` with a directory that holds this vpasswd. */
export async function withDomain(
  vpasswd: string | undefined,
  work: (tree: DomainTree) => Promise<void>,
): Promise<void> {
  const directory = newRoot();
  const { uid, gid } = fs.statSync(directory);
  const pathOf = (name: string): string => path.join(directory, name);
  const tree: DomainTree = {
    place: { directory, uid, gid },
    path: pathOf,
    read: (name) => (fs.existsSync(pathOf(name)) ? fs.readFileSync(pathOf(name), 'latin1') : undefined),
    write: (name, content) => fs.writeFileSync(pathOf(name), content, 'latin1'),
    names: () =>
      fs
        .readdirSync(directory)
        .filter((name) => name !== '.vpasswd.lock')
        .sort(),
  };
  try {
    if (vpasswd !== undefined) tree.write('vpasswd', vpasswd);
    await work(tree);
  } finally {
    removeRoot(directory);
  }
}
