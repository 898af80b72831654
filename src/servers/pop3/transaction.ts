// The commands of a session that has a mailbox, as qmail-pop3d answers them (formats/qmail.md 8.3): read the arguments, check them, act and answer.

import type { ReplyWriter } from '../../net/reply-writer.js';
import { parseMessageArgument } from '../../protocols/pop3-command.js';
import { MessageEncoder } from '../../protocols/pop3-message.js';
import type { Mailbox } from './mailbox.js';

/** Where a command answers: single lines, and message data behind them. */
export interface Reply {
  line(text: string): void;
  readonly writer: ReplyWriter;
}

/** Carries a command out; `'over'` ends the session. */
type Command = (mailbox: Mailbox, argument: string, reply: Reply) => unknown;

/** A message number that may be used, with the count of lines behind it; otherwise the reply that says why not. */
function messageOf(mailbox: Mailbox, argument: string): { number: number; lines: number | undefined } | string {
  const parsed = parseMessageArgument(argument);
  if (parsed === undefined) return '-ERR syntax error';
  if (parsed.number === 0) return '-ERR messages are counted from 1';
  if (parsed.number > mailbox.count) return '-ERR not that many messages';
  if (mailbox.isDeleted(parsed.number)) return '-ERR already deleted';
  return parsed;
}

/** LIST and UIDL: one line about one message, or a line about each that is not deleted. */
async function listing(
  mailbox: Mailbox,
  argument: string,
  { line, writer }: Reply,
  about: (number: number) => string | number,
): Promise<void> {
  if (argument !== '') {
    const message = messageOf(mailbox, argument);
    line(typeof message === 'string' ? message : `+OK ${message.number} ${about(message.number)}`);
    return;
  }
  line('+OK ');
  for (let number = 1; number <= mailbox.count; number++) {
    if (!mailbox.isDeleted(number)) writer.line(`${number} ${about(number)}`);
    if (writer.isFull) await writer.flush();
  }
  writer.line('.');
}

/** RETR and TOP are one routine: a second number ends the message after so many lines of its body. */
const retrieve: Command = async (mailbox, argument, { line, writer }) => {
  const message = messageOf(mailbox, argument);
  if (typeof message === 'string') return line(message);
  const content = await mailbox.read(message.number);
  if (content === undefined) return line('-ERR unable to open that message');
  line('+OK ');
  const encoder = new MessageEncoder(message.lines);
  for await (const piece of content) {
    await writer.data(encoder.encode(piece));
    if (encoder.isComplete || writer.isBroken) break;
  }
  await writer.data(encoder.end());
};

const quit: Command = async (mailbox, _argument, { line }) => {
  const failed = await mailbox.update();
  for (let index = 0; index < failed; index++) line('-ERR unable to unlink all deleted messages');
  line('+OK ');
  return 'over';
};

export const transactionCommands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['STAT', (mailbox, _argument, { line }) => line(`+OK ${mailbox.count} ${mailbox.totalOctets}`)],
  ['LIST', (mailbox, argument, reply) => listing(mailbox, argument, reply, (number) => mailbox.sizeOf(number))],
  [
    'UIDL',
    async (mailbox, argument, reply) => {
      const uidls = await mailbox.uidls();
      return listing(mailbox, argument, reply, (number) => uidls[number - 1] ?? '');
    },
  ],
  ['RETR', retrieve],
  ['TOP', retrieve],
  [
    'DELE',
    (mailbox, argument, { line }) => {
      const message = messageOf(mailbox, argument);
      if (typeof message === 'string') return line(message);
      mailbox.delete(message.number);
      line('+OK ');
    },
  ],
  [
    'RSET',
    (mailbox, _argument, { line }) => {
      mailbox.undelete();
      line('+OK ');
    },
  ],
  ['LAST', (mailbox, _argument, { line }) => line(`+OK ${mailbox.last}`)],
  ['NOOP', (_mailbox, _argument, { line }) => line('+OK ')],
  ['QUIT', quit],
]);
