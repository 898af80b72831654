// The .qmail files in the directories of accounts, as vdelivermail finds them (formats/vpopmail.md 4.5). A bounded number is kept parsed, each checked by one stat
// when used. What is there but no regular file reads as empty, as it does for vdelivermail. A file that cannot be read is trouble here; vdelivermail
// goes on to the next name, and so delivers into a mailbox whose owner meant it to go elsewhere.

import { TemporaryError, troubleWith } from '../../errors.js';
import { NotRegularFileError } from '../../files/read.js';
import { Snapshots } from '../../files/snapshot.js';
import { type AccountLine, parseAccountDotQmail } from '../../formats/dot-qmail/account-dot-qmail.js';
import { accountFiles } from '../../layout.js';

export class AccountFiles {
  readonly #files = new Snapshots<readonly AccountLine[]>((bytes) => parseAccountDotQmail(bytes), {
    files: 2000,
    bytes: 4 * 1024 * 1024,
  });

  /** The lines of `.qmail` + suffix in an account's directory (disk path); undefined when it is not there. @throws TemporaryError */
  read(directory: string, suffix: string): readonly AccountLine[] | undefined {
    if (suffix.includes('\0')) return undefined;
    try {
      return this.#files.get(accountFiles.dotQmail(directory, suffix));
    } catch (error) {
      const cause = error instanceof TemporaryError ? error.cause : error;
      if (cause instanceof NotRegularFileError) return [];
      throw troubleWith('Unable to open a .qmail file. (#4.3.0)', cause);
    }
  }
}
