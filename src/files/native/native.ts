// Calls into the C library that node does not offer, through koffi: locks, pipes and the account database. Loaded at the first use, since most commands need none of
// it, and a machine without the prebuilt library must still be able to run those.
//
// Struct layouts are those of 64-bit Linux. Elsewhere `cLibrary()` is undefined, and who calls it falls back or says so.

import { loadKoffi } from './koffi.js';

/** What is used of a `struct passwd` and a `struct group`. */
export interface NativeUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}
export interface NativeGroup {
  readonly name: string;
  readonly gid: number;
}

/** The result of a call that sets errno: 0 for success, else the errno. */
export interface CLibrary {
  readonly errno: { readonly EAGAIN: number; readonly EACCES: number; readonly ENOLCK: number };
  /** An exclusive open file description lock on the whole file, without waiting. */
  lockRecord(fd: number): number;
  /** An exclusive flock, without waiting. */
  lockWhole(fd: number): number;
  /** @throws Error when the database could not be asked */
  userByName(name: string): NativeUser | undefined;
  userById(uid: number): NativeUser | undefined;
  groupByName(name: string): NativeGroup | undefined;
  groupById(gid: number): NativeGroup | undefined;
  /** The group and all supplementary groups of an account. */
  groupsOf(name: string, gid: number): number[];
  /** A pipe whose ends no program that is started inherits; undefined when there can be none. */
  pipe(): { readonly readFd: number; readonly writeFd: number } | undefined;
  /** A file in memory that no program that is started inherits (memfd_create(2)); undefined when there can be none. */
  memoryFile(): number | undefined;
  /** Who is at the other end of a connected unix socket: as whom it was when it connected; undefined when the system does not say. */
  peerOf(fd: number): NativePeer | undefined;
}

/** What is used of a `struct ucred`. */
export interface NativePeer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

type Koffi = typeof import('koffi');

let loaded: CLibrary | null | undefined;

/** The C library; undefined where it cannot be called. Bound once a process: binding costs milliseconds and cannot change. */
export function cLibrary(): CLibrary | undefined {
  if (loaded === undefined) loaded = load();
  return loaded ?? undefined;
}

function load(): CLibrary | null {
  if (process.platform !== 'linux' || !['x64', 'arm64', 'riscv64', 'loong64', 'ppc64'].includes(process.arch))
    return null;
  try {
    return bind(loadKoffi());
  } catch {
    return null;
  }
}

// <fcntl.h> and <sys/file.h> of Linux.
const setOpenFileDescriptionLock = 37;
const writeLock = 1;
const lockExclusiveNonBlocking = 2 | 4;
// <fcntl.h>: O_CLOEXEC
const closeOnExec = 0o2000000;
// <sys/mman.h>: MFD_CLOEXEC
const closeMemoryOnExec = 1;
// <sys/socket.h>: SOL_SOCKET and SO_PEERCRED.
const socketLevel = 1;
const peerCredentials = 17;
/** errno values that the account functions set for "no such entry" (getpwnam(3)). */
const noEntry: ReadonlySet<string> = new Set(['ENOENT', 'ESRCH', 'EBADF', 'EPERM']);

function bind(koffi: Koffi): CLibrary {
  const library = koffi.load(null);
  const flockStruct = koffi.struct({ type: 'int16', whence: 'int16', start: 'int64', len: 'int64', pid: 'int32' });
  const passwd = koffi.struct({
    name: 'char *',
    passwd: 'char *',
    uid: 'uint32',
    gid: 'uint32',
    gecos: 'char *',
    home: 'char *',
    shell: 'char *',
  });
  const group = koffi.struct({ name: 'char *', passwd: 'char *', gid: 'uint32', members: 'void *' });
  const fcntl: (fd: number, command: number, type: unknown, lock: object) => number = library.func('fcntl', 'int', [
    'int',
    'int',
    '...',
  ]);
  const flock: (fd: number, operation: number) => number = library.func('flock', 'int', ['int', 'int']);
  const getGroupList: (name: string, gid: number, groups: Uint32Array, count: [number]) => number = library.func(
    'getgrouplist',
    'int',
    ['str', 'uint32', koffi.pointer('uint32'), koffi.inout(koffi.pointer('int'))],
  );

  const pipe2: (fds: number[], flags: number) => number = library.func('pipe2', 'int', [
    koffi.out(koffi.pointer('int')),
    'int',
  ]);
  const memfdCreate: (name: string, flags: number) => number = library.func('memfd_create', 'int', ['str', 'uint32']);
  const ucred = koffi.struct({ pid: 'int32', uid: 'uint32', gid: 'uint32' });
  const getsockopt: (fd: number, level: number, name: number, value: object, length: [number]) => number = library.func(
    'getsockopt',
    'int',
    ['int', 'int', 'int', koffi.out(koffi.pointer(ucred)), koffi.inout(koffi.pointer('uint32'))],
  );

  const codes = koffi.os.errno as Record<string, number>;
  const nameOf = (code: number): string => Object.keys(codes).find((name) => codes[name] === code) ?? String(code);
  const status = (result: number): number => (result === 0 ? 0 : koffi.errno());

  function entry<Argument, Entry>(
    name: string,
    argument: string,
    type: ReturnType<Koffi['struct']>,
    pick: (decoded: Entry) => Entry,
  ): (value: Argument) => Entry | undefined {
    const call: (value: Argument) => unknown = library.func(name, koffi.pointer(type), [argument]);
    return (value) => {
      koffi.errno(0);
      const pointer = call(value);
      if (pointer !== null) return pick(koffi.decode(pointer, type) as Entry);
      const code = koffi.errno();
      if (code === 0 || noEntry.has(nameOf(code))) return undefined;
      throw Object.assign(new Error(`${nameOf(code)}: ${name} ${String(value)}`), { code: nameOf(code) });
    };
  }
  const user = ({ name, uid, gid, home }: NativeUser): NativeUser => ({ name, uid, gid, home });
  const groupOf = ({ name, gid }: NativeGroup): NativeGroup => ({ name, gid });
  const lock = { type: writeLock, whence: 0, start: 0, len: 0, pid: 0 };
  return {
    errno: { EAGAIN: codes.EAGAIN ?? 11, EACCES: codes.EACCES ?? 13, ENOLCK: codes.ENOLCK ?? 37 },
    lockRecord: (fd) => status(fcntl(fd, setOpenFileDescriptionLock, koffi.pointer(flockStruct), lock)),
    lockWhole: (fd) => status(flock(fd, lockExclusiveNonBlocking)),
    userByName: entry<string, NativeUser>('getpwnam', 'str', passwd, user),
    userById: entry<number, NativeUser>('getpwuid', 'uint32', passwd, user),
    groupByName: entry<string, NativeGroup>('getgrnam', 'str', group, groupOf),
    groupById: entry<number, NativeGroup>('getgrgid', 'uint32', group, groupOf),
    groupsOf: (name, gid) => {
      for (let size = 64; ; size *= 4) {
        const groups = new Uint32Array(size);
        const count: [number] = [size];
        if (getGroupList(name, gid, groups, count) >= 0 || size > 100_000) return [...groups.subarray(0, count[0])];
      }
    },
    pipe: () => {
      const fds = [-1, -1];
      const isMade = pipe2(fds, closeOnExec) === 0;
      const [readFd = -1, writeFd = -1] = fds;
      return isMade ? { readFd, writeFd } : undefined;
    },
    memoryFile: () => {
      const fd = memfdCreate('message', closeMemoryOnExec);
      return fd < 0 ? undefined : fd;
    },
    peerOf: (fd) => {
      const peer: { pid?: number; uid?: number; gid?: number } = {};
      if (getsockopt(fd, socketLevel, peerCredentials, peer, [koffi.sizeof(ucred)]) !== 0) return undefined;
      const { pid, uid, gid } = peer;
      return pid === undefined || uid === undefined || gid === undefined ? undefined : { pid, uid, gid };
    },
  };
}
