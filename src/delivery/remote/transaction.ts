// One message over an open session: MAIL, RCPT, DATA, the message, the end mark (formats/qmail.md 7.3). Replies are taken in qmail-remote's classes: 500 and above is a refusal
// for good, 400 and above one for now, anything else is a yes.
//
// Where the server offers PIPELINING, MAIL and all RCPT leave together (RFC 2920); DATA waits for their replies. SIZE and BODY=8BITMIME are given where they are offered
// (RFC 1870, 6152). A server that lists what it offers, without 8BITMIME, is not given a message with 8-bit bytes, unless the route says so; one that only knows HELO, or
// lists nothing, gets it as it is, which is what qmail has always done. An address that needs SMTPUTF8 goes only where that is offered (RFC 6531). Nothing is ever converted.
//
// Unless the message was taken, the session ends with QUIT. It is cut, without the end mark, when the message cannot be read or its last line is partial.

import { endMark } from '../../protocols/smtp-body.js';
import type { SmtpReply } from '../../protocols/smtp-reply.js';
import { ConnectionDied, type Conversation } from './conversation.js';
import { type MessageTraits, MessageTrouble, type OutgoingMessage } from './message.js';
import {
  connectionDied,
  fixedReports,
  givingUp,
  type MessageReport,
  type RecipientReport,
  type RemoteResult,
  recipientReport,
  told,
  unwilling,
} from './reports.js';
import type { Session } from './session.js';
import { isAscii, needsUtf8, wireAddress } from './wire-address.js';

export interface Envelope {
  readonly sender: string;
  readonly recipients: readonly string[];
}

/** What became of the message and of the session. */
export interface TransactionEnd {
  readonly result: RemoteResult;
  /** `open`: it may take another message; `closed`; `stale`: it had taken messages before, and was gone, or would take no more, when this one began, which need not be a fault of this message. */
  readonly session: 'open' | 'closed' | 'stale';
}

/** Sends a message. Never throws for what the server does or the message is. */
export async function sendMessage(
  session: Session,
  envelope: Envelope,
  message: OutgoingMessage,
): Promise<TransactionEnd> {
  const transaction = new Transaction(session, envelope, message);
  const report = await transaction.run();
  const { ip } = session.conversation;
  const result = { recipients: transaction.recipients, message: report, ip };
  if (report.letter === 'K') session.messages++;
  return { result, session: transaction.isStale ? 'stale' : report.letter === 'K' ? 'open' : 'closed' };
}

class Transaction {
  readonly #session: Session;
  readonly #conversation: Conversation;
  readonly #envelope: Envelope;
  readonly #message: OutgoingMessage;
  readonly recipients: RecipientReport[] = [];
  #isAnswered = false;
  #isCritical = false;
  isStale = false;

  constructor(session: Session, envelope: Envelope, message: OutgoingMessage) {
    this.#session = session;
    this.#conversation = session.conversation;
    this.#envelope = envelope;
    this.#message = message;
  }

  /** Ends with the session closed, unless the message was taken. */
  async run(): Promise<MessageReport> {
    try {
      const report = await this.#envelopeAndMessage();
      if (report.letter !== 'K') this.#conversation.quit();
      return report;
    } catch (error) {
      this.#conversation.abort();
      if (error instanceof MessageTrouble) return error.report;
      if (!(error instanceof ConnectionDied)) throw error;
      this.isStale ||= this.#session.messages > 0 && !this.#isAnswered;
      return connectionDied(this.#conversation.ip, this.#isCritical);
    }
  }

  async #envelopeAndMessage(): Promise<MessageReport> {
    const traits = await this.#message.traits();
    const unfit = this.#unfit(traits);
    if (unfit !== undefined) return unfit;
    const mail = this.#mailCommand(traits);
    const refusal = this.#offers('PIPELINING') ? await this.#pipelined(mail) : await this.#oneByOne(mail);
    if (refusal !== undefined) return refusal;
    if (!this.recipients.some(({ letter }) => letter === 'r')) return givingUp(this.#conversation.ip);
    const go = await this.#conversation.command('DATA');
    if (go.code >= 400) return this.#refused('', ' failed on DATA command', go);
    if (!traits.isComplete) throw new MessageTrouble(fixedReports.partialFinalLine);
    return this.#body();
  }

  /** Why this server cannot be given the message at all. */
  #unfit({ hasEightBit }: MessageTraits): MessageReport | undefined {
    const { extensions, words } = this.#session;
    const isKnownToRefuse = extensions.size > 0 && !this.#offers('8BITMIME') && !words.has('8bit');
    if (hasEightBit && isKnownToRefuse)
      return this.#unwilling('this message has 8-bit bytes, and 8BITMIME is not offered', '5.6.3');
    return this.#address(this.#envelope.sender) === needsUtf8
      ? this.#unwilling('the sender is not ASCII, and SMTPUTF8 is not offered', '5.6.7')
      : undefined;
  }

  #mailCommand(traits: MessageTraits): string {
    const { sender, recipients } = this.#envelope;
    const parameters = [
      this.#offers('SIZE') ? ` SIZE=${traits.wireBytes}` : '',
      traits.hasEightBit && this.#offers('8BITMIME') ? ' BODY=8BITMIME' : '',
      this.#offers('SMTPUTF8') && ![sender, ...recipients].every(isAscii) ? ' SMTPUTF8' : '',
    ];
    return `MAIL FROM:<${String(sender === '' ? '' : this.#address(sender))}>${parameters.join('')}`;
  }

  async #oneByOne(mail: string): Promise<MessageReport | undefined> {
    const refusal = this.#senderRefused(await this.#first(mail));
    if (refusal !== undefined) return refusal;
    for (const recipient of this.#envelope.recipients) {
      const command = this.#rcptCommand(recipient);
      this.#tell(command === undefined ? undefined : await this.#conversation.command(command));
    }
    return undefined;
  }

  async #pipelined(mail: string): Promise<MessageReport | undefined> {
    const commands = this.#envelope.recipients.map((recipient) => this.#rcptCommand(recipient));
    this.#conversation.send(mail);
    for (const command of commands) if (command !== undefined) this.#conversation.send(command);
    const refusal = this.#senderRefused(await this.#first(undefined));
    for (const command of commands) {
      // The replies behind a refused MAIL mean nothing, but they come.
      const reply = command === undefined ? undefined : await this.#conversation.reply().catch(refusalOr(refusal));
      if (refusal === undefined) this.#tell(reply);
    }
    return refusal;
  }

  /** The reply to MAIL: after it the session has shown that it is alive. */
  async #first(mail: string | undefined): Promise<SmtpReply> {
    const reply = await (mail === undefined ? this.#conversation.reply() : this.#conversation.command(mail));
    this.#isAnswered = true;
    // `421 too many messages in this connection`, and the like: a session of its own may tell another story.
    this.isStale = this.#session.messages > 0 && reply.code >= 400;
    return reply;
  }

  #senderRefused(reply: SmtpReply): MessageReport | undefined {
    return reply.code < 400 ? undefined : this.#refused('Connected to ', ' but sender was rejected', reply);
  }

  /** undefined: the address cannot be given to this server. */
  #rcptCommand(recipient: string): string | undefined {
    const address = this.#address(recipient);
    return address === needsUtf8 ? undefined : `RCPT TO:<${address}>`;
  }

  #tell(reply: SmtpReply | undefined): void {
    const { ip } = this.#conversation;
    const isBehindOthers = this.recipients.some(({ letter }) => letter === 'r');
    if (reply !== undefined) this.recipients.push(recipientReport(ip, reply, isBehindOthers));
    else {
      const { text } = unwilling('D', ip, 'the recipient is not ASCII, and SMTPUTF8 is not offered', '5.6.7');
      this.recipients.push({ letter: 'h', text });
    }
  }

  async #body(): Promise<MessageReport> {
    const conversation = this.#conversation;
    for await (const piece of this.#message.wire()) {
      if (conversation.isBroken) break;
      await conversation.data(piece);
    }
    // A reply that came early is read even so: it says why the server went away.
    this.#isCritical = !conversation.isBroken;
    await conversation.data(Buffer.from(endMark));
    const reply = await conversation.reply();
    if (reply.code >= 400) return this.#refused('', ' failed after I sent the message', reply);
    if (!this.#isCritical) throw new ConnectionDied('closed before the end of the message');
    return told('K', '', conversation.ip, ' accepted message', reply);
  }

  #refused(before: string, after: string, reply: SmtpReply): MessageReport {
    return told(reply.code >= 500 ? 'D' : 'Z', before, this.#conversation.ip, after, reply);
  }

  #unwilling(why: string, status: string): MessageReport {
    return unwilling('D', this.#conversation.ip, why, status);
  }

  #address(address: string): string | typeof needsUtf8 {
    return wireAddress(address, this.#offers('SMTPUTF8'));
  }

  #offers(extension: string): boolean {
    return this.#session.extensions.has(extension);
  }
}

/** What a connection that ends among replies nobody needs means: nothing, when the sender was refused. */
function refusalOr(refusal: MessageReport | undefined): (error: unknown) => undefined {
  return (error) => {
    if (refusal === undefined) throw error;
    return undefined;
  };
}
