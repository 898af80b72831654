// An SMTP client that sends no mail: it asks what a server answers to logins and to recipients, and never says DATA.

import { Conversation } from '../../src/delivery/remote/conversation.js';
import { TemporaryError } from '../../src/errors.js';
import { chooseMechanism, saslExchange } from '../../src/protocols/sasl-client.js';
import { parseExtensions, type SmtpReply } from '../../src/protocols/smtp-reply.js';
import { connectTo, patienceMs, placeOf, reasonOf, type ServerAddress } from './server-address.js';

export class SmtpClient {
  readonly #conversation: Conversation;
  readonly #address: ServerAddress;
  #extensions: ReadonlyMap<string, string> = new Map();

  private constructor(conversation: Conversation, address: ServerAddress) {
    this.#conversation = conversation;
    this.#address = address;
  }

  /** A client that has said EHLO. @throws TemporaryError */
  static async open(address: ServerAddress, from?: string): Promise<SmtpClient> {
    const conversation = new Conversation(await connectTo(address, from), address.host, patienceMs);
    const client = new SmtpClient(conversation, address);
    try {
      await client.#greet();
      return client;
    } catch (error) {
      client.close();
      throw client.#trouble(error);
    }
  }

  /** What the server offers, by keyword. */
  get extensions(): ReadonlyMap<string, string> {
    return this.#extensions;
  }

  /** The last answer; undefined when no login is offered. @throws TemporaryError */
  async logIn(user: string, password: string): Promise<SmtpReply | undefined> {
    // PLAIN before CRAM-MD5, which only accounts with a stored clear password can use.
    const mechanism = chooseMechanism(this.#extensions.get('AUTH') ?? '', true);
    if (mechanism === undefined) return undefined;
    const { command, answers } = saslExchange(mechanism, user, password);
    let reply = await this.#ask(command);
    for (const answer of answers) if (reply.code === 334) reply = await this.#ask(answer(reply.lines[0] ?? ''));
    return reply;
  }

  /** The answer to one recipient, or to its sender where that is refused. Nothing is left of it. @throws TemporaryError */
  async recipient(sender: string, recipient: string): Promise<SmtpReply> {
    const mail = await this.#ask(`MAIL FROM:<${sender}>`);
    if (mail.code >= 400) return mail;
    const reply = await this.#ask(`RCPT TO:<${recipient}>`);
    await this.#ask('RSET');
    return reply;
  }

  close(): void {
    if (this.#conversation.isBroken) this.#conversation.abort();
    else this.#conversation.quit();
  }

  async #greet(): Promise<void> {
    const greeting = await this.#conversation.reply();
    if (greeting.code !== 220) throw new Error(`it greets with ${greeting.text.trim()}`);
    await this.#hello();
    if (!this.#isToSecure()) return;
    const answer = await this.#conversation.command('STARTTLS');
    if (answer.code !== 220) throw new Error(`it answers STARTTLS with ${answer.text.trim()}`);
    await this.#conversation.startTls({ host: this.#address.host, verify: false });
    await this.#hello();
  }

  /** As it was asked for, or as mail programs do where no login is offered before. */
  #isToSecure(): boolean {
    const { protocol, tls } = this.#address;
    if (tls !== 'none') return tls === 'starttls';
    return protocol === 'submission' && !this.#extensions.has('AUTH') && this.#extensions.has('STARTTLS');
  }

  async #hello(): Promise<void> {
    this.#extensions = parseExtensions(await this.#conversation.command('EHLO localhost'));
  }

  async #ask(line: string): Promise<SmtpReply> {
    try {
      return await this.#conversation.command(line);
    } catch (error) {
      throw this.#trouble(error);
    }
  }

  #trouble(error: unknown): TemporaryError {
    return new TemporaryError('4.4.2', `${placeOf(this.#address)} cannot be asked: ${reasonOf(error)}`, error);
  }
}
