// The bytes between `354` and the end mark, decoded as qmail-smtpd does (blast; formats/qmail.md 2.5). RFC 5321 4.5.2.
//
//   after              CR             LF                 .              any other byte
//   line start         hold it        stray              hold it        data
//   line start, .      hold it        stray              data           data           (the held dot is dropped)
//   line start, . CR   . CR, hold it  end of message     . CR, data     . CR, data
//   data               hold it        stray              data           data
//   data, CR           CR, hold it    LF, line start     CR, data       CR, data
//
// Only CR LF . CR LF ends a message, and only CR LF ends a line. A LF without its CR is stray wherever it stands: the caller has to give up the whole
// session at once, because what follows may be the smuggled second half of another server's message. A CR without LF, NUL and 8-bit bytes are data.
// Lines have no greatest length. Several bytes held at the end of a chunk are remembered as a state, so the chunks may be cut anywhere.
//
// The decoded bytes are written over the encoded ones, in the same buffer: they never need more room, save for what was held before the chunk.

const cr = 0x0d;
const lf = 0x0a;
const dot = 0x2e;

type State = 'start' | 'dot' | 'dot-cr' | 'data' | 'cr';

/** `more`: the message goes on; `end`: the end mark was read; `stray-lf`: a bare line feed, nothing after it may be read. */
export type DataStatus = 'more' | 'end' | 'stray-lf';

/** Decodes one message. Use a new one for each. */
export class SmtpDataDecoder {
  #state: State = 'start';
  #status: DataStatus = 'more';
  #end = 0;
  #sizeBytes = 0;

  get status(): DataStatus {
    return this.#status;
  }

  /** Where in the chunk given last the message ended (`end`), that is where the next command starts; else the chunk's length. */
  get nextOffset(): number {
    return this.#end;
  }

  /** Bytes of the message so far, as they are stored: line ends counted once, dots of the transport not at all. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Takes the bytes of `chunk` from `start` on and gives the decoded ones, possibly none. The result lies in the chunk, whose bytes before `nextOffset`
   * are no longer what they were.
   */
  decode(chunk: Buffer, start = 0): Buffer {
    const output = this.#heldMustBeWritten(chunk, start) ? Buffer.allocUnsafe(chunk.length - start + 2) : chunk;
    const first = output === chunk ? start : 0;
    const last = this.#run(chunk, start, output, first);
    this.#sizeBytes += last - first;
    return output.subarray(first, last);
  }

  /** Whether bytes held since the chunk before may come out now: then there is no room for them in this one. */
  #heldMustBeWritten(chunk: Buffer, start: number): boolean {
    if (start >= chunk.length) return false;
    if (this.#state === 'dot') return chunk[start] === cr;
    return (this.#state === 'cr' || this.#state === 'dot-cr') && chunk[start] !== lf;
  }

  /** Returns where in `output` the decoded bytes end. */
  #run(input: Buffer, start: number, output: Buffer, first: number): number {
    let out = first;
    let at = start;
    while (at < input.length) {
      const byte = input[at];
      if (this.#state === 'data') {
        // Up to the LF that ends the line: what stands before it, bare CRs too, is moved in one go.
        const lineFeed = input.indexOf(lf, at);
        const end = lineFeed < 0 ? input.length : lineFeed;
        const endsInCr = end > at && input[end - 1] === cr;
        const length = (endsInCr ? end - 1 : end) - at;
        if (output === input) input.copyWithin(out, at, at + length);
        else input.copy(output, out, at, at + length);
        out += length;
        at = end;
        if (endsInCr) this.#state = 'cr';
        else if (lineFeed >= 0) return this.#stop('stray-lf', at + 1, out);
      } else if (this.#state === 'cr') {
        output[out++] = byte === lf ? lf : cr;
        this.#state = byte === lf ? 'start' : 'data';
        if (byte === lf) at++;
      } else if (this.#state === 'start') {
        this.#state = byte === dot ? 'dot' : 'data';
        if (byte === dot) at++;
      } else if (this.#state === 'dot') {
        this.#state = byte === cr ? 'dot-cr' : 'data';
        if (byte === cr) at++;
      } else {
        if (byte === lf) return this.#stop('end', at + 1, out);
        output[out++] = dot;
        output[out++] = cr;
        this.#state = 'data';
      }
    }
    this.#end = input.length;
    return out;
  }

  #stop(status: DataStatus, end: number, out: number): number {
    this.#status = status;
    this.#end = end;
    return out;
  }
}
