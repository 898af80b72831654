// Header fields that a message should have and a user's mail program left out (RFC 6409 8.1 to 8.3): added while the message comes in, without keeping it.
//
//   Subject: a script of 2004             a field; one that is there is never touched
//     folded                              a line that begins with a blank goes on with it
//   Date: 24 Nov 2026 02:34:55 -0000      what was missing, at the end of the header: what stood above keeps its place and its signatures
//   (empty line)                          the header ends
//
// A line that is no field ends the header too, and an empty line is put in front of it: without that the added fields would be part of the text. `From ` as the very
// first line is an mbox's and passes. A message without an end of its header gets the fields at its end.
//
// Lines end in LF. Chunks may be cut anywhere; held back is only the beginning of a line of which it is not yet clear what it is, at most `longestName` bytes.

const longestName = 1000;
const lf = 0x0a;
const fieldName = /^([!-9;-~]+)[ \t]*:/;
/** A line whose first bytes are all that there is of it yet, and may still become a field. */
const maybeField = /^(?:[!-9;-~]+[ \t]*|From .*)?$/;

/** A field to be added unless it is there. */
export interface WantedField {
  readonly name: string;
  readonly value: string;
}

export class MissingFields {
  readonly #missing: Map<string, WantedField>;
  /** The beginning of a line that is not understood yet. */
  #held: Buffer = Buffer.alloc(0);
  /** Within a line whose kind is known. */
  #isInLine = false;
  #isFirstLine = true;
  #isOver = false;

  /** @param wanted in the order in which they are added */
  constructor(wanted: readonly WantedField[]) {
    this.#missing = new Map(wanted.map((field) => [field.name.toLowerCase(), field]));
  }

  /** Takes the next bytes of a message and gives those that take their place. */
  write(chunk: Buffer): Buffer {
    if (this.#isOver) return chunk;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    let at = 0;
    while (at < bytes.length) {
      const lineFeed = bytes.indexOf(lf, at);
      if (!this.#isInLine) {
        const start = bytes.toString('latin1', at, lineFeed < 0 ? Math.min(bytes.length, at + longestName) : lineFeed);
        const kind = this.#kindOf(start, lineFeed >= 0);
        if (kind === 'unclear') {
          this.#held = Buffer.from(bytes.subarray(at));
          return bytes.subarray(0, at);
        }
        if (kind !== 'header') return this.#insert(bytes, at, kind === 'text');
        this.#isFirstLine = false;
      }
      this.#isInLine = lineFeed < 0;
      at = lineFeed < 0 ? bytes.length : lineFeed + 1;
    }
    return bytes;
  }

  /** What is left when the message has ended. */
  end(): Buffer {
    if (this.#isOver) return Buffer.alloc(0);
    const isField = this.#held.length === 0 || this.#kindOf(this.#held.toString('latin1'), true) === 'header';
    const needsLineFeed = this.#isInLine || (isField && this.#held.length > 0);
    const before = isField ? Buffer.concat([this.#held, Buffer.from(needsLineFeed ? '\n' : '')]) : this.#held;
    return this.#insert(before, isField ? before.length : 0, true);
  }

  #kindOf(start: string, isWhole: boolean): 'header' | 'end' | 'text' | 'unclear' {
    if (start === '') return isWhole ? 'end' : 'unclear';
    if (/^[ \t]/.test(start)) return this.#isFirstLine ? 'text' : 'header';
    const name = fieldName.exec(start)?.[1];
    if (name !== undefined) {
      this.#missing.delete(name.toLowerCase());
      return 'header';
    }
    if (!isWhole && start.length < longestName && maybeField.test(start)) return 'unclear';
    return this.#isFirstLine && start.startsWith('From ') ? 'header' : 'text';
  }

  #insert(bytes: Buffer, at: number, needsEmptyLine: boolean): Buffer {
    this.#isOver = true;
    this.#held = Buffer.alloc(0);
    if (this.#missing.size === 0) return bytes;
    const fields = [...this.#missing.values()].map(({ name, value }) => `${name}: ${value}\n`).join('');
    const added = Buffer.from(fields + (needsEmptyLine ? '\n' : ''), 'latin1');
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
  }
}
