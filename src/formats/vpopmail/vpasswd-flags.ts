// The flags that vpopmail keeps in the gid field of a vpasswd record (formats/vpopmail.md 2.4): one unsigned word of 32 bits, decimal.
//
// The names are vpopmail's own. Bits without a name are kept when flags are changed. A flag here says what stands in the file; what is in force also
// depends on the domain's limits (formats/vpopmail/domain-limits) unless V_OVERRIDE is set.

const bits = {
  NO_PASSWD_CHNG: 0x00001,
  NO_POP: 0x00002,
  NO_WEBMAIL: 0x00004,
  NO_IMAP: 0x00008,
  BOUNCE_MAIL: 0x00010,
  NO_RELAY: 0x00020,
  NO_DIALUP: 0x00040,
  V_USER0: 0x00080,
  V_USER1: 0x00100,
  V_USER2: 0x00200,
  V_USER3: 0x00400,
  NO_SMTP: 0x00800,
  QA_ADMIN: 0x01000,
  V_OVERRIDE: 0x02000,
  NO_SPAMASSASSIN: 0x04000,
  DELETE_SPAM: 0x08000,
  SA_ADMIN: 0x10000,
  SA_EXPERT: 0x20000,
  NO_MAILDROP: 0x40000,
} as const;

export type AccountFlag = keyof typeof bits;

/** Every flag with its bit, lowest first. */
export const accountFlags: ReadonlyArray<readonly [AccountFlag, number]> = Object.entries(bits) as [
  AccountFlag,
  number,
][];

/** A flag word taken apart. */
export interface ParsedFlags {
  readonly flags: ReadonlySet<AccountFlag>;
  /** Bits that have no name. */
  readonly unknownBits: number;
}

/** The word with exactly these flags. */
export function flagBits(...flags: readonly AccountFlag[]): number {
  return flags.reduce((word, flag) => (word | bits[flag]) >>> 0, 0);
}

export function hasFlag(word: number, flag: AccountFlag): boolean {
  return (word & bits[flag]) !== 0;
}

/** The word with one flag set or cleared; all other bits stay. */
export function withFlag(word: number, flag: AccountFlag, isSet: boolean): number {
  return (isSet ? word | bits[flag] : word & ~bits[flag]) >>> 0;
}

export function parseFlags(word: number): ParsedFlags {
  const flags = new Set<AccountFlag>();
  let unknownBits = word >>> 0;
  for (const [flag, bit] of accountFlags) {
    if ((word & bit) === 0) continue;
    flags.add(flag);
    unknownBits = (unknownBits & ~bit) >>> 0;
  }
  return { flags, unknownBits };
}

/** The word; the mirror of `parseFlags`. */
export function serializeFlags(parsed: ParsedFlags): number {
  return (flagBits(...parsed.flags) | parsed.unknownBits) >>> 0;
}
