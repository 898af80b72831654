// Where the files of certificates are looked at and read. A key may be readable for root alone, and certbot's directories can be entered by nobody else, so a process that is not root
// asks one that is (processes/certificates/requests.ts).

import { type Identity, identityOf } from '../../files/identity.js';
import { listDirectory } from '../../files/list.js';
import { bytesPath, readIfPresent } from '../../files/read.js';

export interface CertificateSource {
  /** Which version of each of these files is there now; undefined where nothing is. Rejects with the system error. */
  identities(files: readonly string[]): Promise<readonly (Identity | undefined)[]>;
  /** The bytes of a file; undefined when it is not there. Rejects with the system error or a TemporaryError. */
  read(file: string): Promise<Buffer | undefined>;
  /** The names in a directory; undefined when it is not there. Rejects with a TemporaryError. */
  list(directory: string): Promise<readonly string[] | undefined>;
}

/** The files as this process sees them. */
export const ownSource: CertificateSource = {
  identities: async (files) => files.map((file) => identityOf(bytesPath(file))),
  read: async (file) => readIfPresent(file),
  list: listDirectory,
};
