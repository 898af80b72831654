// Forwards without qmail's programs: what vdelivermail hands to the host's bin/qmail-inject, done in this process where that is missing or does not run here, and what a local
// delivery hands to qmail-queue.

import type { Forward } from '../../delivery/local/qmail-local.js';
import { type Injection, injectForward } from '../../delivery/vdelivermail/inject.js';
import { PermanentError, TemporaryError } from '../../errors.js';
import { isRunnable } from '../../files/programs/runnable.js';
import { runTool, ToolFailure, type ToolIo } from '../tool-io.js';
import { toolQueue } from './own-queue.js';
import { completedMessage } from './qmail-inject.js';

export interface ForwardWays extends Omit<Injection, 'program'> {
  /** Queues what is complete. @throws PermanentError or TemporaryError in qmail's words */
  readonly queue: (forward: Forward) => Promise<number>;
}

/** Sends a message on as `qmail-inject -- ADDRESS` does. As `VdelivermailActs.forward`. */
export function injectAsHost(
  io: ToolIo,
  ways: ForwardWays,
  address: string,
  head: string,
): Promise<number | undefined> {
  const program = io.layout.qmailProgram('bin/qmail-inject');
  return isRunnable(program) ? injectForward({ ...ways, program }, address, head) : injectHere(io, ways, address, head);
}

async function injectHere(
  io: ToolIo,
  { message, environment, stderr, say, queue }: ForwardWays,
  address: string,
  head: string,
): Promise<number | undefined> {
  const complain = typeof stderr === 'function' ? { stderr: (text: string | Buffer) => stderr(bytesOf(text)) } : {};
  const exitCode = await runTool('qmail-inject: fatal: ', { ...io, ...complain, env: environment }, async () => {
    const given = { recipientsFrom: 'arguments or header', sender: undefined, recipients: [address] } as const;
    const above = Buffer.from(head, 'latin1');
    const input = piecesBehind(above, message.pieces());
    const { sender, recipients, header, bodyOffset } = await completedMessage(input, given, {
      ...io,
      env: environment,
    });
    const from = Math.max(0, bodyOffset - above.length);
    await queue({ sender, recipients, head: Buffer.from(header, 'latin1'), message, from }).catch(asToolFailure);
    return 0;
  });
  if (exitCode === 0) return undefined;
  say('system error calling qmail-inject\n');
  return exitCode;
}

/** @throws ToolFailure where a message was not queued */
export function asToolFailure(error: unknown): never {
  if (error instanceof PermanentError) throw new ToolFailure(100, error.message);
  if (error instanceof TemporaryError) throw new ToolFailure(111, error.message);
  throw error;
}

/** Queues a forward through the host's qmail-queue, or what stands for it, as this user. @throws PermanentError or TemporaryError */
export async function throughQmailQueue(
  io: ToolIo,
  { sender, recipients, head, message, from, environment = io.env }: Forward,
): Promise<number> {
  const queued = (await toolQueue({ ...io, env: environment })).begin({ invokedBy: { uid: process.getuid?.() ?? 0 } });
  try {
    await queued.write(head);
    for await (const piece of message.pieces(from)) await queued.write(piece);
  } catch (error) {
    await queued.abort();
    throw new TemporaryError('4.3.0', 'qq read error (#4.3.0)', error);
  }
  return queued.commit({ sender, recipients });
}

async function* piecesBehind(head: Buffer, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  yield* pieces;
}

function bytesOf(text: string | Buffer): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
}
