// qmail-qmqpc: takes the place of qmail-queue on a host that keeps no queue: sends the message on descriptor 0 with the envelope on descriptor 1 to the first host of
// control/qmqpservers that answers, as the original (formats/qmail.md 2.8). It says nothing; its exit code tells.

import { readIfPresent } from '../../files/read.js';
import { parseList } from '../../formats/controls/control-file.js';
import { parseEnvelope } from '../../formats/queue/queue-envelope.js';
import { exitCodeFor } from '../../queue/enqueue/exit-codes.js';
import { qmqpEnqueuer } from '../../queue/enqueue/over-qmqp.js';
import { inputPieces, type ToolIo } from '../tool-io.js';

const [readError, noControls, wrongEnvelope] = [54, 55, 91];

/** The tool. @returns its exit code */
export async function qmailQmqpc(_args: string[], io: ToolIo): Promise<number> {
  let servers: readonly string[];
  try {
    const file = readIfPresent(io.layout.control('qmqpservers'));
    if (file === undefined) return noControls;
    servers = parseList(file);
  } catch {
    return noControls;
  }
  const message = qmqpEnqueuer({ servers: () => servers }).begin({ invokedBy: { uid: process.getuid?.() ?? 0 } });
  try {
    for await (const piece of inputPieces(io)) await message.write(piece);
    const envelope = parseEnvelope(await io.readDescriptor(1), Number.POSITIVE_INFINITY);
    if (typeof envelope === 'number') return wrongEnvelope;
    await message.commit(envelope);
    return 0;
  } catch (error) {
    return error instanceof Error && 'exitCode' in error ? exitCodeFor(error) : readError;
  } finally {
    await message.abort();
  }
}
