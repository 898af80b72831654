// Stands between an IMAP client and a server, on loopback without TLS, and does what busy servers and bad lines do.

import net from 'node:net';
import type { TestContext } from 'node:test';

/** For a command: it passes; it is answered by us with this text; the connection ends before it, with a BYE, or as soon as the server has answered. */
export type ProxyAct = 'pass' | 'cut' | 'pass, cut the answer' | `NO ${string}` | `BYE ${string}`;

export interface ProxyOptions {
  /** What a connection is greeted with instead of the server's greeting, and ended; they count from 1. */
  readonly greet?: (connection: number) => `BYE ${string}` | undefined;
  /** What the client gets instead of what the server has answered. */
  readonly rewrite?: (answer: string) => string;
}

/** @param decide is asked about each line of a client @returns the port */
export async function imapProxy(
  t: TestContext,
  port: number,
  decide: (command: string) => ProxyAct,
  { greet, rewrite }: ProxyOptions = {},
): Promise<number> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const listener = net.createServer((client) => {
    const greeting = greet?.(++connections);
    if (greeting !== undefined) {
      client.on('error', () => {}).end(`* ${greeting}\r\n`);
      return;
    }
    const server = net.connect(port, '127.0.0.1');
    let cutAnswer: string | undefined;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
    }
    client.on('data', (chunk: Buffer) => {
      const line = chunk.toString('latin1');
      const act = decide(line);
      const tag = line.split(' ')[0] ?? '';
      if (act === 'cut') client.destroy();
      else if (act.startsWith('NO')) client.write(`${tag} ${act}\r\n`);
      else if (act.startsWith('BYE')) client.end(`* ${act}\r\n`);
      else {
        if (act === 'pass, cut the answer') cutAnswer = tag;
        server.write(chunk);
      }
    });
    server.on('data', (chunk: Buffer) => {
      if (cutAnswer !== undefined && chunk.toString('latin1').includes(`${cutAnswer} OK`)) client.destroy();
      else client.write(rewrite === undefined ? chunk : Buffer.from(rewrite(chunk.toString('latin1')), 'latin1'));
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const address = listener.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
