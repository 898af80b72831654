// Names of message files in a Maildir (formats/qmail.md 6.7, vpopmail.md 4.7, dovecot.md 1.4 and 1.5).
//
//   name  = base [ ":" info ]        base = unique *( "," KEY "=" value )        info = "2," flags *( "," more )
//
//   1795487598.38.mail.example.gr.jp,S=168              vdelivermail: seconds, pid, host, size
//   1795485529.M972479P30976.vm,S=133,W=141:2,FSab      Dovecot: microseconds, pid; W is the size with CRLF line ends; a to z are keywords
//   1795487656.I1a2bV801M5P77.host\057a                 qmail with the uniqueness patch: inode, device; `/` and `:` of the host escaped
//
// The base is a message's identity (and POP3's UIDL) and never changes; it ends at the first colon. Flags stand after the last colon. Only `2,` has flags;
// letters may come in any order and repeated. Names that begin with a dot are no messages.
//
// Names made here: TIME.PIDMmicroseconds.HOST,S=SIZE. Time and microseconds rise with every name of a process, and where the clock was set back a count (Q)
// follows, so no two processes of a host make the same name. (Hosts that share a name, a pid and a microsecond could: the writer's O_EXCL and link are the
// last guard.) Dovecot orders the messages of a second by the number after M. With a host name of up to 32 bytes a base has at most 70 characters, RFC 1939's
// limit for a UIDL.

export interface MaildirName {
  /** What stands before the first colon. */
  readonly base: string;
  /** What stands after the first colon, such as `2,S`; undefined without a colon. */
  readonly info: string | undefined;
}

/** What can be read off a base. */
export interface MaildirBase {
  /** The base up to its first comma. */
  readonly unique: string;
  /** The delivery time: the digits at the start. */
  readonly unixSeconds: number | undefined;
  /** The number after the first M in the second part of the unique name. */
  readonly microseconds: number | undefined;
  /** `,S=`: size of the file in bytes. */
  readonly sizeBytes: number | undefined;
  /** `,W=`: size with every LF sent as CRLF. */
  readonly wireSizeBytes: number | undefined;
}

/** Splits a file name; the mirror of `serializeMaildirName`. */
export function parseMaildirName(name: string): MaildirName {
  const colon = name.indexOf(':');
  return colon < 0 ? { base: name, info: undefined } : { base: name.slice(0, colon), info: name.slice(colon + 1) };
}

export function serializeMaildirName(name: MaildirName): string {
  return name.info === undefined ? name.base : `${name.base}:${name.info}`;
}

/** Takes a base apart. Sizes that are not plain decimal numbers are undefined. */
export function parseMaildirBase(base: string): MaildirBase {
  const [unique = '', ...fields] = base.split(',');
  return {
    unique,
    unixSeconds: numberAt(/^[0-9]+/, unique),
    microseconds: numberAt(/^[^.]*\.[^.M]*M([0-9]+)/, unique),
    sizeBytes: sizeField(fields, 'S='),
    wireSizeBytes: sizeField(fields, 'W='),
  };
}

/** Whether a directory entry of new/ or cur/ is a message: dot files and names with line ends are not. */
export function isMessageName(name: string): boolean {
  return name !== '' && !name.startsWith('.') && !name.includes('\n') && !name.includes('\r');
}

/** The flag letters of a file name as they stand there; '' when it has none. A file in new/ has no flags whatever its name says. */
export function flagsOf(name: string): string {
  const info = name.includes(':') ? name.slice(name.lastIndexOf(':') + 1) : '';
  return info.startsWith('2,') ? (info.slice(2).split(',')[0] ?? '') : '';
}

/**
 * The file name with exactly these flags: each letter once, in ASCII order. What stands before the flags stays, and so do further comma groups behind
 * them; an info that is not `2,` is replaced.
 */
export function withFlags(name: string, flags: string): string {
  const letters = [...new Set(flags)].sort().join('');
  const info = name.slice(name.lastIndexOf(':') + 1);
  if (!name.includes(':') || !info.startsWith('2,')) return `${parseMaildirName(name).base}:2,${letters}`;
  const more = info.slice(2).split(',').slice(1);
  return `${name.slice(0, name.lastIndexOf(':'))}:${['2', letters, ...more].join(',')}`;
}

/** The base that a unique name gets once the size of the file is known. */
export function sizedName(unique: string, sizeBytes: number): string {
  return `${unique},S=${sizeBytes}`;
}

/** This host's name as it may stand in a file name: 32 bytes of it, as vdelivermail does, and what a name may not hold as octal escapes. */
export function hostInName(hostName: string): string {
  const cut = hostName.slice(0, 32);
  return cut.replace(/[^!-~]|[/:,\\]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** Messages as Dovecot orders new ones: by the seconds at the start of their bases, then the number behind M where both have one, then by bytes. */
export function inOrderOfArrival<T extends { readonly base: string }>(messages: readonly T[]): T[] {
  const seconds = Float64Array.from(messages, ({ base }) => secondsOf(base));
  const compare = (a: number, b: number): number =>
    (seconds[a] as number) - (seconds[b] as number) || withinSecond(messages[a]?.base ?? '', messages[b]?.base ?? '');
  let inOrder = 1;
  while (inOrder < seconds.length && compare(inOrder - 1, inOrder) < 0) inOrder++;
  // A directory is mostly read in the order of its names.
  if (inOrder >= messages.length) return [...messages];
  const order = Uint32Array.from(messages, (_, index) => index);
  return Array.from(order.sort(compare), (index) => messages[index] as T);
}

function withinSecond(a: string, b: string): number {
  const [first, second] = [parseMaildirBase(a).microseconds, parseMaildirBase(b).microseconds];
  return (first !== undefined && second !== undefined && first - second) || (a < b ? -1 : 1);
}

/** The delivery time of a base; 0 when it has none. */
function secondsOf(base: string): number {
  let seconds = 0;
  for (let at = 0; ; at++) {
    const digit = base.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return seconds;
    if (at === 15) return 0;
    seconds = seconds * 10 + digit;
  }
}

/** Makes the unique names of one process. */
export class UniqueNames {
  readonly #middle: string;
  readonly #host: string;
  readonly #now: () => number;
  #last = 0;
  #count = 0;

  /**
   * @param process its pid, and the host's name as gethostname gives it
   * @param nowMicroseconds the time since 1970; it need not be finer than milliseconds and may run backwards
   */
  constructor(process: { readonly pid: number; readonly hostName: string }, nowMicroseconds: () => number) {
    this.#middle = `${process.pid}M`;
    this.#host = hostInName(process.hostName);
    this.#now = nowMicroseconds;
  }

  /** A name that this process has not used and no other process will: `TIME.PIDMmicroseconds.HOST`. Another one with every call. */
  next(): string {
    const now = Math.floor(this.#now());
    if (now > this.#last) {
      this.#last = now;
    } else if (this.#last - now < 1_000_000) {
      this.#last++;
    } else {
      // The clock was set back by more than a second: names show the new time, and a count until the old one is passed again.
      return this.#name(now, `Q${++this.#count}`);
    }
    return this.#name(this.#last, '');
  }

  #name(microseconds: number, count: string): string {
    const seconds = Math.floor(microseconds / 1_000_000);
    return `${seconds}.${this.#middle}${microseconds % 1_000_000}${count}.${this.#host}`;
  }
}

function numberAt(pattern: RegExp, text: string): number | undefined {
  const found = pattern.exec(text);
  const digits = found?.[1] ?? found?.[0];
  return digits === undefined || digits.length > 15 ? undefined : Number(digits);
}

function sizeField(fields: readonly string[], key: string): number | undefined {
  const field = fields.find((text) => text.startsWith(key));
  return field === undefined ? undefined : numberAt(/^[0-9]+$/, field.slice(key.length));
}
