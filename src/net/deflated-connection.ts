// A connection on which both sides compress what they send, without headers (RFC 4978, RFC 1951): a stream that stands before the socket.
//
//   write  ->  deflate, flushed at the end of each write  ->  socket
//   read   <-  inflate                                     <-  socket
//
// A write is done when the socket has taken it, so a slow reader is felt. Reading is held back likewise. Compressors of idle sessions cost memory, so their windows are small.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import zlib from 'node:zlib';
import type { Connection } from './connection.js';

/** What we write may use 4 KiB of what came before; clients may use all that there is. */
const ours = { flush: zlib.constants.Z_SYNC_FLUSH, windowBits: 12, memLevel: 5, level: 4 };

export class DeflatedConnection extends Duplex implements Connection {
  readonly #socket: Socket;
  readonly #deflate = zlib.createDeflateRaw(ours);
  readonly #inflate = zlib.createInflateRaw();

  /** @param first compressed bytes that were read from the socket already */
  constructor(socket: Socket, first: Buffer) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#deflate.on('data', (bytes: Buffer) => {
      if (!socket.write(bytes)) this.#deflate.pause();
    });
    socket.on('drain', () => this.#deflate.resume());
    this.#inflate.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) this.#inflate.pause();
    });
    // What is no deflate stream is no client of ours.
    this.#inflate.on('error', () => this.destroy());
    this.#inflate.on('end', () => this.push(null));
    this.#deflate.on('error', () => this.destroy());
    socket.on('timeout', () => this.emit('timeout')).on('close', () => this.destroy());
    // A client ends the connection, not the stream of compressed data.
    socket.on('end', () => this.push(null));
    if (first.length > 0) this.#inflate.write(first);
    socket.on('data', (bytes: Buffer) => {
      if (this.#inflate.write(bytes)) return;
      socket.pause();
      this.#inflate.once('drain', () => socket.resume());
    });
    socket.resume();
  }

  setTimeout(ms: number): void {
    this.#socket.setTimeout(ms);
  }

  override _read(): void {
    this.#inflate.resume();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#deflate.write(bytes);
    this.#deflate.flush(() => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#deflate.once('end', () => this.#socket.end(() => done()));
    this.#deflate.end();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#deflate.destroy();
    this.#inflate.destroy();
    this.#socket.destroy();
    done(error);
  }
}
