// Sending a message on from a .qmail file, as forward and condredirect do: the Delivered-To line on top, the sender as the environment has it, into the queue.

import { PermanentError, TemporaryError } from '../../errors.js';
import { toolQueue } from '../queue/own-queue.js';
import { ToolFailure, type ToolIo } from '../tool-io.js';

/** @returns the queue's number for it @throws ToolFailure */
export async function sendOn(
  io: ToolIo,
  head: string,
  message: AsyncIterable<Buffer>,
  envelope: { readonly sender: string; readonly recipients: readonly string[] },
): Promise<number> {
  const queued = (await toolQueue(io)).begin({ invokedBy: { uid: process.getuid?.() ?? 0 } });
  try {
    await queued.write(Buffer.from(head, 'latin1'));
    for await (const piece of message) await queued.write(piece);
  } catch (error) {
    await queued.abort();
    throw new ToolFailure(111, `unable to read message: ${error instanceof Error ? error.message : error}`);
  }
  try {
    return await queued.commit(envelope);
  } catch (error) {
    if (error instanceof PermanentError) throw new ToolFailure(100, error.message);
    if (error instanceof TemporaryError) throw new ToolFailure(111, error.message);
    throw error;
  }
}

/** A variable that qmail-local sets. @throws ToolFailure when it is not there */
export function variable(io: ToolIo, name: string): string {
  const value = io.env[name];
  if (value === undefined) throw new ToolFailure(100, `${name} not set`);
  return value;
}
