// A unix socket to listen at: its place in the file system, its mode, and to whom it belongs.
//
//   unix:/var/spool/postfix/vqmail/postmap,mode=0660,group=postfix
//
// A socket stays behind when its program is killed, and then nobody can listen there. It is removed when nobody answers at it; one that somebody listens at, and
// anything that is no socket, stays. A directory that is missing (below /run after a boot) is made, that one alone, open for all to enter: the socket's own mode says who may connect.

import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { errnoOf } from '../errors.js';

/** Who may connect: the mode of the socket, and the names of its user and group where they are not the process's own. */
export interface SocketAccess {
  readonly mode?: number;
  readonly user?: string;
  readonly group?: string;
}

/** Whose the socket becomes; a number for each that is not to stay as it is. */
export interface SocketOwner {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** The longest path that the kernel takes (sun_path). */
const longestPath = 107;

/**
 * Reads `PATH[,mode=0660][,user=NAME][,group=NAME]`. A comma before anything else belongs to the path.
 * @throws Error that says what is wrong
 */
export function parseSocketPlace(text: string): { readonly path: string; readonly access: SocketAccess } {
  const access: { mode?: number; user?: string; group?: string } = {};
  let rest = text;
  for (;;) {
    const [whole = '', before = '', key, value = ''] = /^(.*),(mode|user|group)=([^,]*)$/s.exec(rest) ?? [];
    if (whole === '') break;
    if (value === '') throw new Error(`${key}= needs a value`);
    if (key === 'mode') access.mode = parseMode(value);
    else if (key === 'user') access.user = value;
    else access.group = value;
    rest = before;
  }
  if (rest === '') throw new Error('a path is needed after unix:');
  if (!/^[ -~]+$/.test(rest)) throw new Error('a path of a socket is written in ASCII');
  if (rest.length > longestPath) throw new Error(`a path of a socket has at most ${longestPath} bytes`);
  return { path: rest, access };
}

function parseMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new Error(`mode=${text} is no mode such as 0660`);
  return Number.parseInt(text, 8);
}

/**
 * Makes room for a socket: its directory is there, and no dead socket stands in its place.
 * @throws the system error; EADDRINUSE when somebody listens there or it is no socket
 */
export async function makeRoom(socketPath: string): Promise<void> {
  const directory = path.dirname(socketPath);
  if (!fs.existsSync(directory)) fs.mkdirSync(directory, { mode: 0o755 });
  const status = fs.lstatSync(socketPath, { throwIfNoEntry: false });
  // Something else than a socket is left for listen(2) to refuse.
  if (status?.isSocket() && (await isDead(socketPath))) fs.rmSync(socketPath, { force: true });
}

/** Whether nobody listens at a socket, or it has gone. */
export function isDead(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ path: socketPath });
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(['ECONNREFUSED', 'ENOENT'].includes(errnoOf(error) ?? '')));
  });
}

/**
 * The sockets that processes of one kind have beside each other: `place`, a dot, and a word of each. Those of processes that were killed are removed.
 * @returns their paths @throws the system error when the directory cannot be read
 */
export async function livingBeside(place: string): Promise<string[]> {
  const directory = path.dirname(place);
  const living: string[] = [];
  for (const name of fs.readdirSync(directory)) {
    if (!name.startsWith(`${path.basename(place)}.`)) continue;
    const file = path.join(directory, name);
    if (await isDead(file)) fs.rmSync(file, { force: true });
    else living.push(file);
  }
  return living;
}

/**
 * Listens at a path.
 * @throws the system error when it cannot be given to its owner; that it cannot be made is told by the server's `error` event
 */
export function listenAtPath(
  server: net.Server,
  at: { readonly path: string },
  mode: number,
  owner: SocketOwner,
): void {
  makeSocketFile(at.path, mode, owner, () => {
    server.listen({ path: at.path, backlog: 4096 });
    return server.listening;
  });
}

/**
 * Has a socket made by `make`. It has its mode from its first moment, or a stricter one until it has its owner.
 * @param make returns false when there is no socket
 * @throws what `make` throws, and the system error when it cannot be given to its owner
 */
export function makeSocketFile<T>(file: string, mode: number, owner: SocketOwner, make: () => T): T {
  const isGiven = owner.uid !== undefined || owner.gid !== undefined;
  const umask = process.umask(isGiven ? 0o177 : 0o777 & ~mode);
  let made: T;
  try {
    made = make();
  } finally {
    process.umask(umask);
  }
  if (made !== false && isGiven) {
    // -1 leaves it as it is.
    fs.chownSync(file, owner.uid ?? -1, owner.gid ?? -1);
    fs.chmodSync(file, mode);
  }
  return made;
}
