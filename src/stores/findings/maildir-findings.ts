// A Maildir that cannot take mail: one of its directories is missing, or its owner may not write there.

import path from 'node:path';
import { error, type Finding, look, may, modeOf, type Search } from './finding.js';

/** Whose deliveries write there. */
export interface MaildirUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Problems of a Maildir.
 * @param maildir disk path; a missing one is reported at `namedIn`, the file and line that names it
 */
export function* maildirFindings(
  search: Search,
  maildir: string,
  user: MaildirUser,
  namedIn: string,
  line: number,
): Generator<Finding> {
  const place = maildir.replace(/\/+$/, '');
  const status = look(place);
  if (status === undefined) {
    yield error(
      namedIn,
      `the Maildir ${search.host.layout.host(place)} is missing, so its mail is deferred; make it with tmp, new and cur`,
      line,
    );
    return;
  }
  for (const name of ['tmp', 'new', 'cur']) {
    const part = look(path.join(place, name));
    if (part === undefined) {
      yield error(place, `has no ${name}, so its mail is deferred; make it, with the mode and owner of the others`);
    } else if (!part.isDirectory()) {
      yield error(path.join(place, name), 'is no directory, so the mail of this Maildir is deferred');
    } else if (search.judgesOwners && !may(part, user, 'write', 'enter')) {
      const text = `mode ${modeOf(part)}, uid ${part.uid}: uid ${user.uid} cannot write there, so its mail is deferred`;
      yield error(path.join(place, name), `${text}; chown it`);
    }
  }
}
