// One connection of a front end: the handshake, then requests, many at a time and in any order, each with its id (protocols/dovecot-auth.ts).
//
//   the front end                                     the connection
//   does not keep to the protocol                     ends, with a line in the log; requests that are being worked on are not answered any more
//   asks what nobody can answer now                   FAIL with temp_fail to one that speaks version 1.2 or later. Postfix and Exim (1.0) take every FAIL for a wrong password, and a
//                                                     connection that ends for "later" (formats/dovecot.md 6.4): what else is being worked on is answered first, then it ends
//   leaves a request without a CONT for 150 s         the request is forgotten: CONT is told so
//   reads no answers                                  nothing more is read from it
//   has 100 requests being worked on                  nothing more is read from it until one is answered
//
// When the server stops, connections end as soon as no request is being worked on; a client amid an exchange is told "later" by its front end.

import type { Socket } from 'node:net';
import type { SaslLogin } from '../../auth/sasl/sasl-login.js';
import type { Log } from '../../log.js';
import { LineStream } from '../../net/line-stream.js';
import {
  AuthProtocolError,
  type AuthStart,
  type ClientCommand,
  longestLine,
  parseClientCommand,
  type ServerAnswer,
  serializeAnswer,
} from '../../protocols/dovecot-auth.js';
import { AuthRequest, type RequestAnswer } from './request.js';
import { type UserPlace, userAnswer } from './userdb.js';

export interface AuthLimits {
  /** How long a request may wait for its CONT. */
  readonly requestMs: number;
  /** Requests that are worked on at one moment. */
  readonly atWork: number;
  /** Requests that wait for a CONT. */
  readonly waiting: number;
}

export interface AuthConnectionContext {
  readonly sasl: SaslLogin;
  readonly log: Log;
  readonly limits: AuthLimits;
  /** Where a user's mail is. Never rejects. */
  readonly findUser: (name: string) => Promise<UserPlace>;
}

interface OpenRequest {
  readonly request: AuthRequest;
  /** Undefined while it is worked on; else ends it. */
  timer: NodeJS.Timeout | undefined;
}

/** From this minor version on a front end knows FAIL with a code. */
const minorWithCodes = 2;
/** For a front end that does not take its last answers. */
const lingerMs = 5000;

export class AuthConnection {
  readonly #socket: Socket;
  readonly #context: AuthConnectionContext;
  readonly #lines: LineStream;
  readonly #open = new Map<number, OpenRequest>();
  #minor: number | undefined;
  #atWork = 0;
  #isOver = false;
  #isEnding = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, context: AuthConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    // A front end may keep its connection for ever without a word.
    this.#lines = new LineStream(socket, { maxLineBytes: longestLine, idleMs: 0 });
    socket.on('close', this.#awake).on('drain', this.#awake);
  }

  /** Serves it to its end. @param greeting the server's half of the handshake. Never rejects */
  async run(greeting: string): Promise<void> {
    this.#socket.write(greeting, 'latin1');
    try {
      for await (const line of this.#lines) {
        this.#take(parseClientCommand(line, this.#minor));
        await this.#readiness();
        if (this.#isOver) break;
      }
      if (this.#lines.ended === 'line-too-long') throw new AuthProtocolError('a line is too long');
    } catch (error) {
      const { log } = this.#context;
      if (error instanceof AuthProtocolError) log.warning(`auth: a front end broke the protocol: ${error.message}`);
      else log.alert(`auth: ${error instanceof Error ? error.stack : String(error)}`);
      this.#close();
    }
    // A front end that has closed its side may still read.
    this.endSoon();
  }

  /** Takes no more requests, and ends when none is being worked on. */
  endSoon(): void {
    this.#isEnding = true;
    this.#lines.stop();
    if (this.#atWork === 0) this.#close();
  }

  #take(command: ClientCommand): void {
    switch (command.kind) {
      case 'version':
        if (this.#minor !== undefined) throw new AuthProtocolError('VERSION twice');
        this.#minor = command.minor;
        break;
      case 'pid':
        break;
      case 'auth':
        this.#begin(command);
        break;
      case 'continue':
        this.#continue(command.id, command.response);
        break;
      case 'cancel':
        this.#forget(command.id);
        break;
      case 'user':
        this.#lookUp(command.id, command.name);
        break;
    }
  }

  #begin(start: AuthStart): void {
    if (this.#open.has(start.id)) throw new AuthProtocolError(`a second request with the id ${start.id}`);
    if (this.#open.size >= this.#context.limits.waiting) this.#forgetOldest();
    const open: OpenRequest = { request: new AuthRequest(start, this.#context.sasl), timer: undefined };
    this.#open.set(start.id, open);
    this.#work(start.id, open, open.request.begin());
  }

  #continue(id: number, response: string): void {
    const open = this.#open.get(id);
    if (open === undefined) {
      this.#send({ kind: 'fail', id, reason: 'Authentication request timed out' });
    } else if (open.timer === undefined) {
      this.#forget(id);
      this.#send({ kind: 'fail', id, reason: 'Unexpected continuation' });
    } else {
      clearTimeout(open.timer);
      open.timer = undefined;
      this.#work(id, open, open.request.go(response));
    }
  }

  #lookUp(id: number, name: string): void {
    this.#atWork++;
    void this.#context.findUser(name).then((place) => {
      this.#atWork--;
      this.#send(userAnswer(id, place));
      this.#workDone();
    });
  }

  #work(id: number, open: OpenRequest, work: Promise<RequestAnswer>): void {
    this.#atWork++;
    void work.then((answer) => {
      this.#atWork--;
      // Cancelled meanwhile, perhaps.
      if (this.#open.get(id) === open) this.#answered(open, answer);
      this.#workDone();
    });
  }

  #workDone(): void {
    if (this.#isEnding && this.#atWork === 0) this.#close();
    this.#awake();
  }

  #answered(open: OpenRequest, answer: RequestAnswer): void {
    const { id } = answer;
    if (answer.kind === 'continue') {
      open.timer = setTimeout(() => this.#open.delete(id), this.#context.limits.requestMs).unref();
      this.#send(answer);
      return;
    }
    this.#open.delete(id);
    if (answer.kind !== 'later') this.#send(answer);
    else if ((this.#minor ?? 0) >= minorWithCodes) this.#send({ kind: 'fail', id, code: 'temp_fail' });
    else this.endSoon();
  }

  #send(answer: ServerAnswer): void {
    if (this.#socket.writable) this.#socket.write(serializeAnswer(answer), 'latin1');
  }

  #forget(id: number): void {
    clearTimeout(this.#open.get(id)?.timer);
    this.#open.delete(id);
  }

  #forgetOldest(): void {
    for (const id of this.#open.keys()) {
      this.#forget(id);
      return;
    }
  }

  /** Waits until the next line may be taken. */
  async #readiness(): Promise<void> {
    while (!this.#isOver && (this.#atWork >= this.#context.limits.atWork || this.#socket.writableNeedDrain))
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const id of [...this.#open.keys()]) this.#forget(id);
    this.#lines.stop();
    const timer = setTimeout(() => this.#socket.destroy(), lingerMs).unref();
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end(() => this.#socket.destroySoon());
    this.#socket.resume();
    this.#awake();
  }

  #awake = (): void => {
    if (this.#socket.destroyed) this.#isOver = true;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  };
}
