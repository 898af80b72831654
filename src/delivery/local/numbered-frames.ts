// Frames (net/frames) about one of several deliveries: the first four bytes, big-endian, are its number.

import type { Socket } from 'node:net';
import { type Frame, sendFrame } from '../../net/frames.js';

const numberBytes = 4;

/** As `sendFrame`. */
export function sendNumbered(
  socket: Socket,
  kind: string,
  number: number,
  body: Buffer | object,
): Promise<void> | undefined {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const all = Buffer.allocUnsafe(numberBytes + bytes.length);
  all.writeUInt32BE(number);
  bytes.copy(all, numberBytes);
  return sendFrame(socket, kind, all);
}

/** @throws RangeError for a frame that has no number */
export function numbered({ kind, bytes }: Frame): Frame & { readonly number: number } {
  return { kind, number: bytes.readUInt32BE(), bytes: bytes.subarray(numberBytes) };
}
