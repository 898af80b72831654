// The `.qmail` files that qmail-local obeys, in a domain's directory, in ~alias or in a user's home (formats/qmail.md 6.1, 6.2).
//
//   the directory                                       qmail-local says, status
//   cannot be entered                                   Unable to switch to HOMEDIR, 4.3.0
//   is writable by others (mode 002)                    Uh-oh: home directory is writable., 4.7.0
//   is sticky (mode 01000)                              Home directory is sticky: user is editing his .qmail file., 4.2.1
//   the file
//   is not there, or is no regular file                 the next name is tried: undefined here
//   cannot be opened for a reason that may pass, or for lack of rights      Unable to open, 4.3.0
//   is writable by others (mode 002)                    Uh-oh: .qmail file is writable., 4.7.0
//   has the owner's execute bit                         forwarding only
//
// All of these are temporary failures. Group-writable is fine; the owner is not checked. Texts carry no path, since a stranger reads them.

import { errnoOf, TemporaryError, temporaryErrnos } from '../errors.js';
import { statusOf } from '../files/identity.js';
import { bytesPath, NotRegularFileError } from '../files/read.js';
import { Snapshots } from '../files/snapshot.js';
import { type DotQmailLine, parseDotQmail } from '../formats/dot-qmail/dot-qmail.js';
import { domainFiles } from '../layout.js';

/** One `.qmail` file as it is now. */
export interface DotQmailFile {
  /** Disk path. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly lines: readonly DotQmailLine[];
  /** Whether the owner's execute bit forbids file and program lines. */
  readonly forwardOnly: boolean;
}

const othersMayWrite = 0o002n;
const sticky = 0o1000n;
const ownerMayExecute = 0o100n;

/** The `.qmail` files of a host; a bounded number is kept parsed. */
export class DotQmailFiles {
  readonly #files = new Snapshots<DotQmailFile>(
    (bytes, path, status) => {
      if ((status.mode & othersMayWrite) !== 0n) throw refusal('4.7.0', 'Uh-oh: .qmail file is writable.', path);
      return { path, bytes, lines: parseDotQmail(bytes), forwardOnly: (status.mode & ownerMayExecute) !== 0n };
    },
    { files: 10_000, bytes: 4 * 1024 * 1024 },
  );

  /**
   * The file `.qmail` + suffix of a directory (disk path), such as suffix `-default`; undefined when qmail-local would try the next name.
   * @throws TemporaryError when qmail-local would defer
   */
  read(directory: string, suffix: string): DotQmailFile | undefined {
    if (suffix.includes('\0')) return undefined;
    const path = domainFiles.dotQmail(directory, suffix);
    try {
      return this.#files.get(path);
    } catch (error) {
      if (isNextName(error)) return undefined;
      throw error instanceof TemporaryError && error.status === '4.7.0'
        ? error
        : refusal('4.3.0', 'Unable to open a .qmail file.', path, error);
    }
  }

  /** Looks at a home directory as qmail-local does before it reads there. @throws TemporaryError when it would defer */
  checkHome(directory: string): void {
    const mode = this.#modeOfHome(directory);
    if ((mode & othersMayWrite) !== 0n) throw refusal('4.7.0', 'Uh-oh: home directory is writable.', directory);
    if ((mode & sticky) !== 0n) {
      throw refusal('4.2.1', 'Home directory is sticky: user is editing his .qmail file.', directory);
    }
  }

  #modeOfHome(directory: string): bigint {
    const says = 'Unable to switch to the home directory.';
    try {
      // The final dot asks for the right to enter, as chdir does.
      const status = statusOf(bytesPath(`${directory}/.`));
      if (status !== undefined) return status.mode;
    } catch (error) {
      throw refusal('4.3.0', says, directory, error);
    }
    throw refusal('4.3.0', says, directory);
  }
}

/** errnos for which qmail-local goes on to the next name: all but the temporary ones and missing rights. */
function isNextName(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof NotRegularFileError) return true;
  const errno = errnoOf(cause);
  return errno !== undefined && errno !== 'EPERM' && errno !== 'EACCES' && !temporaryErrnos.has(errno);
}

function refusal(status: string, text: string, path: string, cause?: unknown): TemporaryError {
  return new TemporaryError(status, text, new Error(path, { cause }));
}
