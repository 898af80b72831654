// APPEND (RFC 9051 6.3.12, MULTIAPPEND of RFC 3502) and REPLACE (RFC 8508): messages go from the connection to the disk as they come; all of them enter the mailbox, or none.
//
// What can be refused is refused before the client sends it: a mailbox that is not there, flags, a message that is too large or has no room. A message that is on its way is read to its end whatever
// happens, and so is the rest of the command, or it would be taken for commands.

import { Decoder, type LiteralAnnouncement, SyntaxProblem } from '../../../protocols/imap/decoder.js';
import { formatNumbers } from '../../../protocols/imap/sequence-set.js';
import { BinaryParts } from '../../../protocols/mime/binary-parts.js';
import type { MailboxAppend } from '../../../stores/mailboxes/mailbox-append.js';
import type { AppendedMessages } from '../../../stores/mailboxes/mailbox-types.js';
import { MailboxRefusal } from '../../../stores/mailboxes/refusal.js';
import { appendLimit } from '../append-limit.js';
import {
  type Completion,
  type ImapCommand,
  ImapProblem,
  type LoggedInSession,
  ok,
  type SelectedSession,
} from '../command.js';
import type { ClientCommand } from '../command-input.js';
import { type MessageArguments, readMessageArguments } from './append-arguments.js';

export const append: ImapCommand = {
  state: 'logged-in',
  async run(session, command) {
    const reader = new CommandReader(session, command);
    return reader.orSwallow(async () => {
      const appended = await appendAll(session, reader, 'many');
      return ok('Append completed.', appendUid(appended));
    });
  },
};

export const replace: ImapCommand = {
  ...replacing((session, number) => (number <= session.selected.view.count ? number : 0)),
  namesNumbers: true,
};
export const uidReplace: ImapCommand = replacing((session, uid) => session.selected.view.sequenceOf(uid));

/** @param find the sequence number of the message that is named; 0: there is none */
function replacing(find: (session: SelectedSession, number: number) => number): ImapCommand {
  return {
    state: 'selected',
    async run(session, command) {
      const reader = new CommandReader(session, command);
      return reader.orSwallow(async () => {
        const number = reader.decoder.number();
        reader.decoder.sp();
        const sequence = find(session, number);
        if (number === 0 || sequence === 0) throw new ImapProblem('NO', 'There is no such message.', 'NONEXISTENT');
        if (session.selected.view.isReadOnly) throw new ImapProblem('NO', 'Mailbox is read-only.', 'READ-ONLY');
        const appended = await appendAll(session, reader, 'one');
        session.output.untagged(`OK [${appendUid(appended)}] Replacement message ready.`);
        await session.selected.view.expungeThese([sequence]);
        return ok('Replace completed.');
      });
    },
  };
}

function appendUid({ uidValidity, uids }: AppendedMessages): string {
  return `APPENDUID ${uidValidity} ${formatNumbers(uids)}`;
}

async function appendAll(
  session: LoggedInSession,
  reader: CommandReader,
  howMany: 'one' | 'many',
): Promise<AppendedMessages> {
  const name = await reader.mailboxName();
  const target = await begin(session, name);
  try {
    do {
      const message = readMessageArguments(reader.decoder);
      await appendOne(session, reader, target, message);
    } while (reader.hasMore(howMany));
    return await target.commit();
  } catch (error) {
    await target.abort();
    throw error;
  }
}

async function begin({ account }: LoggedInSession, name: string): Promise<MailboxAppend> {
  try {
    return await account.append(name);
  } catch (error) {
    if (error instanceof MailboxRefusal && error.code === 'NONEXISTENT')
      throw new ImapProblem('NO', `${error.message}.`, 'TRYCREATE');
    throw error;
  }
}

async function appendOne(
  session: LoggedInSession,
  reader: CommandReader,
  target: MailboxAppend,
  { isUtf8, ...message }: MessageArguments,
): Promise<void> {
  const announced = reader.announcedMessage();
  if (announced.bytes > appendLimit(session.services))
    throw new ImapProblem('NO', 'The message is too large.', 'TOOBIG');
  if (announced.bytes === 0) throw new ImapProblem('NO', "Can't save a zero byte message.", 'CANNOT');
  await target.next({ ...message, sizeBytes: announced.bytes });
  if (announced.isBinary) {
    const parts = new BinaryParts();
    await reader.message((chunk) => target.write(parts.write(chunk)));
    await target.write(parts.end());
  } else await reader.message((chunk) => target.write(chunk));
  await target.finish();
  await reader.goOn();
  if (isUtf8) reader.decoder.expect(')');
}

/** Takes a command from its beginning to its end, messages and all. */
class CommandReader {
  readonly #session: LoggedInSession;
  readonly #command: ClientCommand;
  /** Of the text up to the next literal. */
  decoder: Decoder;
  /** The literal behind it, which has not been taken. */
  #announced: LiteralAnnouncement | undefined;

  constructor(session: LoggedInSession, command: ClientCommand) {
    this.#session = session;
    this.#command = command;
    this.decoder = new Decoder(command.pieces);
    this.#announced = command.announced;
  }

  /** Does a command, and reads away what is left of it when it cannot be done. */
  async orSwallow(act: () => Promise<Completion>): Promise<Completion> {
    try {
      return await act();
    } catch (error) {
      if (this.#announced !== undefined) await this.#swallow(this.#announced);
      throw error;
    }
  }

  async #swallow(announced: LiteralAnnouncement): Promise<void> {
    const refused = await this.#session.input.refuse(announced, this.#command.tag, '');
    if (refused?.isFatal) this.#session.dismiss('Too long argument.');
  }

  /** The mailbox, which may be a literal itself. */
  async mailboxName(): Promise<string> {
    const announced = this.#announced;
    if (this.decoder.peek() !== '' || announced === undefined) {
      const name = this.decoder.astring();
      this.decoder.sp();
      return this.#session.names.fromClient(name);
    }
    if (announced.bytes > longestName) throw new SyntaxProblem('Too long argument');
    const bytes = await this.#session.input.literal(announced);
    this.#announced = undefined;
    if (bytes === undefined) throw gone();
    await this.goOn();
    this.decoder.sp();
    return this.#session.names.fromClient(bytes.toString('latin1'));
  }

  /** @throws SyntaxProblem when there is none */
  announcedMessage(): LiteralAnnouncement {
    if (this.#announced === undefined) throw new SyntaxProblem('A message is needed');
    return this.#announced;
  }

  /** Takes the message. One that cannot be written is read to its end all the same. */
  async message(write: (chunk: Buffer) => Promise<void>): Promise<void> {
    const announced = this.announcedMessage();
    const { input } = this.#session;
    await input.accept(announced);
    this.#announced = undefined;
    let [missing, trouble]: [number, unknown] = [announced.bytes, undefined];
    for await (const chunk of input.message(announced)) {
      missing -= chunk.length;
      if (trouble !== undefined) continue;
      await write(chunk).catch((error: unknown) => {
        trouble = error ?? new Error('a message was not written');
      });
    }
    if (missing > 0) throw gone();
    if (trouble === undefined) return;
    await this.goOn();
    throw trouble;
  }

  /** Takes the text behind a literal. */
  async goOn(): Promise<void> {
    const rest = await this.#session.input.rest();
    if (rest === undefined) throw gone();
    this.decoder = new Decoder([{ text: rest.text }]);
    this.#announced = rest.announced;
  }

  /** Whether another message follows. @throws SyntaxProblem when something else does */
  hasMore(howMany: 'one' | 'many'): boolean {
    if (this.#announced === undefined || howMany === 'one') {
      this.decoder.end();
      if (this.#announced === undefined) return false;
      throw new SyntaxProblem('One message is expected');
    }
    this.decoder.sp();
    return true;
  }
}

const longestName = 4096;

/** Nobody hears it. */
function gone(): ImapProblem {
  return new ImapProblem('NO', 'The message was not received.');
}
