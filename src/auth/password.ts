// Whether a password belongs to the hash in the second field of vpasswd (formats/vpopmail.md 2.8): crypt(password, stored) equals stored. Any kind of hash
// that the host's crypt(3) knows will do.
//
//   stored                     matches
//   a hash                     its password
//   {MD5-CRYPT}$1$salt$hash    the same: vpopmail 5.6 takes the word in braces off, 5.4 never lets such an account in
//   empty                      nothing (the caller tells it apart: "user has no password")
//   *, !hash, clear text       nothing; crypt(3) answers these with NULL or a failure text, which must never equal what is stored
//
// A password with a NUL byte never matches: the C library would compare only what stands before it.
//
// Whether an account exists must not show in the time of the answer. So a login for an unknown name does the work of a wrong password: one crypt call with the hash of
// somebody else, of the same domain if one is known (its accounts mostly share a scheme), else of the host, else of vpopmail's own default.

import { timingSafeEqual } from 'node:crypto';
import { type Crypt, concurrentCalls, loadHostCrypt } from './crypt-library.js';
import { CryptQueue } from './crypt-queue.js';
import { scriptCryptInThread } from './crypt-worker.js';
import type { Standing } from './guessing/gate.js';
import { hashPassword } from './new-password.js';
import { PasswordCache, type PasswordCacheLimits } from './password-cache.js';

/** vpopmail 5.4's kind of hash. */
const usualHash = '$1$abcdefgh$dJ8c39.UhXMhoPAflV/Py0';
const rememberedDomains = 1000;

/** Whose password it is, and of whom it comes. */
export interface VerifyOptions {
  /** The account's name, without its domain: only with it is the answer kept for a while. */
  readonly account?: string | undefined;
  /** Decides who waits for whom; clean unless given. */
  readonly standing?: Standing | undefined;
}

/** Verifies passwords, and remembers for each domain one of its hashes for the names that do not exist. */
export class PasswordChecker {
  readonly #queue: CryptQueue;
  readonly #cache: PasswordCache;
  readonly #hashOfDomain = new Map<string, string>();
  #lastHash = usualHash;

  /**
   * @param crypt the host's crypt(3) unless given, else the one in JavaScript
   * @param cache what is kept of right passwords; nothing unless given
   */
  constructor(crypt: Crypt = loadHostCrypt() ?? scriptCryptInThread(), cache: PasswordCacheLimits = { keepMs: 0 }) {
    this.#queue = new CryptQueue(crypt, concurrentCalls());
    this.#cache = new PasswordCache(cache);
  }

  /**
   * @param password as the client sent it, Latin-1
   * @param stored the hash as vpasswd has it
   * @throws Error when this kind of hash cannot be computed here
   */
  async verify(password: string, stored: string, domain: string, options: VerifyOptions = {}): Promise<boolean> {
    const hash = withoutScheme(stored);
    if (hash === '') return this.pretend(password, domain, options);
    this.#remember(domain, hash);
    const { account, standing = 'clean' } = options;
    const compute = async (): Promise<boolean> => {
      const computed = await this.#queue.run(bytesOf(password), hash, standing);
      return computed !== undefined && equal(computed, hash) && !password.includes('\0');
    };
    return account === undefined ? compute() : this.#cache.check(`${account}@${domain}`, stored, password, compute);
  }

  /**
   * Takes the time of a wrong password and answers false.
   * @param neighbour gives the hash of any account of the domain, asked only when none is known yet
   */
  async pretend(
    password: string,
    domain: string,
    { standing = 'clean', neighbour }: VerifyOptions & { readonly neighbour?: () => string | undefined } = {},
  ): Promise<false> {
    const hash = this.#hashOfDomain.get(domain) ?? (withoutScheme(neighbour?.() ?? '') || this.#lastHash);
    await this.#queue.run(bytesOf(password), hash, standing).catch(() => undefined);
    return false;
  }

  /**
   * A hash of a password with a new salt; those who log in come first.
   * @param prefix what stands before the salt (auth/new-password.ts)
   * @returns undefined when crypt(3) here does not know it
   */
  hash(password: string, prefix: string): Promise<string | undefined> {
    return hashPassword((bytes, setting) => this.#queue.run(bytes, setting, 'suspect'), password, prefix);
  }

  #remember(domain: string, hash: string): void {
    if (!hash.startsWith('$') && hash.length !== 13) return;
    this.#lastHash = hash;
    this.#hashOfDomain.delete(domain);
    this.#hashOfDomain.set(domain, hash);
    if (this.#hashOfDomain.size <= rememberedDomains) return;
    for (const oldest of this.#hashOfDomain.keys()) {
      this.#hashOfDomain.delete(oldest);
      return;
    }
  }
}

function withoutScheme(stored: string): string {
  return stored.replace(/^\{[A-Za-z0-9._-]+\}/, '');
}

/** What crypt(3) would see of it. */
function bytesOf(password: string): Buffer {
  const nul = password.indexOf('\0');
  return Buffer.from(nul < 0 ? password : password.slice(0, nul), 'latin1');
}

function equal(computed: string, stored: string): boolean {
  const [a, b] = [Buffer.from(computed, 'latin1'), Buffer.from(stored, 'latin1')];
  return a.length === b.length && timingSafeEqual(a, b);
}
