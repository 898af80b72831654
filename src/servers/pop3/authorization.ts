// How a POP3 client logs in: USER and PASS, APOP, and AUTH with the mechanisms of SASL (RFC 5034).
//
//   AUTH                     +OK, the mechanisms line by line, `.`: what clients asked before there was CAPA
//   AUTH PLAIN               +      the client sends its message, in base64
//   AUTH PLAIN AGEAYg==      the same with the message at once; `=` is an empty one
//   *                        ends the exchange
//
// A password in clear is taken over TLS, and of the host itself and trusted networks. From others USER is refused as soon as TLS can be had, and works, as with qmail-pop3d, where it cannot:
// there the client has no other way.

import type { LoginOrigin, LoginOutcome } from '../../auth/logins.js';
import type { SaslAnswer, SaslClient } from '../../auth/sasl/sasl-login.js';
import type { Secret } from '../../auth/secret.js';
import { parseApop } from '../../protocols/pop3-command.js';
import type { SessionContext } from './server.js';

type In = Extract<LoginOutcome, { ok: true }>;

/** What a command has led to: a login, its end (the session says this and is over), or nothing. */
export type AuthorizationResult =
  | { readonly kind: 'in'; readonly login: In }
  | { readonly kind: 'over'; readonly text: string }
  | undefined;

/** The session, as far as logging in needs it. */
export interface AuthorizationDialog {
  answer(text: string): void;
  /** Lines that are no reply of one line: of a list. */
  line(text: string): void;
  /** undefined: the client is gone. */
  nextLine(): Promise<string | undefined>;
}

export interface AuthorizationClient {
  readonly service: 'pop3' | 'pop3s';
  readonly origin: LoginOrigin;
  readonly timestamp: string;
}

/** What is said when our trouble is in the way: no client asks for another password then. */
export const inTrouble = '-ERR [SYS/TEMP] temporary trouble, try again later';

const refused: AuthorizationResult = { kind: 'over', text: '-ERR authorization failed' };

export class Authorization {
  readonly #client: AuthorizationClient;
  readonly #context: SessionContext;
  readonly #dialog: AuthorizationDialog;
  readonly #channelBindings: SaslClient['channelBindings'];
  #user: string | undefined;

  /** @param channelBindings of the connection; undefined: it is not secured by TLS */
  constructor(
    client: AuthorizationClient,
    context: SessionContext,
    dialog: AuthorizationDialog,
    channelBindings: SaslClient['channelBindings'],
  ) {
    this.#client = client;
    this.#context = context;
    this.#dialog = dialog;
    this.#channelBindings = channelBindings;
  }

  /** The lines of CAPA about logging in. */
  async capabilities(): Promise<string[]> {
    const mechanisms = this.#context.sasl.mechanisms(this.#saslClient());
    const user = (await this.#mayPasswordBeSent()) ? ['USER'] : [];
    return mechanisms.length > 0 ? [...user, `SASL ${mechanisms.join(' ')}`] : user;
  }

  /** Obeys one of USER, PASS, APOP, AUTH. @throws what the login check throws */
  async obey(verb: 'USER' | 'PASS' | 'APOP' | 'AUTH', argument: string): Promise<AuthorizationResult> {
    const { timestamp } = this.#client;
    switch (verb) {
      case 'USER':
        return this.#takeUser(argument);
      case 'PASS':
        if (this.#user === undefined) return this.#say('-ERR USER first');
        if (argument === '') return this.#say('-ERR syntax error');
        return this.#logIn(this.#user, { password: argument });
      case 'APOP': {
        const apop = parseApop(argument);
        if (apop === undefined) return this.#say('-ERR syntax error');
        return this.#logIn(apop.name, { digest: apop.digest, timestamp });
      }
      case 'AUTH':
        return argument === '' ? this.#listMechanisms() : this.#authenticate(argument);
    }
  }

  async #takeUser(argument: string): Promise<undefined> {
    if (argument === '') return this.#say('-ERR syntax error');
    if (!(await this.#mayPasswordBeSent()))
      return this.#say('-ERR [AUTH] a password is not taken in clear here: use STLS first');
    this.#user = argument;
    return this.#say('+OK ');
  }

  async #mayPasswordBeSent(): Promise<boolean> {
    const { sasl, tls } = this.#context;
    return sasl.mayPasswordBeSent(this.#saslClient()) || !(await tls?.isAvailable());
  }

  async #logIn(login: string, secret: Secret): Promise<AuthorizationResult> {
    const { service, origin } = this.#client;
    const { remoteIp, localIp } = origin;
    const outcome = await this.#context.logins.login({ service, login, secret, remoteIp, localIp });
    if (outcome.ok) return { kind: 'in', login: outcome };
    return outcome.why === 'put off' ? putOff(outcome.retrySeconds) : refused;
  }

  #listMechanisms(): undefined {
    this.#dialog.answer('+OK ');
    for (const name of this.#context.sasl.mechanisms(this.#saslClient())) this.#dialog.line(name);
    this.#dialog.line('.');
  }

  async #authenticate(argument: string): Promise<AuthorizationResult> {
    const [mechanism = '', initial, ...more] = argument.trimEnd().split(/ +/);
    if (more.length > 0) return this.#say('-ERR syntax error');
    const exchange = this.#context.sasl.exchange(this.#saslClient());
    let answer = await exchange.begin(mechanism, initial);
    while (answer.kind === 'challenge') {
      this.#dialog.line(`+ ${answer.base64}`);
      const line = await this.#dialog.nextLine();
      if (line === undefined) return { kind: 'over', text: '-ERR authorization aborted' };
      answer = await exchange.step(line);
    }
    return this.#endOf(answer);
  }

  #endOf(answer: Exclude<SaslAnswer, { kind: 'challenge' }>): AuthorizationResult {
    if (answer.kind === 'success') return { kind: 'in', login: answer.login };
    switch (answer.why) {
      case 'put off':
        return putOff(answer.retrySeconds ?? 1);
      case 'temporary':
        return { kind: 'over', text: inTrouble };
      case 'malformed':
        return this.#say('-ERR malformed authentication exchange');
      case 'unsupported':
        return this.#say('-ERR unsupported authentication mechanism');
      case 'cancelled':
        return this.#say('-ERR authorization cancelled');
      case 'wrong':
      case 'closed':
        return refused;
    }
  }

  #saslClient(): SaslClient {
    const { service, origin } = this.#client;
    return { service, origin, isSecure: this.#channelBindings !== undefined, channelBindings: this.#channelBindings };
  }

  #say(text: string): undefined {
    this.#dialog.answer(text);
  }
}

function putOff(seconds: number): AuthorizationResult {
  return { kind: 'over', text: `-ERR [SYS/TEMP] too many failed logins, try again in ${seconds} seconds` };
}
