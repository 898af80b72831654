// How a domain keeps its passwords: by which scheme they are hashed, and whether the clear password stands in the eighth field. New ones are kept in the same way, so that
// the tools that serve the domain, whatever their version and build, verify them.
//
//   the domain's vpasswd has    scheme of new passwords       clear passwords
//   hashes                      that of most of them          kept if a line has eight fields
//   none                        that of other domains, else $1$, vpopmail 5.4's own; kept as there, else kept (5.4's default build)
//
// Of a large file the beginning is looked at.

import { type Crypt, loadHostCrypt } from '../../auth/crypt-library.js';
import { scriptCryptInThread } from '../../auth/crypt-worker.js';
import { hashPassword, type PasswordScheme, schemePrefix, usualPrefix } from '../../auth/new-password.js';
import { withCdb } from '../../files/cdb/cdb-file.js';
import { parseVpasswdText, recordsOf } from '../../formats/vpopmail/vpasswd-lines.js';
import { domainFiles } from '../../layout.js';
import type { DomainPlace } from '../../stores/accounts/account-index.js';
import { listedDomains } from '../../stores/accounts/domain-list.js';
import type { Host } from '../../stores/host.js';
import { VpopmailError } from '../vpopmail-error.js';

export interface AccountStyle {
  /** What stands before the salt of a new hash. */
  readonly prefix: string;
  readonly keepsClear: boolean;
}

const sampleBytes = 64 * 1024;
const domainsLookedAt = 20;

/**
 * How new accounts of a domain are to be kept.
 * @param scheme what was asked for instead of the usual one
 * @throws TemporaryError when vpasswd cannot be read
 */
export function styleOf(host: Host, domain: DomainPlace, scheme?: PasswordScheme): AccountStyle {
  let prefix = scheme === undefined ? undefined : schemePrefix(scheme);
  let keepsClear: boolean | undefined;
  const look = (directory: string): void => {
    const seen = styleIn(directory);
    prefix ??= seen.prefix;
    keepsClear ??= seen.keepsClear;
  };
  look(domain.directory);
  const others = prefix === undefined || keepsClear === undefined ? otherDirectories(host) : [];
  for (const directory of others) if (prefix === undefined || keepsClear === undefined) look(directory);
  return { prefix: prefix ?? schemePrefix('md5'), keepsClear: keepsClear ?? true };
}

/** Makes hashes with this host's crypt(3). */
export class Hasher {
  #crypt: Crypt | undefined;

  /** @throws VpopmailError Crypt failed: crypt(3) does not know the scheme */
  async hash(password: string, prefix: string): Promise<string> {
    this.#crypt ??= loadHostCrypt() ?? scriptCryptInThread();
    const hash = await hashPassword(this.#crypt, password, prefix).catch((error: unknown) => {
      throw new VpopmailError('cryptFailed', undefined, error);
    });
    if (hash === undefined) throw new VpopmailError('cryptFailed', `crypt(3) of this host makes no ${prefix} hashes`);
    return hash;
  }
}

function styleIn(directory: string): { prefix: string | undefined; keepsClear: boolean | undefined } {
  const sample = withCdb(domainFiles.vpasswd(directory), (source) => source.read(0, sampleBytes))?.value;
  const whole = sample?.subarray(0, sample.lastIndexOf(0x0a) + 1) ?? Buffer.alloc(0);
  const text = parseVpasswdText(whole);
  const hashes = [...recordsOf(text)].map(({ passwd }) => passwd);
  const eight = /^(?:[^:]*:){7}/;
  const keepsClear = hashes.length === 0 ? undefined : text.lines.some((line) => eight.test(line.text));
  return { prefix: usualPrefix(hashes), keepsClear };
}

function otherDirectories(host: Host): string[] {
  return (listedDomains(host.layout) ?? []).slice(0, domainsLookedAt).map(({ directory }) => directory);
}
