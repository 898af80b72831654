// Hashing anew in one process (auth/rehash): the files are changed by admin/users, and the other processes are told through the supervisor before.
//
//   child  rehash {request, successions}  ->  supervisor       supervisor  rehashed {successions}  ->  every session worker and agent
//                                                                          rehash-told {request}   ->  the child that asked
//
// Each channel keeps its order, so nobody hears of the change of vpasswd before.

import { rehashUsers } from '../../admin/users/rehash.js';
import { schemePrefix } from '../../auth/new-password.js';
import { PasswordChecker } from '../../auth/password.js';
import { Rehasher } from '../../auth/rehash/rehasher.js';
import type { Succession } from '../../auth/rehash/successors.js';
import { ConfigurationError, TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import type { Settings } from '../../settings.js';
import { tellSupervisor } from '../supervised.js';

export type Announce = (successions: readonly Succession[]) => Promise<void>;

/** undefined when hashes stay. */
export function openRehasher(
  { rehash: scheme }: Settings,
  passwords: PasswordChecker,
  announce: Announce,
  log: Log,
): Rehasher | undefined {
  if (scheme === undefined) return undefined;
  return new Rehasher({
    scheme,
    hash: (password) => passwords.hash(password, schemePrefix(scheme)),
    announce,
    replace: rehashUsers,
    log,
  });
}

/** @throws ConfigurationError when this host's crypt(3) makes no hashes of the scheme that was asked for */
export async function checkRehash({ rehash: scheme }: Settings): Promise<void> {
  if (scheme === undefined) return;
  const hash = await new PasswordChecker().hash('x', schemePrefix(scheme)).catch(() => undefined);
  if (hash !== undefined) return;
  const text = `crypt(3) of this host makes no such hashes; leave the option out or choose another scheme`;
  throw new ConfigurationError(`--rehash ${scheme}`, undefined, text);
}

const patienceMs = 10_000;

/** The announcements of one child. */
export class RehashAnnouncements {
  readonly #waiting = new Map<number, () => void>();
  #last = 0;

  readonly announce: Announce = (successions) =>
    new Promise((resolve, reject) => {
      const request = ++this.#last;
      const settle = (end: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(request);
        end();
      };
      const late = new TemporaryError('4.3.0', 'the supervisor does not answer');
      const timer = setTimeout(() => settle(() => reject(late)), patienceMs);
      this.#waiting.set(request, () => settle(resolve));
      tellSupervisor({ type: 'rehash', request, successions });
    });

  told(request: number): void {
    this.#waiting.get(request)?.();
  }
}
