// One connection to an SMTP server, as lines out and replies in.
//
// Every read, and every write that the other side has to make room for, has the time that control/timeoutremote gives; then, and when the other side closes or resets,
// the conversation is over, which the next `reply` tells by ConnectionDied. A reply that came before the end is still read. Nothing that is sent afterwards goes anywhere.
//
// TLS replaces the connection below a conversation. A reply that came along with the answer to STARTTLS would be taken for one that was encrypted (the
// injection of RFC 3207's errata), so anything that waits there ends the conversation.
//
// This is written here and not left to a library's SMTP client (nodemailer's smtp-connection): that one decodes replies as UTF-8, trims their lines and puts its own words around them, where
// qmail-remote reports a reply byte by byte, and so do bounces and log lines; it sends domains in a form of its own and passes messages through its own line ends, and sends no
// recipients together with MAIL. What has to be known between two replies, whether a message may have been taken, it does not tell.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type TlsOptions, upgradeToTls } from '../../net/dial.js';
import { LineStream } from '../../net/line-stream.js';
import { ReplyWriter } from '../../net/reply-writer.js';
import { type SmtpReply, SmtpReplyParser } from '../../protocols/smtp-reply.js';

/** The other side is gone, or has said nothing for too long. */
export class ConnectionDied extends Error {}

const maxLineBytes = 64 * 1024;
/** How long the answer to QUIT may keep a connection that nobody needs any more. */
const farewellMs = 2000;

export class Conversation {
  readonly ip: string;
  readonly #timeoutMs: number;
  #socket: Socket;
  #lines: LineStream;
  #writer: ReplyWriter;
  #whenGone: (() => void) | undefined;

  /** @param socket open and paused; it belongs to the conversation from here on */
  constructor(socket: Socket, ip: string, timeoutMs: number) {
    this.ip = ip;
    this.#timeoutMs = timeoutMs;
    this.#socket = socket;
    this.#lines = new LineStream(socket, { maxLineBytes, idleMs: timeoutMs });
    this.#writer = new ReplyWriter(socket);
    this.#watch();
  }

  get isSecure(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  /** Whether nothing has come and nobody has gone while nothing was asked: only then the next command will get its own reply. */
  get isQuiet(): boolean {
    return this.#lines.ended === undefined && !this.#lines.hasLine && !this.#writer.isBroken;
  }

  /** Whether what is written still goes somewhere. */
  get isBroken(): boolean {
    return this.#writer.isBroken;
  }

  /** Adds a command to what is sent with the next `reply`. Latin-1. */
  send(line: string): void {
    this.#writer.line(line);
  }

  /** Adds bytes. A promise is to be waited for before more is added. */
  data(bytes: Buffer): Promise<void> | undefined {
    return this.#writer.data(bytes);
  }

  /** Sends what was added and reads the next reply. @throws ConnectionDied */
  async reply(): Promise<SmtpReply> {
    await this.#writer.flush();
    const parser = new SmtpReplyParser();
    for (;;) {
      const line = await this.#lines.next();
      if (line === undefined) throw new ConnectionDied(this.#lines.ended);
      const reply = parser.line(line);
      if (reply === 'endless') throw new ConnectionDied(reply);
      if (reply !== undefined) return reply;
    }
  }

  /** One command and its reply. @throws ConnectionDied */
  command(line: string): Promise<SmtpReply> {
    this.send(line);
    return this.reply();
  }

  /** Goes on encrypted. @throws TlsError, and the connection is closed; ConnectionDied */
  async startTls(options: Omit<TlsOptions, 'timeoutMs'>): Promise<void> {
    const rest = this.#lines.detach();
    this.#writer.detach();
    if (rest.length > 0) {
      this.#socket.destroy();
      throw new ConnectionDied('unencrypted data behind the reply to STARTTLS');
    }
    this.#socket = await upgradeToTls(this.#socket, { ...options, timeoutMs: this.#timeoutMs });
    this.#lines = new LineStream(this.#socket, { maxLineBytes, idleMs: this.#timeoutMs });
    this.#writer = new ReplyWriter(this.#socket);
    this.#watch();
  }

  /** Says QUIT and closes. The answer is not waited for, as qmail-remote does not. */
  quit(): void {
    this.send('QUIT');
    this.#writer.end();
    const socket = this.#socket;
    const timer = setTimeout(() => socket.destroy(), farewellMs).unref();
    socket.once('close', () => clearTimeout(timer)).unref();
  }

  /** Cuts the connection, so that a message which was begun is not taken. */
  abort(): void {
    this.#socket.destroy();
  }

  /** What to do when the other side ends the connection; undefined: nothing. */
  whenGone(act: (() => void) | undefined): void {
    this.#whenGone = act;
  }

  /** Whether the process stays for this connection alone. */
  keepProcess(keeps: boolean): void {
    if (keeps) this.#socket.ref();
    else this.#socket.unref();
  }

  #watch(): void {
    const gone = (): void => this.#whenGone?.();
    this.#socket.once('end', gone).once('close', gone);
  }
}
