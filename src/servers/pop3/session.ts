// One POP3 session from the banner to its end, as qmail-popup and qmail-pop3d answer (formats/qmail.md 8.3); RFC 1939 and 2449 where those are silent.
//
//   authorization   USER PASS APOP AUTH STLS CAPA NOOP QUIT (servers/pop3/authorization.ts); one attempt: after a wrong password the connection is closed
//   transaction     STAT LIST UIDL RETR TOP DELE RSET LAST NOOP CAPA QUIT on the messages as they were at login (servers/pop3/mailbox.ts)
//   update          QUIT: deleted messages are removed, the others leave new/; any other end changes nothing
//
// Commands may be sent ahead, also across the login (qmail-popup loses what comes behind PASS), and by a client that closes its side at once. Replies are those
// of the originals to the byte where they have one; CAPA is ours, and a trouble of ours is `-ERR [SYS/TEMP]`, after which no client asks for another password.
//
// A session whose account is removed, disabled or given another password (servers/open-sessions.ts) ends with a `-ERR` line before the next command is obeyed, at once when it waits for one;
// what it marked as deleted stays.
//
// A client that says nothing, or does not read, is cut off after a while. Draining lets a session that has a mailbox go on to its QUIT as long as it does
// something; otherwise what it marked as deleted would come again.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { LoggedIn } from '../../auth/login.js';
import { loginKind } from '../../auth/login-service.js';
import type { LoginOutcome } from '../../auth/logins.js';
import { CorruptFileError, describe, errnoOf, PermanentError, TemporaryError } from '../../errors.js';
import { LineStream } from '../../net/line-stream.js';
import { ReplyWriter } from '../../net/reply-writer.js';
import { parsePop3Command } from '../../protocols/pop3-command.js';
import { channelBindingsOf } from '../channel-bindings.js';
import { passOn } from '../pass-on.js';
import { Authorization, type AuthorizationClient, type AuthorizationResult, inTrouble } from './authorization.js';
import { Mailbox } from './mailbox.js';
import type { SessionContext } from './server.js';
import { type Reply, transactionCommands } from './transaction.js';

export type ClientOfSession = AuthorizationClient;

const capabilities = ['PIPELINING', 'RESP-CODES', 'EXPIRE NEVER', 'IMPLEMENTATION vqmail'];
const accountChanged = '-ERR the account has changed, log in again';

/** How long a client has to close its side after the last reply. */
const closingMs = 5_000;
/** How long a session that is drained may do nothing. */
const drainingIdleMs = 2_000;

export class Pop3Session {
  #socket: Socket;
  readonly #client: ClientOfSession;
  readonly #context: SessionContext;
  #lines: LineStream;
  #output: ReplyWriter;
  #reply: Reply;
  readonly #ticket: string | undefined;
  #authorization: Authorization;
  #mailbox: Mailbox | undefined;
  #errors = 0;
  #isWaiting = false;
  #isDraining = false;
  #isLate = false;
  #isOver = false;
  #isRevoked = false;
  #leave: (() => void) | undefined;

  /** @param ticket of a session that began, and logged in, in another process */
  constructor(socket: Socket, client: ClientOfSession, context: SessionContext, ticket?: string) {
    this.#socket = socket;
    this.#client = client;
    this.#context = context;
    this.#ticket = ticket;
    this.#lines = new LineStream(socket, context.limits);
    this.#output = new ReplyWriter(socket);
    this.#reply = this.#replyTo(this.#output);
    this.#authorization = this.#newAuthorization();
  }

  #newAuthorization(): Authorization {
    const dialog = {
      answer: (text: string): void => this.#answer(text),
      line: (text: string): void => this.#output.line(text),
      nextLine: async (): Promise<string | undefined> => {
        await this.#output.flush();
        return this.#nextLine();
      },
    };
    const bindings = this.#socket instanceof TLSSocket ? channelBindingsOf(this.#socket) : undefined;
    return new Authorization(this.#client, this.#context, dialog, bindings);
  }

  #replyTo(writer: ReplyWriter): Reply {
    return { line: (text) => this.#answer(text), writer, log: this.#context.log };
  }

  /** Serves the client to the end of the session. */
  async run(): Promise<void> {
    const deadline = setTimeout(() => this.#beLate(), this.#context.limits.loginMs);
    try {
      await this.#serve();
    } finally {
      clearTimeout(deadline);
      this.#leave?.();
    }
  }

  async #serve(): Promise<void> {
    if (this.#ticket === undefined) this.#answer(`+OK ${this.#client.timestamp}`);
    else await this.#goOn(this.#ticket);
    while (!this.#isOver && !this.#isRevoked) {
      if (!this.#lines.hasLine || this.#output.isFull) await this.#output.flush();
      const line = await this.#nextLine();
      if (line === undefined) break;
      await this.#obey(line);
    }
    if (this.#lines.ended === 'line-too-long') this.#answer('-ERR line too long');
    else if (this.#isRevoked && !this.#isOver && !this.#socket.destroyed) this.#answer(accountChanged);
    this.#close();
  }

  /** Ends the session where it loses nothing by it. */
  drain(): void {
    this.#isDraining = true;
    if (this.#mailbox !== undefined) this.#lines.setIdle(drainingIdleMs);
    else if (this.#isWaiting) this.#lines.stop();
  }

  /** Ends the session, since its account is not what it was. A reply that is being sent goes on to its end. */
  #revoke(): void {
    this.#isRevoked = true;
    if (this.#isWaiting) this.#lines.stop();
  }

  /** A client that has not logged in by now will not; one whose login is being looked at is let finish. */
  #beLate(): void {
    this.#isLate = true;
    if (this.#isWaiting && this.#mailbox === undefined) this.#socket.destroy();
  }

  async #nextLine(): Promise<string | undefined> {
    const isUnwanted = this.#isLate || (this.#isDraining && !this.#lines.hasLine);
    if (isUnwanted && this.#mailbox === undefined) return undefined;
    this.#isWaiting = true;
    const line = await this.#lines.next();
    this.#isWaiting = false;
    return line;
  }

  async #obey(line: string): Promise<void> {
    const { verb, argument } = parsePop3Command(line);
    try {
      if (this.#mailbox === undefined) await this.#authorize(verb, argument);
      else await this.#transaction(this.#mailbox, verb, argument);
    } catch (error) {
      this.#logTrouble(error);
      this.#answer(inTrouble);
    }
  }

  async #authorize(verb: string, argument: string): Promise<void> {
    switch (verb) {
      case 'USER':
      case 'PASS':
      case 'APOP':
      case 'AUTH':
        return this.#logIn((looksBefore) => this.#follow(this.#authorization.obey(verb, argument), looksBefore));
      case 'CAPA':
        return this.#capabilities();
      case 'STLS':
        return this.#startTls();
      case 'NOOP':
        return this.#answer('+OK ');
      case 'QUIT':
        return this.#finish('+OK ');
      default:
        return this.#answer('-ERR authorization first');
    }
  }

  /** Here, or between the client and a proxy. */
  get #isSecure(): boolean {
    return this.#socket instanceof TLSSocket || this.#client.origin.isTlsAtProxy === true;
  }

  /** RFC 2595 4: what was sent in clear before the handshake counts for nothing. */
  async #startTls(): Promise<void> {
    const { tls, limits } = this.#context;
    if (this.#isSecure) return this.#answer('-ERR TLS is active already');
    if (tls === undefined || !(await tls.isAvailable())) return this.#answer('-ERR unimplemented');
    this.#answer('+OK Begin TLS negotiation');
    // Before the answer leaves: what comes behind it belongs to the handshake.
    this.#lines.detach();
    await this.#output.flush();
    this.#output.detach();
    try {
      this.#socket = await tls.secure(this.#socket);
    } catch (error) {
      tls.tellFailure(this.#context.log, `pop3: ${this.#client.origin.remoteIp}: STLS`, error);
      this.#isOver = true;
      return;
    }
    this.#lines = new LineStream(this.#socket, limits);
    this.#output = new ReplyWriter(this.#socket);
    this.#reply = this.#replyTo(this.#output);
    this.#authorization = this.#newAuthorization();
  }

  /** Trouble with a login ends the session. */
  async #logIn(act: (looksBefore: number) => Promise<void>): Promise<void> {
    try {
      await act(this.#context.sessions.looks);
    } catch (error) {
      this.#logTrouble(error);
      this.#finish(inTrouble);
    }
  }

  async #follow(obeyed: Promise<AuthorizationResult>, looksBefore: number): Promise<void> {
    const result = await obeyed;
    if (result?.kind === 'over') return this.#finish(result.text);
    if (result === undefined || (await this.#goElsewhere(result.login))) return;
    await this.#begin(result.login, looksBefore);
  }

  /** Takes up the session of a ticket. */
  #goOn(ticket: string): Promise<void> {
    return this.#logIn(async (looksBefore) => {
      const login = this.#context.redeem?.(ticket);
      if (login === undefined) this.#finish('-ERR authorization failed');
      else await this.#begin(login, looksBefore);
    });
  }

  async #begin(login: LoggedIn, looksBefore: number): Promise<void> {
    this.#register(login, looksBefore);
    if (this.#isRevoked) this.#finish('-ERR authorization failed');
    else await this.#enter(login);
  }

  #register({ account, byClearPassword }: LoggedIn, looksBefore: number): void {
    const { sessions } = this.#context;
    const { service, origin } = this.#client;
    const kind = loginKind(service, origin.remoteIp ?? '');
    const { name, domain, passwd, clearPasswd } = account;
    const session = { service, kind, account: { name, domain, passwd, clearPasswd }, byClearPassword };
    this.#leave = sessions.enter({ ...session, end: () => this.#revoke() }, looksBefore);
  }

  async #enter({ account, domain }: LoggedIn): Promise<void> {
    const { reading, uidl } = this.#context;
    const owner = { uid: domain.uid, gid: domain.gid };
    this.#mailbox = await Mailbox.open(account.directory, owner, uidl, reading);
    if (this.#mailbox === undefined) return this.#finish('-ERR this user has no $HOME/Maildir');
    if (this.#isDraining) this.#lines.setIdle(drainingIdleMs);
    this.#answer('+OK ');
  }

  /** Lets a session for another uid, which has checked the login, go on in a process of that uid. Resolves when it is over there. */
  async #goElsewhere({ domain, ticket }: Extract<LoginOutcome, { ok: true }>): Promise<boolean> {
    if (ticket === undefined) return false;
    const { uid, gid } = domain;
    const other = await this.#context.elsewhere?.({ uid, gid }, { ...this.#client, ticket });
    if (other === undefined) throw new TemporaryError('4.3.0', 'temporary trouble with this mailbox');
    await this.#output.flush();
    const sentAhead = this.#lines.detach();
    this.#output.detach();
    this.#isOver = true;
    await passOn(this.#socket, other, sentAhead);
    return true;
  }

  async #transaction(mailbox: Mailbox, verb: string, argument: string): Promise<void> {
    if (verb === 'CAPA') return this.#capabilities();
    const command = transactionCommands.get(verb);
    if (command === undefined) return this.#answer('-ERR unimplemented');
    const result = await command(mailbox, argument, this.#reply);
    if (result !== undefined) this.#isOver = true;
    if (result === 'cut') this.#socket.destroy();
  }

  async #capabilities(): Promise<void> {
    const lines = ['TOP', 'UIDL', ...(await this.#loginCapabilities()), ...capabilities];
    this.#answer('+OK ');
    for (const line of lines) this.#output.line(line);
    this.#output.line('.');
  }

  async #loginCapabilities(): Promise<string[]> {
    if (this.#mailbox !== undefined) return ['USER'];
    const offersTls = !this.#isSecure && (await this.#context.tls?.isAvailable());
    const lines = await this.#authorization.capabilities();
    return offersTls ? ['STLS', ...lines] : lines;
  }

  #answer(text: string): void {
    this.#output.line(text);
    this.#errors = text.startsWith('-ERR') ? this.#errors + 1 : 0;
    if (this.#errors >= this.#context.limits.maxErrors) this.#isOver = true;
  }

  #finish(text: string): void {
    this.#answer(text);
    this.#isOver = true;
  }

  /** Sends what is left. The client should close its side then; one that does not is cut off. */
  #close(): void {
    if (this.#socket.destroyed) return;
    this.#output.end();
    this.#lines.stop();
    this.#socket.resume();
    this.#lines.setIdle(closingMs);
  }

  /** A known trouble is a line in the log, a defect of ours is one with its stack. */
  #logTrouble(error: unknown): void {
    const isKnown =
      error instanceof TemporaryError ||
      error instanceof CorruptFileError ||
      error instanceof PermanentError ||
      errnoOf(error) !== undefined;
    const text = `pop3: ${this.#client.origin.remoteIp ?? 'unix'}: `;
    if (isKnown) this.#context.log.warning(text + describe(error));
    else this.#context.log.alert(text + (error instanceof Error ? error.stack : String(error)));
  }
}
