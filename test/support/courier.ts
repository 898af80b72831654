// Debian's Courier as a POP3 or IMAP server for tests. Its packages cannot be installed beside Dovecot; .ci/run unpacks them. Its login programs ask a daemon at a place that is compiled in,
// so the login is done here, and the session by the real `imapd` or `courierpop3d`, on the Maildir, as its owner. Needs root.

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { DovecotAccount } from './dovecot.js';

const place = '/opt/vqmail-receivers';

export const courierPrograms = [`${place}/usr/bin/imapd`, `${place}/usr/lib/courier/courier/courierpop3d`];

const capabilities = 'IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE';

/** Starts it and gives the port. It ends with the test. */
export async function startCourier(
  t: TestContext,
  account: DovecotAccount,
  protocol: 'pop3' | 'imap',
): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    (protocol === 'imap' ? logInToImap : logInToPop3)(socket, account);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}

function logInToImap(socket: net.Socket, account: DovecotAccount): void {
  socket.write(`* OK [CAPABILITY ${capabilities}] Courier-IMAP ready.\r\n`);
  onLines(
    socket,
    (line) => {
      const [tag = '', command = '', user = '', password = ''] = line.split(' ').map((word) => word.replace(/"/g, ''));
      if (command.toUpperCase() === 'CAPABILITY')
        socket.write(`* CAPABILITY ${capabilities}\r\n${tag} OK CAPABILITY completed\r\n`);
      else if (command.toUpperCase() === 'LOGIN' && user === account.user && password === account.password) {
        socket.write(`${tag} OK LOGIN Ok.\r\n`);
        return true;
      } else socket.write(`${tag} NO Login failed.\r\n`);
      return false;
    },
    () => startSession(socket, account, 'imap'),
  );
}

function logInToPop3(socket: net.Socket, account: DovecotAccount): void {
  let user = '';
  socket.write('+OK Hello there.\r\n');
  onLines(
    socket,
    (line) => {
      const [command = '', argument = ''] = line.split(' ');
      if (command === 'USER') {
        user = argument;
        socket.write('+OK Password required.\r\n');
        return false;
      }
      const isRight = command === 'PASS' && user === account.user && argument === account.password;
      if (!isRight) socket.write('-ERR Login failed.\r\n');
      return isRight;
    },
    () => startSession(socket, account, 'pop3'),
  );
}

/** Gives lines until one is the last. */
function onLines(socket: net.Socket, take: (line: string) => boolean, done: () => void): void {
  let text = '';
  const read = (piece: Buffer): void => {
    text += piece.toString('latin1');
    for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
      const line = text.slice(0, end);
      text = text.slice(end + 2);
      if (!take(line)) continue;
      socket.off('data', read).pause();
      done();
      return;
    }
  };
  socket.on('data', read);
}

function startSession(
  socket: net.Socket,
  { maildir, user, uid, gid }: DovecotAccount,
  protocol: 'pop3' | 'imap',
): void {
  const libraries = readdirSync(`${place}/usr/lib`).find((name) => name.endsWith('-linux-gnu')) ?? '';
  const [program = ''] = courierPrograms.filter((name) => name.includes('pop3') === (protocol === 'pop3'));
  const child = spawn(program, [maildir], {
    stdio: ['pipe', 'pipe', 'ignore'],
    ...(process.getuid?.() === 0 ? { uid, gid } : {}),
    env: {
      HOME: path.dirname(maildir),
      AUTHENTICATED: user,
      AUTHADDR: user,
      LD_LIBRARY_PATH: `${place}/usr/lib/${libraries}`,
      TZ: 'UTC',
      IMAP_CAPABILITY: capabilities,
      IMAP_KEYWORDS: '1',
      IMAP_CHECK_ALL_FOLDERS: '0',
      IMAP_USELOCKS: '0',
      IMAP_ENHANCEDIDLE: '0',
    },
  });
  // imapd greets as if nobody had logged in; that is for nobody.
  let greeting = protocol === 'imap' ? '' : undefined;
  child.stdout.on('data', (piece: Buffer) => {
    if (greeting === undefined) return void socket.write(piece);
    greeting += piece.toString('latin1');
    const end = /^\* PREAUTH .*\r\n/m.exec(greeting);
    if (end === null) return;
    socket.write(Buffer.from(greeting.slice(end.index + end[0].length), 'latin1'));
    greeting = undefined;
  });
  child.stdin.on('error', () => {});
  child.once('error', () => socket.destroy());
  child.once('close', () => socket.end());
  socket.pipe(child.stdin);
  socket.once('close', () => child.kill('SIGTERM'));
}
