// Short numbers in the place of bytes: to know later whether something is still the same, without keeping it. Two 32-bit hashes of the same bytes with different multipliers are independent
// enough that a change goes unnoticed once in 2^64. No secrecy is meant: what is hashed stands on the disk beside.

/** A 32-bit hash of a piece of bytes. @param multiplier odd; different ones give independent hashes */
export function hashBytes(bytes: Buffer, start: number, end: number, multiplier: number): number {
  let hash = 0x811c9dc5 ^ (end - start);
  for (let at = start; at < end; at++) {
    hash = Math.imul(hash ^ (bytes[at] as number), multiplier);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

/** Two multipliers for one fingerprint of 64 bits. */
export const multipliers = [0x01000193, 0x85ebca6b] as const;

/** Texts that many records share, such as quotas, each kept once under a number. */
export class SharedTexts {
  readonly #ids = new Map<string, number>();
  readonly #texts: string[] = [];

  /** The number of a text. */
  idOf(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    this.#ids.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  textOf(id: number): string {
    return this.#texts[id] ?? '';
  }
}
