// checkpassword SOCKET PROGRAM [ARGUMENTS]: the checkpassword interface for programs that authenticate against a running vqmail; it asks the auth socket (`serve --listen auth=unix:SOCKET`), so it needs
// no rights but to connect there, and logins are limited, logged and stamped as all others are. Made for Dovecot's checkpassword passdb and userdb (formats/dovecot.md 6.7).
//
//   descriptor 3       login NUL password NUL            at most 512 bytes
//   environment        SERVICE (imap, pop3, ...), TCPREMOTEIP, TCPLOCALIP, TCPREMOTEPORT, TCPLOCALPORT
//   AUTHORIZED=1       nobody logs in: where is the mail of this user? (Dovecot's userdb)
//
// When it is right, PROGRAM takes this process's place, with USER, HOME, and what Dovecot wants of a user: userdb_uid, userdb_gid, userdb_quota_rule, named in EXTRA.
//
//   exit    1 not let in    2 used wrongly    3 there is no such user (AUTHORIZED)    111 try again later    else that of PROGRAM
//
// Passwords are not handed out, so CREDENTIALS_LOOKUP (CRAM-MD5 of Dovecot) finds nothing.

import net from 'node:net';
import { describe, errnoOf, TemporaryError } from '../../errors.js';
import { replaceProcess } from '../../files/replace-process.js';
import {
  type AuthAnswer,
  clientHandshake,
  parseAnswer,
  plainLogin,
  userLookUp,
} from '../../protocols/dovecot-auth-answers.js';
import type { ToolIo } from '../tool-io.js';

const mostBytes = 512;
/** A login that is delayed takes some seconds. */
const patienceMs = 30_000;

/** The tool. @returns its exit code, unless the program has taken the process's place */
export async function checkpassword([socket, ...program]: string[], io: ToolIo): Promise<number> {
  if (socket === undefined || program.length === 0) return told(io, 2, 'usage: checkpassword SOCKET PROGRAM...');
  const { env } = io;
  if (env.CREDENTIALS_LOOKUP === '1') return 1;
  try {
    const [login = '', password = ''] = (await io.readDescriptor(3)).toString('latin1', 0, mostBytes).split('\0');
    const asking = new Asking(socket);
    try {
      const isLookUp = env.AUTHORIZED === '1';
      const user = isLookUp ? login : await loggedIn(asking, login, password, env);
      if (user === undefined) return 1;
      const found = await asking.ask(userLookUp(2, user, env.SERVICE ?? ''), 2);
      if (found.verb === 'NOTFOUND') return isLookUp ? 3 : 1;
      if (found.verb !== 'USER') throw new TemporaryError('4.3.0', 'the user could not be looked up');
      const own = { ...environmentOf(found), ...(isLookUp && { AUTHORIZED: '2' }) };
      const end = await replaceProcess({ arguments: program, environment: { ...givenEnvironment(env), ...own } });
      return 'exitStatus' in end ? end.exitStatus : told(io, 111, `unable to run ${program[0]}: ${end.failed}`);
    } finally {
      asking.end();
    }
  } catch (error) {
    if (!(error instanceof TemporaryError) && errnoOf(error) === undefined) throw error;
    return told(io, 111, describe(error));
  }
}

function told(io: ToolIo, exitCode: number, text: string): number {
  io.stderr(`checkpassword: ${text}\n`);
  return exitCode;
}

/** The name of the account; undefined: it is not let in. @throws TemporaryError */
async function loggedIn(
  asking: Asking,
  login: string,
  password: string,
  env: ToolIo['env'],
): Promise<string | undefined> {
  const parameters = {
    lip: env.TCPLOCALIP ?? '',
    rip: env.TCPREMOTEIP ?? '',
    lport: env.TCPLOCALPORT ?? '',
    rport: env.TCPREMOTEPORT ?? '',
  };
  const answer = await asking.ask(plainLogin(1, env.SERVICE ?? '', parameters, login, password), 1);
  if (answer.verb === 'OK') return answer.parameters.get('user');
  if (answer.parameters.has('temp')) throw new TemporaryError('4.3.0', 'the login could not be decided');
  return undefined;
}

function environmentOf({ argument, parameters }: AuthAnswer): Record<string, string> {
  const extra = [...parameters].flatMap(([name, value]) =>
    name === 'home' ? [] : [[`userdb_${name}`, value] as const],
  );
  return {
    USER: argument,
    HOME: parameters.get('home') ?? '',
    EXTRA: extra.map(([name]) => name).join(' '),
    ...Object.fromEntries(extra),
  };
}

function givenEnvironment(env: ToolIo['env']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** A connection to the auth socket on which one request at a time is made. */
class Asking {
  readonly #socket: net.Socket;
  #text = '';
  #look: (() => void) | undefined;
  #failure: Error | undefined;

  constructor(path: string) {
    this.#socket = net.connect({ path });
    const fail = (error: Error): void => {
      this.#failure ??= error;
      this.#look?.();
    };
    this.#socket.setTimeout(patienceMs, () => fail(new TemporaryError('4.4.2', `no answer at ${path}`)));
    this.#socket.on('error', (error) => fail(new TemporaryError('4.3.0', `vqmail cannot be asked at ${path}`, error)));
    this.#socket.on('close', () => fail(new TemporaryError('4.3.0', 'vqmail cannot answer at the moment')));
    this.#socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1');
      this.#look?.();
    });
    this.#socket.write(clientHandshake(process.pid), 'latin1');
  }

  /** The answer to a request with an id of its own. @throws TemporaryError */
  ask(request: string, id: number): Promise<AuthAnswer> {
    this.#socket.write(request, 'latin1');
    return new Promise((resolve, reject) => {
      this.#look = () => {
        const answer = this.#takeAnswer(id);
        if (answer !== undefined) resolve(answer);
        else if (this.#failure !== undefined) reject(this.#failure);
      };
      this.#look();
    });
  }

  end(): void {
    this.#socket.destroy();
  }

  #takeAnswer(id: number): AuthAnswer | undefined {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end < 0) return undefined;
      const answer = parseAnswer(this.#text.slice(0, end));
      this.#text = this.#text.slice(end + 1);
      if (answer?.id === id) return answer;
    }
  }
}
