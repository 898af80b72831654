// A host of one domain, example.jp with postmaster, joe and ann (and the alias domain alias.example.jp), for tests of what changes accounts.

import fs from 'node:fs';
import path from 'node:path';
import { bufferSource, cdbRecords } from '../../../src/formats/databases/cdb.js';
import { Layout } from '../../../src/layout.js';
import { type Host, openHost } from '../../../src/stores/host.js';
import { makeRecordedHost } from '../../cli/recordings/recorded-host.js';
import { loadRecording, type Picture, pictureOf, removeRoot } from '../../support/recording.js';

export const domainDirectory = '/home/vpopmail/domains/example.jp';

export interface AccountHost {
  readonly root: string;
  readonly host: Host;
  /** The disk path of a name in the domain's directory. */
  path(name: string): string;
  /** undefined when it is not there. */
  read(name: string): string | undefined;
  write(name: string, content: string): void;
  exists(name: string): boolean;
  /** The line of vpasswd without its hash; undefined when there is none. */
  line(user: string): string | undefined;
  /** The stored hash. */
  hash(user: string): string;
  /** Whether vpasswd.cdb says what vpasswd says. */
  isIndexed(): boolean;
  picture(): Picture;
}

export async function withAccountHost(work: (accounts: AccountHost) => Promise<void>): Promise<void> {
  const root = makeRecordedHost(loadRecording('vpopmail', 'setuserquota'));
  const layout = new Layout({ root });
  const pathOf = (name: string): string => path.join(layout.disk(domainDirectory), name);
  const read = (name: string): string | undefined =>
    fs.existsSync(pathOf(name)) ? fs.readFileSync(pathOf(name), 'latin1') : undefined;
  const fieldsOf = (user: string): string[] | undefined =>
    read('vpasswd')
      ?.split('\n')
      .find((line) => line.startsWith(`${user}:`))
      ?.split(':');
  try {
    await work({
      root,
      host: openHost(layout),
      path: pathOf,
      read,
      write: (name, content) => fs.writeFileSync(pathOf(name), content, 'latin1'),
      exists: (name) => fs.lstatSync(pathOf(name), { throwIfNoEntry: false }) !== undefined,
      line: (user) => fieldsOf(user)?.with(1, '').join(':'),
      hash: (user) => fieldsOf(user)?.[1] ?? '',
      isIndexed: () => {
        const source = bufferSource(fs.readFileSync(pathOf('vpasswd.cdb')));
        const lines = Array.from(
          cdbRecords(source, 'vpasswd.cdb'),
          ({ key, data }) => `${key.toString('latin1')}:${data.toString('latin1')}\n`,
        );
        const text = read('vpasswd') ?? '';
        return lines.join('') === text.replace(/^[^:\n]*\n/gm, '');
      },
      picture: () => pictureOf(root),
    });
  } finally {
    removeRoot(root);
  }
}
