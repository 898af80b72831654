// The commands of a session that has a mailbox, as qmail-pop3d answers them (formats/qmail.md 8.3): read the arguments, check them, act and answer.
//
// Kept of qmail-pop3d, where RFC 1939 has it otherwise: STAT counts the deleted messages too (so its number is the highest that there is), while its octets
// are those of the others; LAST goes by DELE; RETR takes a count of lines, and TOP may come without one.
// Not kept: sizes are octets as they are sent; at QUIT a message that is gone already is no failure, and failures are one `-ERR`, not one each with a
// `+OK` behind them, which a client would take for the replies to its next commands.

import fs from 'node:fs';
import { describe, TemporaryError } from '../../errors.js';
import type { Log } from '../../log.js';
import type { ReplyWriter } from '../../net/reply-writer.js';
import { type MessageArgument, parseMessageArgument } from '../../protocols/pop3-command.js';
import { MessageEncoder } from '../../protocols/pop3-message.js';
import type { Mailbox, OpenMessage } from './mailbox.js';

/** Where a command answers: single lines, and message data behind them. */
export interface Reply {
  line(text: string): void;
  readonly writer: ReplyWriter;
  readonly log: Log;
}

/** `over` ends the session; `cut` breaks the connection off, since the reply that was begun cannot be finished. */
export type CommandResult = 'over' | 'cut' | undefined;

/** @throws TemporaryError as long as nothing was answered */
type Command = (mailbox: Mailbox, argument: string, reply: Reply) => CommandResult | Promise<CommandResult>;

const pieceBytes = 128 * 1024;

/** A message number that may be used, with the count of lines behind it; otherwise the reply that says why not. */
function messageOf(mailbox: Mailbox, argument: string): MessageArgument | string {
  const parsed = parseMessageArgument(argument);
  if (parsed === undefined) return '-ERR syntax error';
  if (parsed.number === 0) return '-ERR messages are counted from 1';
  if (parsed.number > mailbox.count) return '-ERR not that many messages';
  if (mailbox.isDeleted(parsed.number)) return '-ERR already deleted';
  return parsed;
}

/** A line about each message that is not deleted. */
async function listAll(mailbox: Mailbox, { line, writer }: Reply, about: (number: number) => unknown): Promise<void> {
  line('+OK ');
  for (let number = 1; number <= mailbox.count; number++) {
    if (!mailbox.isDeleted(number)) writer.line(`${number} ${about(number)}`);
    if (writer.isFull) await writer.flush();
  }
  writer.line('.');
}

const stat: Command = async (mailbox, _argument, { line, writer }) => {
  await mailbox.learnSizes(() => writer.isBroken);
  line(`+OK ${mailbox.count} ${mailbox.totalOctets}`);
  return undefined;
};

const list: Command = async (mailbox, argument, reply) => {
  if (argument === '') {
    await mailbox.learnSizes(() => reply.writer.isBroken);
    await listAll(mailbox, reply, (number) => mailbox.sizeOf(number));
    return undefined;
  }
  const message = messageOf(mailbox, argument);
  if (typeof message === 'object') await mailbox.learnSize(message.number);
  reply.line(typeof message === 'string' ? message : `+OK ${message.number} ${mailbox.sizeOf(message.number)}`);
  return undefined;
};

const uidl: Command = async (mailbox, argument, reply) => {
  if (argument === '') {
    await listAll(mailbox, reply, (number) => mailbox.uidlOf(number));
    return undefined;
  }
  const message = messageOf(mailbox, argument);
  reply.line(typeof message === 'string' ? message : `+OK ${message.number} ${mailbox.uidlOf(message.number)}`);
  return undefined;
};

/** RETR and TOP are one routine: a second number ends the message after so many lines of its body. */
const retrieve: Command = async (mailbox, argument, reply) => {
  const message = messageOf(mailbox, argument);
  if (typeof message === 'string') return void reply.line(message);
  const open = await mailbox.open(message.number).catch((error: unknown) => {
    if (!(error instanceof TemporaryError)) throw error;
    reply.log.warning(`pop3: ${describe(error)}`);
    return undefined;
  });
  if (open === undefined) return void reply.line('-ERR unable to open that message');
  try {
    return await send(open, new MessageEncoder(message.lines), reply);
  } finally {
    fs.closeSync(open.fd);
  }
};

/** @throws TemporaryError when not even the beginning can be read */
async function send(open: OpenMessage, encoder: MessageEncoder, { line, writer, log }: Reply): Promise<CommandResult> {
  const piece = Buffer.allocUnsafe(Math.min(pieceBytes, open.sizeBytes + 1));
  let count = await open.reads.read(open.fd, piece);
  line('+OK ');
  // A read that does not fill the piece has met the end of the file.
  while (count === piece.length && !encoder.isComplete) {
    await writer.data(encoder.encode(piece));
    if (writer.isBroken) return undefined;
    try {
      count = await open.reads.read(open.fd, piece);
    } catch (error) {
      log.warning(`pop3: a message could not be read to its end: ${describe(error)}`);
      return 'cut';
    }
  }
  await writer.data(encoder.finish(piece.subarray(0, encoder.isComplete ? 0 : count)));
  return undefined;
}

const dele: Command = (mailbox, argument, { line }) => {
  const message = messageOf(mailbox, argument);
  if (typeof message === 'object') mailbox.delete(message.number);
  line(typeof message === 'string' ? message : '+OK ');
  return undefined;
};

const rset: Command = (mailbox, _argument, { line }) => {
  mailbox.undelete();
  line('+OK ');
  return undefined;
};

const quit: Command = async (mailbox, _argument, { line, log }): Promise<CommandResult> => {
  const { notRemoved, troubles } = await mailbox.update();
  for (const trouble of troubles) log.warning(`pop3: at the end of a session: ${describe(trouble)}`);
  line(notRemoved === 0 ? '+OK ' : '-ERR unable to unlink all deleted messages');
  return 'over';
};

const last: Command = (mailbox, _argument, { line }) => void line(`+OK ${mailbox.last}`);

const noop: Command = (_mailbox, _argument, { line }) => void line('+OK ');

export const transactionCommands: ReadonlyMap<string, Command> = new Map([
  ['STAT', stat],
  ['LIST', list],
  ['UIDL', uidl],
  ['RETR', retrieve],
  ['TOP', retrieve],
  ['DELE', dele],
  ['RSET', rset],
  ['LAST', last],
  ['NOOP', noop],
  ['QUIT', quit],
]);
