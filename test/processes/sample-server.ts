// The sample host of the demo as a tree with its owners, a `vqmail serve` on it, and a client that talks line by line.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildTree, type Entry, fixtures, newRoot, removeRoot } from '../support/recording.js';
import { type StartedServer, startServer } from '../support/started-server.js';

export type Tree = Record<string, Entry>;

export function sampleTree(): Tree {
  const file = path.join(fixtures, 'sample-host/host.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { before: Tree }).before;
}

/** Serves the sample host, changed by `change`, on free ports until the test ends. */
export async function startSampleHost(
  t: TestContext,
  options: readonly string[],
  change: (tree: Tree) => void = () => {},
): Promise<{ server: StartedServer; root: string }> {
  const tree = sampleTree();
  change(tree);
  const root = newRoot('vqmail-processes');
  t.after(() => removeRoot(root));
  buildTree(tree, root);
  const listen = ['--listen', 'smtp=127.0.0.1:0', '--listen', 'pop3=127.0.0.1:0'];
  const server = await startServer(['--root', root, ...listen, ...options]);
  t.after(async () => {
    if (server.process.exitCode === null && server.process.signalCode === null) await server.stop('SIGKILL');
  });
  return { server, root };
}

/** Waits until something holds; gives up after a minute. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error(`never happened: ${holds}`);
}

/** A client of a protocol with one-line answers. */
export class TextClient {
  readonly #socket: net.Socket;
  readonly ended: Promise<void>;
  greeting = '';
  #text = '';

  /** Of a connection that is there; nothing of it has been read. */
  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()));
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        this.#text += chunk.toString('latin1');
      });
  }

  /** Connects and reads the greeting. @param from the client's address */
  static async open(port: number | undefined, from = '127.0.0.1'): Promise<TextClient> {
    const socket = net.connect({ host: '127.0.0.1', port: port ?? 0, localAddress: from });
    await once(socket, 'connect');
    const client = new TextClient(socket);
    client.greeting = await client.line();
    return client;
  }

  /** Sends a command and gives the answer's last line. */
  async ask(command: string): Promise<string> {
    this.#socket.write(`${command}\r\n`);
    for (;;) {
      const line = await this.line();
      if (!/^\d{3}-/.test(line)) return line;
    }
  }

  send(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  async line(): Promise<string> {
    await until(() => this.#text.includes('\r\n') || this.#socket.destroyed);
    const end = this.#text.indexOf('\r\n');
    if (end < 0) throw new Error(`connection closed, left: ${this.#text}`);
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    return line;
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
