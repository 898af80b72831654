// All domains of the host in the order of users/assign, alias domains under their own names, as the tools go through them (formats/vpopmail.md 3.3): wildcard lines
// whose name has a dot and ends in a hyphen.

import { readIfPresent } from '../../files/read.js';
import { assignEntries, parseAssign } from '../../formats/controls/users-assign.js';
import type { Layout } from '../../layout.js';
import type { DomainPlace } from './account-index.js';

export interface ListedDomain extends DomainPlace {
  /** As in the line: an alias domain has another name than the domain whose it is. */
  readonly name: string;
  readonly realName: string;
  readonly hostDirectory: string;
}

/** undefined when users/assign is absent. @throws TemporaryError */
export function listedDomains(layout: Layout): ListedDomain[] | undefined {
  const bytes = readIfPresent(layout.assign);
  if (bytes === undefined) return undefined;
  return assignEntries(parseAssign(bytes)).flatMap(({ mark, name, user, uid, gid, directory }) =>
    mark === '+' && name.includes('.') && name.endsWith('-')
      ? [
          {
            name: name.slice(0, -1),
            realName: user,
            uid: Number(uid),
            gid: Number(gid),
            hostDirectory: directory,
            directory: layout.disk(directory),
          },
        ]
      : [],
  );
}
