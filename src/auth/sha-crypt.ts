// The $5$ and $6$ hashes of crypt(3): U. Drepper's "Unix crypt using SHA-256 and SHA-512" (public domain), step numbers as there. Used only where the host's
// library cannot be called. (The registry's unixcrypt is wrong for passwords whose length is a multiple of the digest's.)
//
//   $6$rounds=1000$saltsalt$ZzPMz60k...     the rounds are written only when they are given; up to 16 characters of salt; 43 or 86 characters of hash

import { createHash } from 'node:crypto';

export interface ShaSetting {
  readonly scheme: '5' | '6';
  /** 1000 to 999999999; undefined stands for 5000 and is not written. */
  readonly rounds: number | undefined;
  /** Up to 16 characters, Latin-1. */
  readonly salt: string;
}

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The order in which the last step takes the digest's bytes, three at a time: each triple is the one before with 1 added, turned round by one place. */
const kinds = {
  '5': { algorithm: 'sha256', digestBytes: 32, third: 10, turn: (t: Triple): Triple => [t[2] + 1, t[0] + 1, t[1] + 1] },
  '6': { algorithm: 'sha512', digestBytes: 64, third: 21, turn: (t: Triple): Triple => [t[1] + 1, t[2] + 1, t[0] + 1] },
} as const;
type Triple = [number, number, number];

/** The hash of a password, with its setting in front. */
export function shaCrypt(password: Buffer, setting: ShaSetting): string {
  const { algorithm } = kinds[setting.scheme];
  const digest = (...parts: readonly Buffer[]): Buffer => {
    const hash = createHash(algorithm);
    for (const part of parts) hash.update(part);
    return hash.digest();
  };
  const salt = Buffer.from(setting.salt, 'latin1');

  // 4-12
  const b = digest(password, salt, password);
  const parts = [password, salt, fill(b, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? b : password);
  const a = digest(...parts);
  // 13-20
  const p = fill(digest(...repeat(password, password.length)), password.length);
  const s = fill(digest(...repeat(salt, 16 + (a[0] ?? 0))), salt.length);
  // 21
  let c = a;
  for (let round = 0; round < (setting.rounds ?? 5000); round++) {
    const mixed = [round & 1 ? p : c];
    if (round % 3 !== 0) mixed.push(s);
    if (round % 7 !== 0) mixed.push(p);
    mixed.push(round & 1 ? c : p);
    c = digest(...mixed);
  }
  const rounds = setting.rounds === undefined ? '' : `rounds=${setting.rounds}$`;
  return `$${setting.scheme}$${rounds}${setting.salt}$${encode(c, setting.scheme)}`;
}

function fill(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest);
}

function repeat(bytes: Buffer, count: number): Buffer[] {
  return new Array<Buffer>(count).fill(bytes);
}

/** Step 22. */
function encode(digest: Buffer, scheme: '5' | '6'): string {
  const { digestBytes, third, turn } = kinds[scheme];
  const byte = (index: number): number => digest[index] ?? 0;
  let text = '';
  let triple: Triple = [0, third, 2 * third];
  for (let done = 0; done + 3 <= digestBytes; done += 3) {
    text += characters((byte(triple[0]) << 16) | (byte(triple[1]) << 8) | byte(triple[2]), 4);
    triple = turn(triple);
  }
  return text + (scheme === '5' ? characters((byte(31) << 8) | byte(30), 3) : characters(byte(63), 2));
}

function characters(value: number, count: number): string {
  let text = '';
  for (let index = 0; index < count; index++) text += alphabet.charAt((value >> (6 * index)) & 63);
  return text;
}
