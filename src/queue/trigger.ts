// lock/trigger, the fifo by which whoever queued a message wakes who works on the queue (formats/qmail.md 3.7).
//
// It is opened for reading without waiting. A byte that comes, or a writer that closed, means: something is in todo/. Then it is closed, opened anew, and only after that
// todo/ is looked at, so that nothing queued after the look began is missed. Between the two a writer finds no reader, and does not mind.
//
// Where there is no fifo the queue is looked at in short intervals instead.

import fs from 'node:fs';
import net from 'node:net';
import { bytesPath } from '../files/read.js';

export class Trigger {
  readonly #path: string;
  readonly #pulled: () => void;
  #socket: net.Socket | undefined;

  /** @param pulled called at most once between two calls of `reset` */
  constructor(path: string, pulled: () => void) {
    this.#path = path;
    this.#pulled = pulled;
  }

  /** Listens anew. @returns false when there is no fifo to listen to */
  reset(): boolean {
    this.close();
    const fd = openFifo(this.#path);
    if (fd === undefined) return false;
    const socket = new net.Socket({ fd, readable: true, writable: false });
    const pull = (): void => {
      if (this.#socket !== socket) return;
      this.close();
      this.#pulled();
    };
    // What is in the fifo means nothing, and it is thrown away with it.
    socket.on('data', pull).on('end', pull).on('error', pull);
    this.#socket = socket;
    return true;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}

function openFifo(path: string): number | undefined {
  let fd: number | undefined;
  try {
    fd = fs.openSync(bytesPath(path), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    if (fs.fstatSync(fd).isFIFO()) return fd;
  } catch {
    // Told by the result.
  }
  if (fd !== undefined) fs.closeSync(fd);
  return undefined;
}
