// One client's connection: the library's SMTPConnection looks after the socket (errors, half-closed ends, the deadline after our last reply), the session after
// what is said. Of the library's own behaviour these parts are replaced:
//
//   greeting held back 100 ms             sent at once
//   its parser and command handlers       SmtpInput and SmtpSession: qmail-smtpd's syntax, replies and order of checks
//   its idle timeout                      control/timeoutsmtpd, `451 timeout (#4.4.2)`
//   a reply written per command           replies collected and written when the input is used up
//   its TLS                               servers/server-tls: certificates by name, read again when they change
//
// A client may close its sending side at once after the end of its message and still gets the reply: the socket is kept half open until the session is over.

import type net from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js';
import type { SMTPServer } from 'smtp-server/lib/smtp-server.js';
import { describeTls } from '../server-tls.js';
import { asksForCertificates } from './certified.js';
import { type Dialog, whose } from './dialog.js';
import { type InputReceiver, SmtpInput } from './input.js';
import { SmtpSession } from './session.js';

export class SmtpConnection extends SMTPConnection implements InputReceiver {
  readonly #dialog: Dialog;
  readonly #conversation: SmtpSession;
  readonly #input: SmtpInput;
  readonly #startedMs = Date.now();
  #windowStartMs = 0;
  #isSecuring = false;
  #output = '';
  #onClosed: () => void = () => {};

  /** @param id names the connection in the library; nothing of ours depends on it */
  constructor(server: SMTPServer, socket: net.Socket, dialog: Dialog, id: string) {
    super(server, socket, { id });
    this.#dialog = dialog;
    dialog.dismiss = () => {
      this.#conversation.dismiss();
      this.flush();
    };
    this.#conversation = new SmtpSession(dialog, (text) => {
      this.#output += text;
    });
    this.#input = this._parser as SmtpInput;
    this.#input.attach(this, dialog.context.limits.commandLineBytes);
    socket.once('finish', () => this.#tellClosed());
  }

  /** Called once, when the last reply has left or the socket is closed, and nothing of an unfinished message is left. */
  set onClosed(callback: () => void) {
    this.#onClosed = callback;
  }

  override _createParser(): SmtpInput {
    return new SmtpInput();
  }

  override init(): void {
    this._setListeners(() => this.connectionReady());
  }

  override connectionReady(): void {
    this._ready = true;
    this.#conversation.greet();
    this.flush();
  }

  get state(): InputReceiver['state'] {
    return this.#conversation.state;
  }

  line(line: string): void | Promise<void> {
    return this.#conversation.line(line);
  }

  lineTooLong(): void {
    this.#conversation.lineTooLong();
  }

  data(chunk: Buffer, start: number): number | Promise<number> {
    return this.#conversation.data(chunk, start);
  }

  flush(): void {
    const output = this.#output;
    this.#output = '';
    if (output !== '' && this._socket.writable) this._socket.write(output, 'latin1');
    if (this.state === 'over' && this.#isSecuring) this._socket.destroy();
    else if (this.state === 'over') this.close();
    else if (this.state === 'handshake' && !this.#isSecuring) void this.#secure();
  }

  /** Does the handshake on the plain connection and goes on within it. What came before is thrown away, what is still on its way is taken for the handshake. */
  async #secure(): Promise<void> {
    this.#isSecuring = true;
    this._upgrading = true;
    const plain = this._socket;
    const { tls, log, flavour } = this.#dialog.context;
    if (this._parser !== false) plain.unpipe(this._parser);
    plain.pause();
    plain.setTimeout(0);
    while (plain.read() !== null);
    try {
      const secured = await tls?.secure(plain, asksForCertificates(this.#dialog.context));
      if (secured !== undefined) this.#goOn(secured);
    } catch (error) {
      tls?.tellFailure(log, `${flavour}: ${whose(this.#dialog)}: STARTTLS`, error);
    }
  }

  #goOn(secured: TLSSocket): void {
    // The session ended in the meantime.
    if (this._closing || this._parser === false) return void secured.destroy();
    this._upgrading = false;
    this.#isSecuring = false;
    this._socket = secured;
    secured.once('finish', () => this.#tellClosed());
    this._setListeners(() => {});
    this.#conversation.secured(describeTls(secured));
    this.flush();
  }

  waitForReader(): Promise<void> | undefined {
    const socket = this._socket;
    return socket.writableNeedDrain && !socket.destroyed ? drained(socket) : undefined;
  }

  end(): void {
    void this.#conversation.gone();
    this.close();
  }

  override _armTimeout(): void {
    this._socket.setTimeout(this.#dialog.timeoutMs, () => this._onTimeout());
  }

  override _onTimeout(): void {
    if (this._closing) this._socket.destroy();
    else if (this.#conversation.isBusy) this._armTimeout();
    else this.#expire('timeout');
  }

  /** Looks whether the client takes too long over its message or its session. Called every few seconds. */
  checkPace(nowMs: number): void {
    const { limits } = this.#dialog.context;
    const sinceMs = nowMs - this.#windowStartMs;
    if (this.#conversation.isBusy || this.state !== 'data') this.#startWindow(0);
    else if (this.#windowStartMs === 0) this.#startWindow(nowMs);
    else if (sinceMs >= limits.dataWindowMs) {
      if (this.#input.dataBytesSeen * limits.dataWindowMs < limits.dataWindowBytes * sinceMs) this.#expire('tooSlow');
      this.#startWindow(nowMs);
    }
    if (nowMs - this.#startedMs > limits.sessionMs && !this.#conversation.isBusy) this.#expire('sessionTooLong');
  }

  /** Ends the session as soon as no transaction is open. */
  drain(): void {
    this.#conversation.drain();
    this.flush();
  }

  /** Ends the session now. */
  shutDown(): void {
    this.#conversation.shutDown();
    this.flush();
  }

  override _onError(): void {
    // The close event follows. A client that is gone is no news.
  }

  override _onClose(): void {
    super._onClose();
    this.#tellClosed();
  }

  #tellClosed(): void {
    const tell = this.#onClosed;
    this.#onClosed = () => {};
    void this.#conversation.gone().then(tell);
  }

  #expire(why: 'timeout' | 'tooSlow' | 'sessionTooLong'): void {
    this.#conversation.expire(why);
    this.flush();
  }

  #startWindow(nowMs: number): void {
    this.#windowStartMs = nowMs;
    this.#input.dataBytesSeen = 0;
  }
}

function drained(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.once('drain', done);
    socket.once('close', done);
  });
}
