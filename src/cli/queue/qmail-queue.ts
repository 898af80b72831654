// qmail-queue: queues the message on descriptor 0 with the envelope on descriptor 1, as the original (formats/qmail.md 3.4 to 3.6). It says nothing; its exit code tells.
//
// Where this user may not write the queue it is handed to the queue process of a running `vqmail serve`: a script cannot be set-user-id.
//
// An envelope that is wrong (exit 11, 91) leaves the message and what had been written of the envelope, as the original does; it is removed after 36 hours.

import { parseEnvelope, todoHead } from '../../formats/queue/queue-envelope.js';
import { exitCodeFor } from '../../queue/enqueue/exit-codes.js';
import { EnqueueError, NativeMessage } from '../../queue/enqueue/native.js';
import { inputPieces, type ToolIo } from '../tool-io.js';
import { ownQueue, toolUser, type WritableQueue, writableQueue } from './own-queue.js';

/** The tool. @returns its exit code */
export async function qmailQueue(_args: string[], io: ToolIo): Promise<number> {
  try {
    const queue = await writableQueue(io);
    return await (queue === undefined ? handOver(io) : queueHere(queue, io));
  } catch (error) {
    return exitCodeFor(error);
  }
}

const readError = 54;

async function handOver(io: ToolIo): Promise<number> {
  const message = (await ownQueue(io)).begin({ invokedBy: { uid: process.getuid?.() ?? 0 } });
  try {
    for await (const piece of inputPieces(io)) await message.write(piece);
    const envelope = parseEnvelope(await io.readDescriptor(1));
    if (typeof envelope !== 'number') {
      await message.commit(envelope);
      return 0;
    }
    await message.abort();
    return envelope;
  } catch (error) {
    await message.abort();
    return error instanceof Error && 'exitCode' in error ? exitCodeFor(error) : readError;
  }
}

async function queueHere({ tree, files, accounts }: WritableQueue, io: ToolIo): Promise<number> {
  const { queueOwners } = await import('../../queue/owners.js');
  const owners = queueOwners(tree, accounts);
  const { invokedBy, gid = 0 } = await toolUser(io);
  const uid = process.getuid?.() ?? 0;
  const invoker = { invokedBy, uid, pid: process.pid, nowSeconds: Math.floor(Date.now() / 1000) };
  const owner = owners.queue && { uid: owners.queue.uid, gid };
  let message: NativeMessage | undefined;
  try {
    message = NativeMessage.begin({ tree, files, owner }, invoker);
    for await (const piece of inputPieces(io)) message.write(piece);
    await message.finish();
    const bytes = await io.readDescriptor(1);
    const envelope = parseEnvelope(bytes);
    if (typeof envelope !== 'number') await message.commit(envelope);
    else if (envelope === readError) message.discard();
    else message.leave(writtenBefore(envelope, Buffer.concat([todoHead(invoker), bytes])));
    return typeof envelope === 'number' ? envelope : 0;
  } catch (error) {
    message?.discard();
    return error instanceof EnqueueError ? error.exitCode : readError;
  }
}

/** qmail-queue's own buffer, which is written when the next byte has no room in it. */
const bufferBytes = 256;
const addressMost = 1003;

/** What the original has written of an envelope when it meets what is wrong with it. @param envelope the head of the file and what came on descriptor 1 */
function writtenBefore(problem: 11 | 91, envelope: Buffer): Buffer {
  const head = envelope.indexOf(0, envelope.indexOf(0) + 1) + 1;
  let at = head;
  for (;;) {
    const end = envelope.indexOf(0, at + 1);
    const isTooLong = (end < 0 ? envelope.length : end) - at - 1 >= addressMost;
    const isWrong = envelope[at] !== (at === head ? 0x46 : 0x54);
    if (problem === 11 ? isTooLong : isWrong || end < 0) break;
    at = end + 1;
  }
  const taken = problem === 11 ? at + 1 + addressMost : at;
  return envelope.subarray(0, bufferBytes * Math.floor(Math.max(0, taken - 1) / bufferBytes));
}
