// The header of a message while it comes in, looked at without keeping it: how many hops it has behind it and to whom it was delivered before.
//
// The header is what stands before the first empty line; lines end in LF (CRLF has been undone). Hops are counted as qmail-smtpd does (formats/qmail.md 2.5):
// every line that begins with `received` or `delivered`, letters in either case, whatever follows; continuation lines begin with a blank and do not count.
// The lines that begin with `Delivered-To:` (case ignored) are kept whole for the loop tests: qmail-local compares them byte for byte, vdelivermail with
// case ignored, both without folding.
// Chunks may be cut anywhere. Only lines that begin with d or r are looked at; after the header nothing is. Memory is bounded: a line that is too long or
// one too many is counted but not kept.

/** No Delivered-To line that a delivery writes is longer; SMTP addresses have at most 900 bytes. */
const longestLine = 2048;
const mostLines = 1000;

const received = 'received';
const delivered = 'delivered';
const deliveredTo = 'delivered-to:';

export class HeaderScanner {
  #hops = 0;
  #ended = false;
  #lines: string[] = [];
  /** The beginning of a line that was cut by the end of a chunk, at most `longestLine + 1` bytes of it; '' between lines. */
  #cut = '';
  /** Whether the cut line is one whose rest does not matter. */
  #skipping = false;

  /** Lines that begin with received or delivered, so far. */
  get hops(): number {
    return this.#hops;
  }

  /** Whether the empty line was seen; what follows is the body. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The Delivered-To lines so far, Latin-1, without LF, in order. */
  get deliveredToLines(): readonly string[] {
    return this.#lines;
  }

  /** Looks at the next bytes of the message. Keeps no reference to the chunk. */
  write(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      const lineFeed = chunk.indexOf(0x0a, at);
      const end = lineFeed < 0 ? chunk.length : lineFeed;
      this.#take(chunk, at, end, lineFeed >= 0);
      at = end + 1;
    }
  }

  /** The message ends here: a header without empty line and LF counts its last line too. */
  end(): void {
    if (!this.#ended && !this.#skipping && this.#cut !== '') this.#line(this.#cut);
    this.#ended = true;
    this.#cut = '';
  }

  #take(chunk: Buffer, start: number, end: number, isWhole: boolean): void {
    const isContinued = this.#skipping || this.#cut !== '';
    if (!isContinued && !isInteresting(chunk, start, end)) {
      if (isWhole && start === end) this.#ended = true;
      this.#skipping = !isWhole && end > start;
      return;
    }
    if (!this.#skipping) {
      this.#cut += chunk.toString('latin1', start, Math.min(end, start + longestLine + 1 - this.#cut.length));
      if (!isWhole) return;
      this.#line(this.#cut);
    }
    if (!isWhole) return;
    this.#cut = '';
    this.#skipping = false;
  }

  #line(line: string): void {
    const start = line.slice(0, deliveredTo.length).toLowerCase();
    if (!start.startsWith(received) && !start.startsWith(delivered)) return;
    this.#hops++;
    if (start === deliveredTo && line.length <= longestLine && this.#lines.length < mostLines) this.#lines.push(line);
  }
}

/** The Delivered-To lines of a header that is at hand as a whole. */
export function deliveredToLines(header: Buffer): readonly string[] {
  const scanner = new HeaderScanner();
  scanner.write(header);
  scanner.end();
  return scanner.deliveredToLines;
}

/** The hops of a header that is at hand as a whole. */
export function countHops(header: Buffer): number {
  const scanner = new HeaderScanner();
  scanner.write(header);
  scanner.end();
  return scanner.hops;
}

/** Whether a line may begin with received or delivered: its first letter is r or d. */
function isInteresting(chunk: Buffer, start: number, end: number): boolean {
  const first = start < end ? (chunk[start] ?? 0) | 0x20 : 0;
  return first === 0x72 || first === 0x64;
}
