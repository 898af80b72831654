// The system's log: one datagram to /dev/log for each line, as syslog(3) sends it with openlog(ident, LOG_PID, LOG_MAIL). fail2ban filters read vpopmail's lines there.
//
//   <21>Nov 24 02:20:51 vpopmail[31]: vchkpw-pop3: password fail joe@example.jp:192.0.2.9
//
// node has no such sockets, so the C library is asked through koffi. Without it, or when nobody listens, the line is lost: a log never stops a login. The time is
// this zone's. A socket is opened for the first line and closed with the process.

import { loadKoffi } from './koffi.js';

/** Sends lines. Nothing is thrown. */
export interface SystemLog {
  /** Facility mail, priority notice. Latin-1, one line. */
  notice(text: string): void;
}

/** `<21>` is facility mail (2) times eight and priority notice (5). */
const mailNotice = 2 * 8 + 5;

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** @param ident who says it, such as `vpopmail` @param path the log's socket */
export function openSystemLog(ident: string, path = '/dev/log'): SystemLog {
  let send: ((datagram: Buffer) => void) | undefined;
  return {
    notice(text) {
      send ??= connect(path);
      send(Buffer.from(datagramText(ident, text, new Date()), 'latin1'));
    },
  };
}

/** RFC 3164 4.1, without the host name, as the C library leaves it out. */
function datagramText(ident: string, text: string, now: Date): string {
  const day = String(now.getDate()).padStart(2, ' ');
  const clock = [now.getHours(), now.getMinutes(), now.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
  return `<${mailNotice}>${months[now.getMonth()]} ${day} ${clock} ${ident}[${process.pid}]: ${text}`;
}

// <sys/socket.h> of Linux and the BSDs.
const unixFamily = 1;
const datagram = 2;

function connect(path: string): (bytes: Buffer) => void {
  try {
    const koffi = loadKoffi();
    const library = koffi.load(null);
    const socket: (family: number, type: number, protocol: number) => number = library.func('socket', 'int', [
      'int',
      'int',
      'int',
    ]);
    const connectTo: (fd: number, address: Buffer, length: number) => number = library.func('connect', 'int', [
      'int',
      'void *',
      'uint32',
    ]);
    const send: (fd: number, bytes: Buffer, length: number, flags: number) => number = library.func('send', 'intptr', [
      'int',
      'void *',
      'size_t',
      'int',
    ]);
    const fd = socket(unixFamily, datagram | closeOnExec, 0);
    const address = socketAddress(path);
    if (fd < 0 || connectTo(fd, address, address.length) !== 0) return () => {};
    // Without waiting: a log that is full loses the line, as a stuck one must not hold up logins.
    return (bytes) => void send(fd, bytes, bytes.length, doNotWait);
  } catch {
    return () => {};
  }
}

const closeOnExec = process.platform === 'linux' ? 0o2000000 : 0;
const doNotWait = process.platform === 'linux' ? 0x40 : 0x80;

/** struct sockaddr_un: the family, on the BSDs behind a length byte, and the path. */
function socketAddress(path: string): Buffer {
  const address = Buffer.alloc(2 + 108);
  if (process.platform === 'linux') address.writeUInt16LE(unixFamily, 0);
  else address.set([address.length, unixFamily]);
  address.write(path, 2, 107, 'latin1');
  return address;
}
