// Hashes for new passwords, made so that the old tools of the host verify them: they call crypt(3), as does auth/password.ts. Made by the host's own crypt where it
// can be called, so what it cannot verify cannot be made.
//
//   scheme     setting: prefix and new salt              hash in vpasswd
//   md5        $1$ 8 characters                          34 characters; vpopmail 5.4's own
//   sha256     $5$ [rounds=N$] 8 characters              55
//   sha512     $6$ [rounds=N$] 8 characters              98; vpopmail 5.6's own
//   bcrypt     $2y$10$ 22 characters                     60
//   yescrypt   $y$j9T$ 24 characters                     75; the host's crypt only
//   des        2 characters                              13; of a password only eight characters count
//
// A new password is hashed as the domain's others are, prefix and cost included; but DES is not taken up for new ones. Salts and random passwords come from the
// system's random numbers (vpopmail seeds rand() with the time).

import { randomBytes } from '../files/random.js';
import type { Crypt } from './crypt-library.js';

export type PasswordScheme = 'md5' | 'sha256' | 'sha512' | 'bcrypt' | 'yescrypt' | 'des';

interface Kind {
  readonly prefix: string;
  readonly saltCharacters: number;
  readonly names: readonly string[];
  /** The prefix with cost in a stored hash. */
  readonly stored: RegExp;
}

const kinds: Readonly<Record<PasswordScheme, Kind>> = {
  md5: { prefix: '$1$', saltCharacters: 8, names: ['1', 'md5-crypt'], stored: /^\$1\$(?=[^$]{0,8}\$.{22}$)/ },
  sha256: {
    prefix: '$5$',
    saltCharacters: 8,
    names: ['5', 'sha256-crypt'],
    stored: /^\$5\$(?:rounds=[0-9]{1,9}\$)?(?=[^$]{0,16}\$.{43}$)/,
  },
  sha512: {
    prefix: '$6$',
    saltCharacters: 8,
    names: ['6', 'sha512-crypt'],
    stored: /^\$6\$(?:rounds=[0-9]{1,9}\$)?(?=[^$]{0,16}\$.{86}$)/,
  },
  bcrypt: {
    prefix: '$2y$10$',
    saltCharacters: 22,
    names: ['2y', '2b', '2a', 'blf-crypt'],
    stored: /^\$2[aby]\$[0-9]{2}\$(?=.{53}$)/,
  },
  yescrypt: { prefix: '$y$j9T$', saltCharacters: 24, names: ['y'], stored: /^\$y\$[./0-9A-Za-z]+\$(?=[^$]+\$.{43}$)/ },
  des: { prefix: '', saltCharacters: 2, names: ['des-crypt', 'crypt'], stored: /^(?=[./0-9A-Za-z]{13}$)/ },
};

const saltAlphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** vpopmail's for `-r`. */
const passwordAlphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.@!#%*';

/** The scheme that a person names: `sha512`, `6` or `$6$`, in any case; undefined for none that is known. */
export function passwordScheme(name: string): PasswordScheme | undefined {
  const wanted = name.toLowerCase().replace(/^\$|\$$/g, '');
  const known = Object.entries(kinds) as [PasswordScheme, Kind][];
  return known.find(([scheme, { names }]) => scheme === wanted || names.includes(wanted))?.[0];
}

/** All schemes by name. */
export const passwordSchemes: readonly PasswordScheme[] = Object.keys(kinds) as PasswordScheme[];

/** The scheme of a stored hash, with or without vpopmail 5.6's word in braces; undefined for what is none that is known here. */
export function schemeOfHash(stored: string): PasswordScheme | undefined {
  const hash = stored.replace(/^\{[A-Za-z0-9._-]+\}/, '');
  const known = Object.entries(kinds) as [PasswordScheme, Kind][];
  return known.find(([, kind]) => kind.stored.test(hash))?.[0];
}

/** What stands before the salt in a hash of this scheme, cost included: `$6$`, `$2y$10$`. */
export function schemePrefix(scheme: PasswordScheme): string {
  return kinds[scheme].prefix;
}

/**
 * The prefix that most of these stored hashes have, cost included, and that new ones can be given: `$1$`, `$6$rounds=9000$`, `$2b$12$`. undefined when none has
 * one (no hashes, DES, clear texts).
 */
export function usualPrefix(hashes: Iterable<string>): string | undefined {
  const counts = new Map<string, number>();
  for (const hash of hashes) {
    const prefix = prefixOf(hash);
    if (prefix !== undefined) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  let best: string | undefined;
  for (const [prefix, count] of counts) if (best === undefined || count > (counts.get(best) ?? 0)) best = prefix;
  return best;
}

/**
 * Hashes a password with a new salt.
 * @param password Latin-1, one character a byte, without NUL
 * @param prefix from `schemePrefix` or `usualPrefix`
 * @returns undefined when crypt(3) here does not know the scheme
 */
export async function hashPassword(crypt: Crypt, password: string, prefix: string): Promise<string | undefined> {
  const hash = await crypt(Buffer.from(password, 'latin1'), prefix + newSalt(prefix));
  // A crypt that does not know a scheme may take the setting for a DES salt.
  return hash?.startsWith(prefix) && (prefix !== '' || hash.length === 13) ? hash : undefined;
}

/** A random password as vpopmail's `-r` makes it. */
export function randomPassword(length: number): string {
  return randomText(length, passwordAlphabet);
}

function newSalt(prefix: string): string {
  if (prefix === '') return randomText(kinds.des.saltCharacters, saltAlphabet);
  if (prefix.startsWith('$y')) return randomText(kinds.yescrypt.saltCharacters, saltAlphabet);
  if (!prefix.startsWith('$2')) return randomText(kinds.md5.saltCharacters, saltAlphabet);
  // 128 bits in 22 characters: of the last one only two bits count.
  return randomText(kinds.bcrypt.saltCharacters - 1, saltAlphabet) + randomText(1, '.Oeu');
}

function prefixOf(hash: string): string | undefined {
  for (const [scheme, { stored }] of Object.entries(kinds)) {
    if (scheme !== 'des') {
      const found = stored.exec(hash)?.[0];
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function randomText(length: number, alphabet: string): string {
  // A byte above the last whole alphabet would make its first characters likelier.
  const usable = 256 - (256 % alphabet.length);
  let text = '';
  while (text.length < length) {
    const bytes = randomBytes(length - text.length).filter((byte) => byte < usable);
    text += Array.from(bytes, (byte) => alphabet.charAt(byte % alphabet.length)).join('');
  }
  return text;
}
