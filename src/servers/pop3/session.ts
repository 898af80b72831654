// One POP3 session from the banner to its end, as qmail-popup and qmail-pop3d answer (formats/qmail.md 8.3); RFC 1939 and 2449 where those are silent.
//
//   authorization   USER PASS APOP CAPA NOOP QUIT; one attempt: after a wrong password the connection is closed
//   transaction     STAT LIST UIDL RETR TOP DELE RSET LAST NOOP CAPA QUIT on the messages as they were at login (servers/pop3/mailbox.ts)
//   update          QUIT: deleted messages are removed, the others leave new/; any other end changes nothing
//
// Commands may be sent ahead, also across the login (qmail-popup loses what comes behind PASS). Replies are those of the originals to the byte where they have one; CAPA is ours, and
// a trouble of ours is `-ERR [SYS/TEMP]`.

import type { Socket } from 'node:net';
import { type LoginResult, login, nameLogin } from '../../auth/login.js';
import { describe } from '../../errors.js';
import { LineStream } from '../../net/line-stream.js';
import { ReplyWriter } from '../../net/reply-writer.js';
import { parseApop, parsePop3Command } from '../../protocols/pop3-command.js';
import type { Domain } from '../../stores/domain.js';
import { Mailbox } from './mailbox.js';
import { passOn } from './pass-on.js';
import type { ElsewhereSession, SessionContext } from './server.js';
import { type Reply, transactionCommands } from './transaction.js';

/** What a client sent to log in. */
export type Credentials =
  | { readonly login: string; readonly password: string }
  | { readonly login: string; readonly digest: string };

export type ClientOfSession = Omit<ElsewhereSession, 'credentials'>;

const capabilities = ['TOP', 'UIDL', 'USER', 'PIPELINING', 'RESP-CODES', 'EXPIRE NEVER', 'IMPLEMENTATION vqmail'];
const inTrouble = '-ERR [SYS/TEMP] temporary trouble, try again later';

export class Pop3Session {
  readonly #socket: Socket;
  readonly #client: ClientOfSession;
  readonly #context: SessionContext;
  readonly #lines: LineStream;
  readonly #output: ReplyWriter;
  #credentials: Credentials | undefined;
  #user: string | undefined;
  #mailbox: Mailbox | undefined;
  #errors = 0;
  #isOver = false;

  /** @param credentials of a session that began in another process: it goes on with the login */
  constructor(socket: Socket, client: ClientOfSession, context: SessionContext, credentials?: Credentials) {
    this.#socket = socket;
    this.#client = client;
    this.#context = context;
    this.#credentials = credentials;
    const { maxLineBytes, loginMs } = context.limits;
    this.#lines = new LineStream(socket, { maxLineBytes, idleMs: loginMs });
    this.#output = new ReplyWriter(socket);
  }

  async run(): Promise<void> {
    if (this.#credentials === undefined) this.#output.line(`+OK ${this.#client.timestamp}`);
    else await this.#logIn(this.#credentials);
    await this.#output.flush();
    while (!this.#isOver) {
      const line = await this.#lines.next();
      if (line === undefined) break;
      await this.#answer(line);
      if (!this.#lines.hasLine || this.#output.isFull) await this.#output.flush();
    }
    if (this.#lines.ended === 'line-too-long') this.#output.line('-ERR line too long');
    if (!this.#socket.destroyed) this.#output.end();
    if (!this.#isOver) this.#closeSoon();
  }

  /** Ends the session when it waits for a command; otherwise after the one that runs. */
  drain(): void {
    this.#lines.stop();
  }

  async #answer(line: string): Promise<void> {
    const { verb, argument } = parsePop3Command(line);
    try {
      if (this.#mailbox === undefined) await this.#authorization(verb, argument);
      else await this.#transaction(this.#mailbox, verb, argument);
    } catch (error) {
      this.#context.log.warning(`pop3: ${this.#client.remoteIp}: ${describe(error)}`);
      this.#output.line(inTrouble);
      if (this.#mailbox === undefined) this.#end();
    }
  }

  async #authorization(verb: string, argument: string): Promise<void> {
    switch (verb) {
      case 'USER':
        if (argument !== '') this.#user = argument;
        return this.#reply(argument === '' ? '-ERR syntax error' : '+OK ');
      case 'PASS':
        if (this.#user === undefined) return this.#reply('-ERR USER first');
        if (argument === '') return this.#reply('-ERR syntax error');
        return this.#logIn({ login: this.#user, password: argument });
      case 'APOP': {
        const apop = parseApop(argument);
        return apop === undefined
          ? this.#reply('-ERR syntax error')
          : this.#logIn({ login: apop.name, digest: apop.digest });
      }
      case 'CAPA':
        return this.#capabilities();
      case 'NOOP':
        return this.#reply('+OK ');
      case 'QUIT':
        this.#reply('+OK ');
        return this.#end();
      default:
        return this.#reply('-ERR authorization first');
    }
  }

  async #logIn(credentials: Credentials): Promise<void> {
    const { host, passwords, elsewhere } = this.#context;
    const { remoteIp, localIp, timestamp } = this.#client;
    try {
      const named = elsewhere === undefined ? undefined : nameLogin(host, credentials.login, localIp);
      if (named?.domain !== undefined && (await this.#goElsewhere(named.domain, credentials))) return;
      const secret =
        'password' in credentials ? { password: credentials.password } : { digest: credentials.digest, timestamp };
      const request = { service: 'pop3' as const, login: credentials.login, secret, remoteIp, localIp };
      const result = await login(host, passwords, request);
      if (result.ok) await this.#enter(result);
      else this.#refuse('-ERR authorization failed');
    } catch (error) {
      this.#context.log.warning(`pop3: login from ${remoteIp}: ${describe(error)}`);
      this.#refuse(inTrouble);
    }
  }

  async #enter({ account, domain }: Extract<LoginResult, { ok: true }>): Promise<void> {
    const { sizes, uidl, limits, log } = this.#context;
    if (account.directory === '') return this.#refuse('-ERR this user has no $HOME/Maildir');
    const owner = { uid: domain.uid, gid: domain.gid };
    const mailbox = await Mailbox.open(account.directory, owner, { sizes, uidl, log });
    if (mailbox === undefined) return this.#refuse('-ERR this user has no $HOME/Maildir');
    this.#mailbox = mailbox;
    this.#lines.setIdle(limits.idleMs);
    this.#output.line('+OK ');
  }

  /** Lets a session for another uid go on in a process of that uid. Resolves when it is over there. */
  async #goElsewhere(domain: Domain, credentials: Credentials): Promise<boolean> {
    const session: ElsewhereSession = { ...this.#client, credentials };
    const other = await this.#context.elsewhere?.({ uid: domain.uid, gid: domain.gid }, session);
    if (other === undefined) return false;
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
    if (command === undefined) return this.#reply('-ERR unimplemented');
    const reply: Reply = { line: (text) => this.#reply(text), writer: this.#output };
    if ((await command(mailbox, argument, reply)) === 'over') this.#end();
  }

  #capabilities(): void {
    this.#reply('+OK ');
    for (const capability of capabilities) this.#output.line(capability);
    this.#output.line('.');
  }

  #reply(text: string): void {
    this.#output.line(text);
    this.#errors = text.startsWith('-ERR') ? this.#errors + 1 : 0;
    if (this.#errors >= this.#context.limits.maxErrors) this.#end();
  }

  #refuse(text: string): void {
    this.#output.line(text);
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#closeSoon();
  }

  /** The client should close its side now; one that does not is cut off. */
  #closeSoon(): void {
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), 5000).unref();
  }
}
