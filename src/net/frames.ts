// What processes of this program say to each other on a unix socket: frames of a kind and bytes, in order.
//
//   length   4 bytes, big-endian, of what follows
//   kind     1 byte (a letter; processes/agents/by-owner.ts and queue/enqueue/over-socket.ts have the meanings)
//   bytes    JSON as UTF-8 for requests and answers, message data as it is
//
// Both ends are this program, of the same version; a frame that is too long or cut off ends the connection. A session of POP3 or IMAP begins with one frame and goes on as plain bytes.

import type { Socket } from 'node:net';

export interface Frame {
  readonly kind: string;
  readonly bytes: Buffer;
}

const headBytes = 5;
const largestFrame = 16 * 1024 * 1024;

/** Sends a frame, in one write with what else is sent in this turn of the event loop; resolves when the other side has taken enough to go on. */
export function sendFrame(socket: Socket, kind: string, bytes: Buffer | object): Promise<void> | undefined {
  const body = Buffer.isBuffer(bytes) ? bytes : Buffer.from(JSON.stringify(bytes));
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(body.length + 1);
  head.write(kind, 4, 'latin1');
  if (socket.writableCorked === 0) {
    socket.cork();
    setImmediate(() => socket.uncork());
  }
  socket.write(head);
  const mayGoOn = socket.write(body);
  if (mayGoOn || socket.destroyed) return undefined;
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}

/** The frames that come in, one at a time: the sender is held back while nobody asks. */
export class FrameReader {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {});
  }

  /** The next frame; undefined when the connection has ended. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#take();
      if (frame !== undefined) return frame;
      const chunk = await this.#read();
      if (chunk === undefined) return undefined;
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    }
  }

  /** Leaves the rest of the stream to another owner: bytes that came behind the last frame go back into the socket. */
  detach(): void {
    if (this.#buffer.length > 0) this.#socket.unshift(this.#buffer);
    this.#buffer = Buffer.alloc(0);
  }

  #take(): Frame | undefined {
    if (this.#buffer.length < headBytes) return undefined;
    const length = this.#buffer.readUInt32BE(0);
    if (length > largestFrame || length === 0) {
      this.#socket.destroy();
      return undefined;
    }
    if (this.#buffer.length < 4 + length) return undefined;
    const frame = { kind: this.#buffer.toString('latin1', 4, 5), bytes: this.#buffer.subarray(headBytes, 4 + length) };
    this.#buffer = this.#buffer.subarray(4 + length);
    return frame;
  }

  #read(): Promise<Buffer | undefined> {
    const socket = this.#socket;
    return new Promise((resolve) => {
      const look = (): void => {
        const chunk = socket.read() as Buffer | null;
        if (chunk === null && !socket.readableEnded && !socket.destroyed) return;
        socket.off('readable', look).off('end', look).off('close', look);
        resolve(chunk ?? undefined);
      };
      socket.on('readable', look).on('end', look).on('close', look);
      look();
    });
  }
}
