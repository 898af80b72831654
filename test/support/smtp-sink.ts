// An SMTP server that answers as told, on a free port of loopback, and keeps what was said: the host that outgoing mail meets in the recordings, and worse ones.

import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

export interface SinkOptions {
  readonly ip?: string;
  readonly port?: number;
  /** What it says first; `DROP` closes the connection instead. */
  readonly greeting?: string;
  /** By verb, `.` for the end of the message: the reply with its line ends, `DROP`, `CUT ` and the beginning of a reply behind which the connection is closed, or one for each time, the last for all
   * further ones. EHLO is unknown unless it is here. */
  readonly replies?: Readonly<Record<string, string | readonly string[]>>;
  /** Before each reply. */
  readonly delayMs?: number;
  /** Certificate and key: STARTTLS is understood then. */
  readonly pem?: string;
  /** Closes when so many bytes have come in a session. */
  readonly dropAfterBytes?: number;
  /** Asks for certificates of clients. */
  readonly requestCert?: boolean;
  /** TLS from the first byte. */
  readonly implicitTls?: boolean;
}

/** One line, or one message, of a session. */
export interface SinkEvent {
  readonly client?: string;
  readonly sink?: string;
  readonly closed?: true;
}

/** A session, Latin-1. */
export interface SinkSession {
  readonly events: SinkEvent[];
  /** The name asked for in TLS, and the common name of the client's certificate; undefined without TLS. */
  tls?: { servername: string; clientName: string | undefined; protocol: string | null };
}

export interface Sink {
  readonly ip: string;
  readonly port: number;
  readonly sessions: readonly SinkSession[];
  /** The messages that came in, without dots and end mark, as on the wire. */
  messages(): string[];
  /** What clients said, a line each, without messages. */
  commands(): string[];
  stop(): Promise<void>;
}

const usual: Readonly<Record<string, string>> = { EHLO: '502 unknown\r\n', DATA: '354 go\r\n', QUIT: '221 bye\r\n' };

export async function startSink(options: SinkOptions = {}): Promise<Sink> {
  const ip = options.ip ?? '127.0.0.1';
  const sessions: SinkSession[] = [];
  const sockets = new Set<net.Socket>();
  const counts = new Map<string, number>();
  const server = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    const session: SinkSession = { events: [] };
    sessions.push(session);
    if (options.implicitTls) new Talk(encrypt(socket, options, session), options, session, counts).start();
    else new Talk(socket, options, session, counts).start();
  });
  server.listen(options.port ?? 0, ip);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const said = (): string[] => sessions.flatMap(({ events }) => events.flatMap(({ client }) => client ?? []));
  const isMessage = (text: string): boolean => text.endsWith('\r\n.\r\n') || text === '.\r\n';
  return {
    ip,
    port: address.port,
    sessions,
    messages: () =>
      said()
        .filter(isMessage)
        .map((text) => text.slice(0, -3)),
    commands: () =>
      said()
        .filter((text) => !isMessage(text))
        .map((text) => text.trimEnd()),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}

function encrypt(socket: net.Socket, { pem, requestCert = false }: SinkOptions, session: SinkSession): tls.TLSSocket {
  const secure = new tls.TLSSocket(socket, {
    isServer: true,
    secureContext: tls.createSecureContext({ cert: pem, key: pem }),
    requestCert,
    rejectUnauthorized: false,
    SNICallback: (_name, done) => done(null),
  });
  secure.on('error', () => {});
  secure.on('secure', () => {
    const name: unknown = Reflect.get(secure, 'servername');
    const subject = secure.getPeerCertificate()?.subject?.CN;
    session.tls = {
      servername: typeof name === 'string' ? name : '',
      clientName: Array.isArray(subject) ? subject[0] : subject,
      protocol: secure.getProtocol(),
    };
  });
  return secure;
}

class Talk {
  #socket: net.Socket;
  readonly #options: SinkOptions;
  readonly #session: SinkSession;
  readonly #counts: Map<string, number>;
  #input = '';
  #bytes = 0;
  #isInData = false;
  #work: Promise<void> = Promise.resolve();

  constructor(socket: net.Socket, options: SinkOptions, session: SinkSession, counts: Map<string, number>) {
    this.#socket = socket;
    this.#options = options;
    this.#session = session;
    this.#counts = counts;
  }

  start(): void {
    this.#listen();
    this.#later(() => this.#say(this.#options.greeting ?? '220 sink.example ESMTP\r\n'));
  }

  #listen(): void {
    this.#socket.on('data', this.#onData);
    this.#socket.on('close', this.#onClose);
  }

  #onClose = (): void => void this.#session.events.push({ closed: true });

  #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    const { dropAfterBytes = Number.POSITIVE_INFINITY } = this.#options;
    if (this.#bytes >= dropAfterBytes) return void this.#socket.destroy();
    this.#input += chunk.toString('latin1');
    this.#later(() => this.#take());
  };

  #later(act: () => Promise<void>): void {
    this.#work = this.#work.then(act);
  }

  async #take(): Promise<void> {
    for (let unit = this.#next(); unit !== undefined; unit = this.#next()) {
      this.#session.events.push({ client: unit });
      if (this.#isInData) {
        this.#isInData = false;
        await this.#answer('.', '250 ok\r\n');
      } else await this.#command(unit);
    }
  }

  /** The next line, or the message with its end mark. */
  #next(): string | undefined {
    const mark = this.#isInData ? '\r\n.\r\n' : '\n';
    const isEmptyMessage = this.#isInData && this.#input.startsWith('.\r\n');
    const found = isEmptyMessage ? 0 : this.#input.indexOf(mark);
    if (found < 0) return undefined;
    const end = isEmptyMessage ? 3 : found + mark.length;
    const unit = this.#input.slice(0, end);
    this.#input = this.#input.slice(end);
    return unit;
  }

  async #command(line: string): Promise<void> {
    const verb = (/^[A-Za-z]*/.exec(line)?.[0] ?? '').toUpperCase();
    if (verb === 'STARTTLS' && this.#options.pem !== undefined && this.#options.replies?.STARTTLS === undefined)
      return this.#startTls();
    const reply = await this.#answer(verb, usual[verb] ?? '250 ok\r\n');
    if (verb === 'DATA' && reply.startsWith('354')) this.#isInData = true;
    if (verb === 'QUIT') this.#socket.end();
  }

  async #startTls(): Promise<void> {
    const plain = this.#socket;
    plain.off('data', this.#onData).off('close', this.#onClose);
    await this.#say('220 go\r\n');
    this.#socket = encrypt(plain, this.#options, this.#session);
    this.#listen();
  }

  async #answer(verb: string, otherwise: string): Promise<string> {
    const told = this.#options.replies?.[verb];
    const count = this.#counts.get(verb) ?? 0;
    this.#counts.set(verb, count + 1);
    const reply = typeof told === 'string' ? told : (told?.[Math.min(count, told.length - 1)] ?? otherwise);
    await this.#say(reply);
    return reply;
  }

  async #say(reply: string): Promise<void> {
    if (this.#options.delayMs !== undefined) await sleep(this.#options.delayMs);
    if (reply === 'DROP') return void this.#socket.destroy();
    if (reply === '') return;
    if (reply.startsWith('CUT ')) return void this.#socket.end(reply.slice(4), 'latin1');
    this.#session.events.push({ sink: reply });
    this.#socket.write(reply, 'latin1');
  }
}
