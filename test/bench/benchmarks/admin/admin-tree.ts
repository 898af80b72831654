// Hosts for the benchmarks of administration: any number of domains and accounts, with the system users that the tools ask for.

import fs from 'node:fs';
import path from 'node:path';
import type { Layout } from '../../../../src/layout.js';
import { type LargeHostOptions, makeLargeHost } from '../../../stores/large-host.js';
import { giveToMailOwner, mailOwner, type Workplace } from '../../servers/workplace.js';

/** Makes the host below `name` in the work place. */
export function makeAdminTree(workplace: Workplace, name: string, options: LargeHostOptions): Layout {
  const root = workplace.path(name);
  const layout = makeLargeHost(root, options);
  const { uid, gid } = mailOwner;
  workplace.write(
    layout.systemFiles.passwd,
    `root:x:0:0::/root:/bin/sh\nvpopmail:x:${uid}:${gid}::/home/vpopmail:/bin/false\nalias:x:${uid}:${gid}::/var/qmail/alias:/bin/false\n`,
  );
  workplace.write(layout.systemFiles.group, `root:x:0:\nvchkpw:x:${gid}:\n`);
  workplace.write(layout.etc('vlimits.default'), 'maxpopaccounts -1\n');
  workplace.write(layout.smtpRules, '127.:allow\n');
  fs.mkdirSync(layout.alias, { recursive: true });
  for (const directory of [layout.alias, layout.vpopmail, layout.domains, layout.etc('')]) giveToMailOwner(directory);
  // Some tools become the domain's user.
  for (const directory of [path.dirname(layout.vpopmail), layout.vpopmail]) fs.chmodSync(directory, 0o755);
  return layout;
}
