// A stand-in for spamd on a free port of loopback (SPAMC protocol 1.5): what has the word `viagra` in it is spam.
//
//   PROCESS SPAMC/1.5\r\nContent-length: 85\r\nUser: u0@example.jp\r\n\r\n...       SPAMD/1.1 0 EX_OK\r\nContent-length: 140\r\nSpam: True ; 15.0 / 5.0\r\n\r\n...
//   CHECK: the same answer without a message

import { once } from 'node:events';
import net from 'node:net';

export interface Spamd {
  readonly port: number;
  /** For whom it was asked. */
  readonly users: readonly string[];
  stop(): void;
}

export async function startSpamd(): Promise<Spamd> {
  const users: string[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const pieces: Buffer[] = [];
    socket
      .on('error', () => {})
      .on('data', (piece: Buffer) => pieces.push(piece))
      .on('end', () => {
        const request = Buffer.concat(pieces).toString('latin1');
        const end = request.indexOf('\r\n\r\n');
        const head = request.slice(0, end);
        users.push(/^User: (.*)$/m.exec(head)?.[1]?.trim() ?? '');
        socket.end(answer(head, request.slice(end + 4)), 'latin1');
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    users,
    stop: () => void server.close(),
  };
}

function answer(head: string, message: string): string {
  const isSpam = message.includes('viagra');
  const verdict = isSpam ? 'Spam: True ; 15.0 / 5.0' : 'Spam: False ; 1.0 / 5.0';
  const marks = isSpam ? 'X-Spam-Flag: YES\nX-Spam-Status: Yes, score=15.0\n' : 'X-Spam-Status: No, score=1.0\n';
  const body = head.startsWith('CHECK') ? '' : `${marks}${message}`;
  return `SPAMD/1.1 0 EX_OK\r\nContent-length: ${body.length}\r\n${verdict}\r\n\r\n${body}`;
}
