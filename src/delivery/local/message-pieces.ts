// The bytes of a message's file, for who reads it once from start to end.

import fs from 'node:fs';
import { bytesPath } from '../../files/read.js';

const pieceBytes = 64 * 1024;

/** In pieces. Most messages are one small piece, and in the cache: for those a stream would cost more than the reading. @param path disk path @throws the system error */
export async function* messagePieces(path: string): AsyncGenerator<Buffer> {
  const file = bytesPath(path);
  if (fs.statSync(file).size <= pieceBytes) yield fs.readFileSync(file);
  else yield* fs.createReadStream(file, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>;
}
