// The client side of SMTP for load: little work per message, the same for every server.
//
// MAIL, all RCPT and DATA go in one write when the server offers PIPELINING, else one by one (RFC 2920). The message is a buffer made
// once. A reply that is not the expected class ends the session with an error: a benchmark must not count refusals.

import net from 'node:net';

/** Where a server listens, and which loopback address the client comes from. */
export interface Endpoint {
  readonly port: number;
  readonly localAddress: string;
}

/** A waiting caller: so many replies of the class (`2` or `3`) each, in order. */
interface Waiting {
  readonly classes: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  done: number;
}

const endOfLine = 10;
const hyphen = 45;

export class SmtpClient {
  readonly #socket: net.Socket;
  #unfinishedLine = '';
  #waiting: Waiting | undefined;
  #failure: Error | undefined;
  #ehloLines: string[] = [];
  #pipelining = false;

  private constructor({ port, localAddress }: Endpoint) {
    this.#socket = net.connect({
      host: '127.0.0.1',
      port,
      localAddress,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(4096),
        callback: (length: number, bytes: Uint8Array): boolean => {
          this.#read(bytes, length);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** Connects, waits for the greeting and says EHLO. */
  static async connect(endpoint: Endpoint): Promise<SmtpClient> {
    const client = new SmtpClient(endpoint);
    await client.expect('2');
    client.#ehloLines = [];
    await client.send('EHLO client.bench.example\r\n', '2');
    client.#pipelining = client.#ehloLines.some((line) => /^250[- ]PIPELINING/i.test(line));
    return client;
  }

  /** Writes commands and waits for one reply of each class, such as `2223`. */
  async send(commands: string | Buffer, classes: string): Promise<void> {
    const replies = this.expect(classes);
    this.#socket.write(commands);
    await replies;
  }

  /** Sends commands that may go together, with the class of reply that each must have. */
  async sendGroup(commands: readonly string[], classes: string): Promise<void> {
    if (this.#pipelining) return this.send(commands.join(''), classes);
    for (const [index, command] of commands.entries()) await this.send(command, classes.charAt(index));
  }

  /** One mail transaction; resolves at the server's reply to the end of data. @param data with dots stuffed, ending in CRLF.CRLF */
  async deliver(sender: string, recipients: readonly string[], data: Buffer): Promise<void> {
    const commands = [
      `MAIL FROM:<${sender}>\r\n`,
      ...recipients.map((address) => `RCPT TO:<${address}>\r\n`),
      'DATA\r\n',
    ];
    await this.sendGroup(commands, `${'2'.repeat(recipients.length + 1)}3`);
    await this.send(data, '2');
  }

  async quit(): Promise<void> {
    await this.send('QUIT\r\n', '2');
    this.#socket.destroy();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  expect(classes: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure);
      else this.#waiting = { classes, resolve, reject, done: 0 };
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = undefined;
  }

  #read(bytes: Uint8Array, length: number): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, length);
    let start = 0;
    for (let end = text.indexOf(endOfLine); end !== -1; end = text.indexOf(endOfLine, start)) {
      this.#line(this.#unfinishedLine + text.toString('latin1', start, end));
      this.#unfinishedLine = '';
      start = end + 1;
    }
    this.#unfinishedLine += text.toString('latin1', start);
  }

  #line(line: string): void {
    if (!this.#pipelining) this.#ehloLines.push(line);
    if (line.charCodeAt(3) === hyphen) return;
    const waiting = this.#waiting;
    const expected = waiting?.classes.charAt(waiting.done++);
    if (waiting === undefined || line.charAt(0) !== expected) {
      this.#fail(new Error(`expected ${expected ?? 'no'} reply: ${line}`));
      return;
    }
    if (waiting.done < waiting.classes.length) return;
    this.#waiting = undefined;
    waiting.resolve();
  }
}

/** A message of about so many bytes on the wire, with header fields as real mail has them, ready to be sent after DATA. */
export function messageData(sizeBytes: number): Buffer {
  const header = [
    'Message-ID: <20261124020205.1@client.bench.example>',
    'Date: Tue, 24 Nov 2026 02:02:05 +0000',
    'From: Sender <sender@client.bench.example>',
    'To: Reader <reader@bench.example>',
    'Subject: a message of a benchmark',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    '',
  ].join('\r\n');
  const line = `${'The quick brown fox jumps over the lazy dog, and then once more, slowly. '.slice(0, 70)}\r\n`;
  const lines = Math.max(1, Math.round((sizeBytes - header.length - 3) / line.length));
  return Buffer.from(`${header}${line.repeat(lines)}.\r\n`, 'latin1');
}
