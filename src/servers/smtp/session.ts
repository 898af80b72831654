// One SMTP session: lines and message bytes in, replies out through `write`. It knows no socket, so a test can drive it byte by byte.
//
//   state        what comes in                                    goes to
//   commands     lines                                            `line`
//   data         message bytes                                    `data`
//   over         nothing: the last reply has been written         the connection closes
//
// `line` and `data` give a promise when the answer has to be waited for (a resolution by another process, the disk); the caller hands in nothing more before it
// has settled. What follows the end of a message in the same packet is the next command, as in qmail-smtpd. Neither ever throws: what goes wrong becomes a
// reply.
//
// Progress is watched: a client whose commands are refused again and again, or that goes on with commands without ever sending a message, is sent away.

import { isHttpRequest, parseCommand } from '../../protocols/smtp-command.js';
import { commands } from './commands.js';
import { type Dialog, type OpenMessage, SessionEnd } from './dialog.js';
import { accepted, newReplies, replies, replyToError } from './replies.js';

export type SessionState = 'commands' | 'data' | 'over';

export class SmtpSession {
  readonly #dialog: Dialog;
  readonly #write: (text: string) => void;
  #state: SessionState = 'commands';
  /** What the client waits for; undefined when we wait for the client. */
  #work: Promise<unknown> | undefined;
  #ending: 'not' | 'after-transaction' | 'after-work' = 'not';
  #refusedCommands = 0;
  #idleCommands = 0;

  /** @param write takes whole replies, each ended by CRLF; called any number of times for one line */
  constructor(dialog: Dialog, write: (text: string) => void) {
    this.#dialog = dialog;
    this.#write = write;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Whether the client waits for us, so that its silence is not to be held against it. */
  get isBusy(): boolean {
    return this.#work !== undefined;
  }

  greet(): void {
    this.#reply(`220 ${this.#dialog.greeting} ESMTP`);
  }

  /** Takes one command line, without its LF. */
  line(line: string): void | Promise<void> {
    const { verb, argument } = parseCommand(line);
    const handler = commands.get(verb);
    if (handler === undefined)
      return this.#answer(verb, isHttpRequest(line) ? newReplies.notHttp : replies.unimplemented);
    try {
      const reply = handler(this.#dialog, argument);
      if (typeof reply === 'string') return this.#answer(verb, reply);
      return this.#wait(
        reply.then(
          (text) => this.#answer(verb, text),
          (error: unknown) => this.#answer(verb, this.#replyTo(error, verb)),
        ),
      );
    } catch (error) {
      return this.#answer(verb, this.#replyTo(error, verb));
    }
  }

  /** Takes message bytes, from `start` to the end of the chunk or of the message. Gives the offset of what was not taken. */
  data(chunk: Buffer, start: number): number | Promise<number> {
    const message = this.#dialog.message;
    if (message === undefined) return start;
    const pending = message.input.feed(chunk, start);
    const { status, nextOffset } = message.input;
    if (status === 'more') return pending === undefined ? nextOffset : this.#wait(pending.then(() => nextOffset));
    const ended = status === 'end' ? this.#endMessage(message, pending) : this.#endWith(replies.strayLineFeed);
    return this.#wait(ended.then(() => nextOffset));
  }

  /** A line came that is longer than the limit. */
  lineTooLong(): void {
    void this.#endWith(newReplies.lineTooLong);
  }

  /** The client has let the time pass, sends its message too slowly, or has been here too long: says so and ends. */
  expire(why: 'timeout' | 'tooSlow' | 'sessionTooLong'): void {
    void this.#endWith(why === 'timeout' ? replies.timeout : newReplies[why]);
  }

  /** The server stops: a session without a transaction ends now, one with a transaction after it. */
  drain(): void {
    this.#ending = 'after-transaction';
    if (!this.isBusy) this.#endIfAsked();
  }

  /** Ends now; a message that is being put on disk is answered first, so that its sender does not send it twice. */
  shutDown(): void {
    this.#ending = 'after-work';
    if (!this.isBusy) this.#endIfAsked();
  }

  /** The client is gone. A message whose end has not been seen is forgotten. Settles when nothing of it is left. */
  async gone(): Promise<void> {
    const { message, client, context } = this.#dialog;
    if (message?.input.status === 'more') {
      context.log.info(`smtp: client ${client.address} left in the middle of message qp ${message.qp}`);
    }
    this.#state = 'over';
    await this.#work;
    await message?.input.abort();
  }

  #answer(verb: string, reply: string): void {
    if (this.#state === 'over') return;
    const isRefusal = reply.charCodeAt(0) >= 0x34;
    if (isRefusal) this.#refusedCommands++;
    if (isRefusal || (verb !== 'RCPT' && verb !== 'DATA')) this.#idleCommands++;
    const { refusedCommands, idleCommands } = this.#dialog.context.limits;
    if (this.#refusedCommands > refusedCommands) return void this.#endWith(newReplies.tooManyRefusals);
    if (this.#idleCommands > idleCommands) return void this.#endWith(newReplies.tooManyCommands);
    if (reply.startsWith('421')) return void this.#endWith(reply);
    this.#reply(reply);
    if (this.#dialog.hasQuit) this.#state = 'over';
    else if (this.#dialog.message !== undefined) this.#state = 'data';
    else this.#endIfAsked();
  }

  async #endMessage(message: OpenMessage, pending: void | Promise<void>): Promise<void> {
    await pending;
    const reply = await this.#finish(message);
    this.#dialog.message = undefined;
    if (this.#state === 'over') return;
    this.#state = 'commands';
    this.#reply(reply);
    this.#endIfAsked();
  }

  async #finish({ input, qp, sender, recipients }: OpenMessage): Promise<string> {
    const { context, client } = this.#dialog;
    const about = `qp ${qp} bytes ${input.sizeBytes} from <${sender}> recipients ${recipients} client ${client.address}`;
    try {
      const refusal = await input.finish();
      if (refusal === undefined) {
        this.#refusedCommands = 0;
        this.#idleCommands = 0;
        const { queuedAs } = input;
        context.log.info(`smtp: accepted ${about}${queuedAs === undefined ? '' : ` queued as qp ${queuedAs}`}`);
        return accepted(Math.floor(Date.now() / 1000), queuedAs ?? qp);
      }
      context.log.info(`smtp: refused ${about}: ${refusal}`);
      return refusal;
    } catch (error) {
      const reply = replyToError(error, `message ${about}`, context.log);
      context.log.info(`smtp: refused ${about}: ${reply}`);
      return reply;
    }
  }

  #replyTo(error: unknown, verb: string): string {
    return error instanceof SessionEnd ? error.reply : replyToError(error, verb, this.#dialog.context.log);
  }

  async #endWith(reply: string): Promise<void> {
    if (this.#state === 'over') return;
    const { context, client } = this.#dialog;
    context.log.info(`smtp: ending session of client ${client.address}: ${reply}`);
    this.#state = 'over';
    this.#reply(reply);
    await this.#dialog.message?.input.abort();
  }

  #endIfAsked(): void {
    const isFree = this.#state === 'commands' && this.#dialog.transaction === undefined;
    if (this.#ending === 'after-work' || (this.#ending === 'after-transaction' && isFree))
      void this.#endWith(newReplies.shuttingDown);
  }

  #reply(text: string): void {
    this.#write(`${text}\r\n`);
  }

  /** Marks the session as busy until the promise, which never rejects, has settled. */
  async #wait<T>(work: Promise<T>): Promise<T> {
    this.#work = work;
    try {
      return await work;
    } finally {
      this.#work = undefined;
      if (this.#ending === 'after-work') this.#endIfAsked();
    }
  }
}
