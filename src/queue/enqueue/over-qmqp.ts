// Queueing on a queue host by QMQP, as qmail-qmqpc does it (formats/qmail.md 2.8): the hosts of control/qmqpservers in their order, the first that can be connected to gets the
// message, and its answer counts. Many hosts that keep nothing may stand in front of a few that do.
//
//   connecting      10 seconds for each host, then the next one; none left: exit 73, or 72 when the last one did not answer
//   talking         60 seconds for each read or write; whatever breaks then ends it with exit 74: the message may have been taken
//   K, Z, D         queued; exit 71; exit 31; any other answer is no QMQP: exit 74
//
// An entry is an IPv4 address, as for qmail-qmqpc, whatever stands behind it (a CR, say); beyond that an IPv6 address in [ ], and a port other than 628 behind a colon. Other entries are
// passed over, as it does.
// The length of a message stands in front of it, so the message is kept until it is whole (files/spool).

import type net from 'node:net';
import { isIPv4, isIPv6 } from 'node:net';
import { Spool } from '../../files/spool.js';
import type { Envelope } from '../../formats/queue/queue-envelope.js';
import { dial, UnreachedError } from '../../net/dial.js';
import { NetstringDecoder } from '../../protocols/netstring.js';
import { encodeQmqpFrame } from '../../protocols/qmqp.js';
import type { EnqueueingMessage, Enqueuer } from './enqueuer.js';
import { queueError } from './exit-codes.js';

export interface QmqpOptions {
  /** The entries of control/qmqpservers at this moment. @throws TemporaryError when they cannot be read */
  readonly servers: () => readonly string[];
  readonly connectTimeoutMs?: number;
  readonly ioTimeoutMs?: number;
}

interface Server {
  readonly ip: string;
  readonly port: number;
}

const qmqpPort = 628;
const longestAnswer = 1000;

export function qmqpEnqueuer(options: QmqpOptions): Enqueuer {
  return { begin: () => new QmqpMessage(options) };
}

/** The address that an entry names; undefined for one that names none. */
export function parseQmqpServer(entry: string): Server | undefined {
  const [, six, four, port] = /^(?:\[([^\]]+)\]|(\d+(?:\.\d+){3}))(?::(\d{1,5})\r?$|(?!:))/.exec(entry) ?? [];
  const ip = six ?? four;
  if (ip === undefined || !(six === undefined ? isIPv4(ip) : isIPv6(ip))) return undefined;
  return { ip, port: port === undefined ? qmqpPort : Number(port) };
}

class QmqpMessage implements EnqueueingMessage {
  readonly #options: QmqpOptions;
  readonly #spool = new Spool();
  #failure: unknown;

  constructor(options: QmqpOptions) {
    this.#options = options;
  }

  write(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    try {
      this.#spool.write(chunk);
    } catch (error) {
      this.#failure = error;
    }
  }

  async commit(envelope: Envelope): Promise<number> {
    try {
      if (this.#failure !== undefined) throw queueError(54, '', this.#failure);
      const socket = await this.#connect();
      return numberIn(await this.#exchange(socket, envelope));
    } finally {
      this.#spool.discard();
    }
  }

  async abort(): Promise<void> {
    this.#spool.discard();
  }

  async #connect(): Promise<net.Socket> {
    // What qmail-qmqpc ends with when there is no host to connect to.
    let last = queueError(55, '', new Error('control/qmqpservers names no host'));
    for (const entry of this.#options.servers()) {
      const server = parseQmqpServer(entry);
      if (server === undefined) continue;
      try {
        return await dial({ ...server, timeoutMs: this.#options.connectTimeoutMs ?? 10_000 });
      } catch (error) {
        if (!(error instanceof UnreachedError)) throw error;
        last = queueError(error.timedOut ? 72 : 73, '', new Error(entry, { cause: error }));
      }
    }
    throw last;
  }

  /** @returns the answer of the host, which begins with K */
  async #exchange(socket: net.Socket, { sender, recipients }: Envelope): Promise<string> {
    const { before, behind } = encodeQmqpFrame(this.#spool.sizeBytes, sender, recipients);
    const conversation = new Conversation(socket, this.#options.ioTimeoutMs ?? 60_000);
    let answer: string;
    try {
      await conversation.send(before);
      for (const piece of this.#spool.pieces()) await conversation.send(piece);
      await conversation.send(behind);
      answer = await conversation.answer();
    } catch (error) {
      throw queueError(74, '', error);
    } finally {
      socket.destroy();
    }
    const letter = answer.charAt(0);
    if (letter === 'K') return answer;
    throw queueError(letter === 'D' ? 31 : letter === 'Z' ? 71 : 74, '', new Error(answer));
  }
}

/** The number that the queue host gave; without one, this process's. */
function numberIn(answer: string): number {
  const [, number] = / qp (\d+)/.exec(answer) ?? [];
  return number === undefined ? process.pid : Number(number);
}

/** A connection with a time limit for each step. */
class Conversation {
  readonly #socket: net.Socket;
  readonly #decoder = new NetstringDecoder(longestAnswer);
  #failure: Error | undefined;
  #answer: string | undefined;
  #wake: () => void = () => {};

  constructor(socket: net.Socket, timeoutMs: number) {
    this.#socket = socket;
    const fail = (error: Error): void => {
      this.#failure ??= error;
      socket.destroy();
      this.#wake();
    };
    socket.setTimeout(timeoutMs, () => fail(new Error('timed out')));
    socket.on('error', fail).on('close', () => fail(new Error('the connection was closed')));
    socket.on('drain', () => this.#wake());
    socket.on('data', (chunk: Buffer) => {
      try {
        this.#decoder.push(chunk);
        this.#answer ??= this.#decoder.next()?.toString('latin1');
        if (this.#answer !== undefined) this.#wake();
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    socket.resume();
  }

  async send(bytes: Buffer): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    // A host that has answered already reads no more.
    if (this.#answer !== undefined || this.#socket.write(bytes)) return;
    await this.#until(() => this.#answer !== undefined || !this.#socket.writableNeedDrain);
  }

  async answer(): Promise<string> {
    await this.#until(() => this.#answer !== undefined);
    return this.#answer ?? '';
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
