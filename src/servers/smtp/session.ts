// One SMTP session: lines and message bytes in, replies out through `write`. It knows no socket, so a test can drive it byte by byte.
//
//   state        what comes in                                    goes to
//   commands     lines                                            `line`
//   data         message bytes                                    `data`
//   handshake    nothing that was sent in clear                   the connection, which says `secured`
//   over         nothing: the last reply has been written         the connection closes
//
// `line` and `data` give a promise when the answer has to be waited for (a resolution by another process, the disk); the caller hands in nothing more before it
// has settled. What follows the end of a message in the same packet is the next command, as in qmail-smtpd. Neither ever throws: what goes wrong becomes a
// reply.
//
// Progress is watched: a client whose commands are refused again and again, or that goes on with commands without ever sending a message, is sent away.

import { isHttpRequest, parseCommand } from '../../protocols/smtp-command.js';
import type { TlsDescription } from '../server-tls.js';
import { commands } from './commands.js';
import { announce, type Dialog, endTransaction, type OpenMessage, SessionEnd, whose } from './dialog.js';
import { greetingOf } from './front-end.js';
import type { PartEnd } from './message.js';
import { accepted, forRecipient, newReplies, replies, replyToError, saved } from './replies.js';
import { beginSecured } from './start-tls.js';
import { continueExchange } from './submission/authentication.js';
import { logOut } from './submission/user.js';

export type SessionState = 'commands' | 'data' | 'handshake' | 'over';

export class SmtpSession {
  readonly #dialog: Dialog;
  readonly #write: (text: string) => void;
  #state: SessionState = 'commands';
  /** What the client waits for; undefined when we wait for the client. */
  #work: Promise<unknown> | undefined;
  #ending: 'not' | 'after-transaction' | 'after-work' = 'not';
  #lastWord: string = newReplies.shuttingDown;
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
    this.#reply(greetingOf(this.#dialog));
  }

  /** Takes one command line, without its LF. */
  line(line: string): void | Promise<void> {
    const { exchange } = this.#dialog;
    if (exchange !== undefined) return this.#obey('AUTH', () => continueExchange(this.#dialog, exchange, line));
    const { verb, argument } = parseCommand(line);
    const handler = commands[this.#dialog.context.flavour].get(verb);
    if (handler === undefined)
      return this.#answer(verb, isHttpRequest(line) ? newReplies.notHttp : replies.unimplemented);
    return this.#obey(verb, () => handler(this.#dialog, argument));
  }

  #obey(verb: string, handle: () => string | Promise<string>): void | Promise<void> {
    try {
      const reply = handle();
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

  /** The handshake that STARTTLS asked for is done. */
  secured(tls: TlsDescription): void {
    if (this.#state !== 'handshake') return;
    beginSecured(this.#dialog, tls);
    this.#state = 'commands';
    this.#endIfAsked();
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

  /** Its user may not go on: ends now, after what is under way. */
  dismiss(): void {
    this.#lastWord = newReplies.accountChanged;
    this.shutDown();
  }

  /** The client is gone. A message whose end has not been seen is forgotten. Settles when nothing of it is left. */
  async gone(): Promise<void> {
    const { message, context } = this.#dialog;
    if (message?.input.status === 'more')
      context.log.info(
        `${context.flavour}: client ${whose(this.#dialog)} left in the middle of message qp ${message.qp}`,
      );
    endTransaction(this.#dialog);
    logOut(this.#dialog);
    this.#state = 'over';
    await this.#work;
    // Of a login that was being looked at when the client went.
    logOut(this.#dialog);
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
    else if (this.#dialog.isStartingTls) this.#state = 'handshake';
    else if (this.#dialog.message !== undefined) this.#state = 'data';
    else this.#endIfAsked();
  }

  async #endMessage(message: OpenMessage, pending: void | Promise<void>): Promise<void> {
    await pending;
    const ends = await message.input.finish();
    const answers = this.#answersTo(message, ends);
    this.#dialog.message = undefined;
    this.#dialog.forwarded = undefined;
    if (this.#state === 'over') return;
    this.#state = 'commands';
    for (const reply of answers) this.#reply(reply);
    this.#endIfAsked();
  }

  /** The replies to the end of a message: one by SMTP, one for each recipient in order by LMTP. */
  #answersTo(message: OpenMessage, ends: readonly PartEnd[]): string[] {
    if (ends.some(({ kind }) => kind === 'accepted')) {
      this.#refusedCommands = 0;
      this.#idleCommands = 0;
    }
    const { recipients, qp } = message;
    const replies = ends.map((end, part) => this.#replyToPart(message, end, part));
    if (this.#dialog.context.flavour !== 'lmtp') return replies.slice(0, 1);
    return recipients.map(({ address, part }) => {
      const end = ends[part];
      if (end?.kind === 'accepted') return saved(address, end.queuedAs ?? qp);
      return forRecipient(replies[part] ?? newReplies.trouble, address);
    });
  }

  /** Logs how a part of a message ended, and says it in SMTP's words. */
  #replyToPart({ input, qp, sender, recipients }: OpenMessage, end: PartEnd, part: number): string {
    const { log, flavour } = this.#dialog.context;
    const those = recipients.filter((recipient) => recipient.part === part);
    const whom = flavour === 'lmtp' ? `to ${those.map(({ address }) => `<${address}>`)}` : `recipients ${those.length}`;
    const about = `qp ${qp} bytes ${input.sizeBytes} from <${sender}> ${whom} client ${whose(this.#dialog)}`;
    if (end.kind === 'accepted') {
      const { queuedAs } = end;
      log.info(`${flavour}: accepted ${about}${queuedAs === undefined ? '' : ` queued as qp ${queuedAs}`}`);
      return accepted(Math.floor(Date.now() / 1000), queuedAs ?? qp);
    }
    const reply = end.kind === 'refused' ? end.reply : replyToError(end.error, `message ${about}`, log, flavour);
    log.info(`${flavour}: refused ${about}: ${reply}`);
    return reply;
  }

  #replyTo(error: unknown, verb: string): string {
    const { log, flavour } = this.#dialog.context;
    return error instanceof SessionEnd ? error.reply : replyToError(error, verb, log, flavour);
  }

  async #endWith(reply: string): Promise<void> {
    if (this.#state === 'over') return;
    const { log, flavour } = this.#dialog.context;
    announce(this.#dialog);
    log.info(`${flavour}: ending session of client ${whose(this.#dialog)}: ${reply}`);
    // In the middle of a handshake no word would be understood.
    if (this.#state !== 'handshake') this.#reply(reply);
    this.#state = 'over';
    await this.#dialog.message?.input.abort();
  }

  #endIfAsked(): void {
    const isIdle = this.#state === 'commands' && this.#dialog.transaction === undefined;
    const isFree = isIdle || this.#state === 'handshake';
    if (this.#ending === 'after-work' || (this.#ending === 'after-transaction' && isFree))
      void this.#endWith(this.#lastWord);
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
