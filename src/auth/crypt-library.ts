// The host's own crypt(3). It verifies every kind of hash that the host's tools can make ($1$, $5$, $6$, $2a$/$2b$/$2y$, $y$, DES and what the system adds
// later), several times faster than JavaScript could.
//
// crypt_r is called through koffi on node's thread pool, so that a slow hash (bcrypt and yescrypt take 50 ms and more) holds up no other session. The pool
// has few threads and also reads the mail: no more calls run at once than leave one thread free, the others wait in order. An MD5 hash ($1$) takes a tenth of a millisecond, less than handing it over: it
// is computed at once.
//
//   libcrypt.so.1    glibc's, and libxcrypt with the old interface (Debian, Ubuntu)
//   libcrypt.so.2    libxcrypt without it (Fedora, Arch)
//   the C library    musl (Alpine), the BSDs
//
// struct crypt_data is 32768 bytes in libxcrypt, 131232 in glibc's own libcrypt before it, less elsewhere; it is allocated once for each call that may run at the same
// time. It holds key material and is wiped after use.

import { availableParallelism } from 'node:os';
import { loadKoffi } from '../files/native/koffi.js';

/**
 * crypt(3): the hash of a password under the scheme, salt and cost of `setting`, which may be a whole stored hash. undefined: the setting is none
 * that this implementation knows (crypt gives NULL, or a text beginning with `*`).
 * @param password bytes without NUL
 */
export type Crypt = (password: Buffer, setting: string) => Promise<string | undefined>;

/** @returns the host's crypt, or undefined where it cannot be called */
export function loadHostCrypt(): Crypt | undefined {
  const names = process.platform === 'linux' ? ['libcrypt.so.1', 'libcrypt.so.2', null] : [null];
  for (const name of names) {
    try {
      return bind(name);
    } catch {
      // The next one; without any of them the caller has its own.
    }
  }
  return undefined;
}

type Callback = (error: Error | null, result: string | null) => void;
interface BoundCrypt {
  (password: Buffer, setting: Buffer, data: Buffer): string | null;
  async(password: Buffer, setting: Buffer, data: Buffer, done: Callback): void;
}

const libxcryptDataBytes = 32_768;
const glibcDataBytes = 131_232;
const quickPrefix = '$1$';

function bind(libraryName: string | null): Crypt {
  const koffi = loadKoffi();
  const library = koffi.load(libraryName);
  const call = library.func('crypt_r', 'str', ['void *', 'void *', 'void *']) as unknown as BoundCrypt;
  const dataBytes = isLibxcrypt(library) ? libxcryptDataBytes : glibcDataBytes;
  const most = concurrentCalls();
  const scratch: Buffer[] = [];
  let made = 0;
  const waiting: Array<(data: Buffer) => void> = [];

  const take = (): Promise<Buffer> | Buffer => {
    const free = scratch.pop();
    if (free !== undefined) return free;
    if (made === most) return new Promise<Buffer>((resolve) => waiting.push(resolve));
    made++;
    return Buffer.alloc(dataBytes);
  };
  const giveBack = (data: Buffer): void => {
    data.fill(0);
    const next = waiting.shift();
    if (next === undefined) scratch.push(data);
    else next(data);
  };

  const known = (result: string | null): string | undefined =>
    result === null || result.startsWith('*') ? undefined : result;
  const own = Buffer.alloc(dataBytes);
  const callHere = (password: Buffer, setting: string): string | undefined => {
    const key = Buffer.concat([password, Buffer.alloc(1)]);
    try {
      return known(call(key, Buffer.from(`${setting}\0`, 'latin1'), own));
    } finally {
      key.fill(0);
      own.fill(0);
    }
  };

  return async (password, setting) => {
    if (setting.startsWith(quickPrefix)) return callHere(password, setting);
    const data = await take();
    const key = Buffer.concat([password, Buffer.alloc(1)]);
    try {
      const result = await new Promise<string | null>((resolve, reject) => {
        call.async(key, Buffer.from(`${setting}\0`, 'latin1'), data, (error, hash) => {
          if (error === null) resolve(hash);
          else reject(error);
        });
      });
      return known(result);
    } finally {
      key.fill(0);
      giveBack(data);
    }
  };
}

/** Only libxcrypt can say which method it prefers. */
function isLibxcrypt(library: ReturnType<typeof import('koffi').load>): boolean {
  try {
    library.func('crypt_preferred_method', 'str', []);
    return true;
  } catch {
    return false;
  }
}

/** How many calls run at once: as many as there are cores, and one less than the pool has threads. */
export function concurrentCalls(): number {
  const threads = Number(process.env.UV_THREADPOOL_SIZE) || 4;
  return Math.max(1, Math.min(availableParallelism(), threads - 1));
}
