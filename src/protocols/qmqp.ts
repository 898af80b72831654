// QMQP, the Quick Mail Queueing Protocol (D. J. Bernstein, http://cr.yp.to/proto/qmqp.html): a whole message with its envelope in one netstring, one netstring back
// (formats/qmail.md 2.8).
//
//   client   123:45:Subject: x LF LF y,7:a@b.net,7:c@d.net,8:e@fg.net,,       message, sender, recipients
//   server   29:Kok 1795488400 qp 4711,                                       taken; Z: try again later; D: never
//
// The message can be large, so it is decoded as it comes. What breaks the rules cannot be answered, since nobody knows where it ends: the connection is closed without a
// word, as qmail-qmqpd does. An address of 1000 bytes or more, or with a NUL in it, is read and makes the whole refused.

import { encodeNetstring } from './netstring.js';

/** What came in is no QMQP. */
export class QmqpError extends Error {}

/** What a decoder finds, in order: pieces of the message, then the envelope. */
export type QmqpEvent =
  | { readonly kind: 'message'; readonly bytes: Buffer }
  | {
      readonly kind: 'end';
      readonly sender: string;
      readonly recipients: readonly string[];
      readonly isAddressBad: boolean;
    };

/** Addresses from here on are refused, as qmail-qmqpd does. */
const tooLongAddress = 1000;
/** Lengths from here on are. */
const longestWhole = 2_000_000_009;
const [zero, nine, colon, comma] = [0x30, 0x39, 0x3a, 0x2c];

type State = 'whole-length' | 'message-length' | 'message' | 'address-length' | 'address' | 'end' | 'over';

/** Decodes one request. After it has thrown, or given `end`, it is of no use any more. */
export class QmqpDecoder {
  #state: State = 'whole-length';
  #number = 0;
  #digits = 0;
  /** Bytes within the outer netstring that have not come. */
  #left = 100;
  /** Bytes of the string at hand that have not come. */
  #wanted = 0;
  #address: Buffer[] = [];
  readonly #addresses: string[] = [];
  #isAddressBad = false;

  /** Takes the next bytes. @throws QmqpError */
  *decode(chunk: Buffer): Generator<QmqpEvent> {
    for (let at = 0; at < chunk.length; ) {
      if ((this.#state === 'message' || this.#state === 'address') && this.#wanted > 0) {
        const piece = chunk.subarray(at, at + this.#wanted);
        at += piece.length;
        this.#use(piece.length);
        this.#wanted -= piece.length;
        if (this.#state === 'message') yield { kind: 'message', bytes: piece };
        else if (!this.#isTooLong) this.#address.push(piece);
        continue;
      }
      this.#byte(chunk[at++] ?? 0);
      if (this.#state !== 'over') continue;
      const [sender = '', ...recipients] = this.#addresses;
      yield { kind: 'end', sender, recipients, isAddressBad: this.#isAddressBad };
      return;
    }
  }

  get #isTooLong(): boolean {
    return this.#number >= tooLongAddress;
  }

  #byte(byte: number): void {
    switch (this.#state) {
      case 'whole-length':
        if (!this.#length(byte)) return;
        this.#left = this.#number;
        this.#begin('message-length');
        return;
      case 'message-length':
      case 'address-length':
        this.#use(1);
        if (!this.#length(byte)) return;
        this.#wanted = this.#number;
        this.#state = this.#state === 'message-length' ? 'message' : 'address';
        return;
      case 'message':
      case 'address':
        this.#use(1);
        this.#isComma(byte);
        if (this.#state === 'address') this.#endAddress();
        // A sender must come; recipients as long as there are bytes.
        this.#begin(this.#left === 0 && this.#addresses.length > 0 ? 'end' : 'address-length');
        return;
      default:
        this.#isComma(byte);
        this.#state = 'over';
    }
  }

  #begin(state: State): void {
    this.#state = state;
    this.#number = 0;
    this.#digits = 0;
  }

  #endAddress(): void {
    const address = Buffer.concat(this.#address).toString('latin1');
    const isBad = this.#isTooLong || address.includes('\0');
    if (isBad) this.#isAddressBad = true;
    this.#addresses.push(isBad ? '' : address);
    this.#address = [];
  }

  /** @returns whether the length is complete. No digit at all is 0, as for qmail-qmqpd. */
  #length(byte: number): boolean {
    if (byte === colon) return true;
    if (byte < zero || byte > nine) throw new QmqpError('a length is missing');
    this.#number = this.#number * 10 + (byte - zero);
    if (this.#number > longestWhole || ++this.#digits > 20) throw new QmqpError('a length is too large');
    return false;
  }

  #use(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new QmqpError('a string is longer than what holds it');
  }

  #isComma(byte: number): void {
    if (byte !== comma) throw new QmqpError('a comma is missing');
  }
}

/** What stands before and behind the bytes of a message in a request. */
export function encodeQmqpFrame(
  messageBytes: number,
  sender: string,
  recipients: readonly string[],
): { readonly before: Buffer; readonly behind: Buffer } {
  const head = `${messageBytes}:`;
  const addresses = [sender, ...recipients].map((address) => encodeNetstring(address));
  const length = head.length + messageBytes + 1 + addresses.reduce((sum, { length }) => sum + length, 0);
  return {
    before: Buffer.from(`${length}:${head}`, 'latin1'),
    behind: Buffer.concat([Buffer.from(','), ...addresses, Buffer.from(',')]),
  };
}

/** The answer for a message that was queued. */
export function qmqpAccepted(unixSeconds: number, qp: number): string {
  return `Kok ${unixSeconds} qp ${qp}`;
}

/** The answer for addresses that cannot be taken: qmail-qmqpd's words. */
export const qmqpBadAddresses = "Dsorry, I can't accept addresses like that (#5.1.3)";
