// Becoming another program: execve(2), which node does not offer, called through koffi. vchkpw is replaced by the mail server that it let somebody in to; the new program
// has its process id, its connection and nothing of node.
//
// What node has changed in a process is undone first, as far as a C program would not have changed it:
//   descriptors 0 to 2 and those that the caller opened    stay open (node sets close-on-exec on them); 0 to 2 wait again where node made them not to
//   node's own descriptors                                 close by themselves
//   SIGPIPE and other signals that node ignores            have their usual effect; none is blocked
//
// Arguments and environment are bytes: Latin-1 strings here. A name without a slash is looked for in the new environment's PATH, and a file that is no
// program is given to /bin/sh, both as execvp(3) does. Where koffi is missing, the program is started as a child, waited for, and its end becomes ours.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { errnoOf } from '../errors.js';
import { loadKoffi } from './native/koffi.js';

/** What to run: Latin-1 strings, the first argument is the program's name. */
export interface Program {
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Replaces this process. Returns only when that was not possible.
 * @returns the errno name, such as `ENOENT`; or the exit status of the program, where it could only be run as a child
 */
export async function replaceProcess(program: Program): Promise<{ failed: string } | { exitStatus: number }> {
  const library = execLibrary();
  if (library === undefined) return runChild(program);
  prepareDescriptors(library);
  for (let signal = 1; signal <= highestSignal; signal++) library.signal(signal, 0n);
  library.unblockSignals();
  return { failed: tryCandidates(program, library) };
}

/**
 * Whether a descriptor was open when this process began. node's own are event queues and pipes with both ends here, and have higher numbers than what was open before the
 * first of them. True where that cannot be told.
 */
export function isOpenedByCaller(fd: number): boolean {
  try {
    return openedByCaller().has(fd);
  } catch {
    return true;
  }
}

/** The environment that this process was started with, byte for byte; undefined where the system does not show it. */
export function initialEnvironment(): Record<string, string> | undefined {
  try {
    const entries = fs.readFileSync('/proc/self/environ', 'latin1').split('\0').slice(0, -1);
    return Object.fromEntries(
      entries.map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]),
    );
  } catch {
    return undefined;
  }
}

function openedByCaller(): Set<number> {
  const links = new Map<number, string>();
  for (const name of fs.readdirSync('/proc/self/fd')) {
    try {
      links.set(Number(name), fs.readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // That of the listing itself is gone by now.
    }
  }
  const ends = [...links.values()];
  const queues = [...links].filter(([, link]) => link.startsWith('anon_inode:')).map(([fd]) => fd);
  const firstOwn = Math.min(...queues);
  const isOurs = (fd: number, link: string): boolean =>
    fd >= firstOwn &&
    (link.startsWith('anon_inode:') || (link.startsWith('pipe:') && ends.filter((end) => end === link).length > 1));
  return new Set([...links].filter(([fd, link]) => !isOurs(fd, link)).map(([fd]) => fd));
}

const highestSignal = 31;

interface ExecLibrary {
  execve(path: Buffer, argv: Buffer, envp: Buffer): string;
  signal(number: number, disposition: bigint): void;
  unblockSignals(): void;
  /** fcntl F_GETFD, F_SETFD, F_GETFL, F_SETFL. */
  fcntl(fd: number, command: 1 | 2 | 3 | 4, value: number): number;
  addressOf(buffer: Buffer): bigint;
}

function execLibrary(): ExecLibrary | undefined {
  try {
    const koffi = loadKoffi();
    const library = koffi.load(null);
    const execve: (path: Buffer, argv: Buffer, envp: Buffer) => number = library.func('execve', 'int', [
      'void *',
      'void *',
      'void *',
    ]);
    const signal: (number: number, disposition: bigint) => unknown = library.func('signal', 'intptr', [
      'int',
      'intptr',
    ]);
    const sigprocmask: (how: number, set: Buffer, old: null) => number = library.func('sigprocmask', 'int', [
      'int',
      'void *',
      'void *',
    ]);
    const fcntl: (fd: number, command: number, type: string, value: number) => number = library.func('fcntl', 'int', [
      'int',
      'int',
      '...',
    ]);
    const codes = Object.entries(koffi.os.errno as Record<string, number>);
    return {
      execve(path, argv, envp) {
        execve(path, argv, envp);
        const code = koffi.errno();
        return codes.find(([, number]) => number === code)?.[0] ?? String(code);
      },
      signal: (number, disposition) => void signal(number, disposition),
      unblockSignals: () => void sigprocmask(os.platform() === 'linux' ? 2 : 3, Buffer.alloc(128), null),
      fcntl: (fd, command, value) => fcntl(fd, command, 'int', value),
      addressOf: (buffer) => koffi.address(buffer),
    };
  } catch {
    return undefined;
  }
}

const closeOnExec = 1;

/** Descriptor 3 is the checkpassword interface's, read and done with. */
function prepareDescriptors(library: ExecLibrary): void {
  const kept = new Set([0, 1, 2]);
  try {
    for (const fd of openedByCaller()) if (fd > 3) kept.add(fd);
  } catch {
    // Only the three, then.
  }
  for (const fd of kept) {
    const flags = library.fcntl(fd, 1, 0);
    if (flags >= 0) library.fcntl(fd, 2, flags & ~closeOnExec);
    if (fd > 2) continue;
    const status = library.fcntl(fd, 3, 0);
    if (status >= 0) library.fcntl(fd, 4, status & ~fs.constants.O_NONBLOCK);
  }
}

/** execvp(3)'s search. @returns the errno name of what kept it from running */
function tryCandidates({ arguments: argv, environment }: Program, library: ExecLibrary): string {
  const [name = ''] = argv;
  const entries = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  const [args, env] = [stringArray(argv, library), stringArray(entries, library)];
  let denied = false;
  for (const path of candidates(name, environment.PATH)) {
    const code = library.execve(Buffer.from(`${path}\0`, 'latin1'), args, env);
    if (code === 'ENOEXEC')
      return library.execve(Buffer.from('/bin/sh\0'), stringArray(['/bin/sh', path, ...argv.slice(1)], library), env);
    if (code === 'EACCES') denied = true;
    else if (code !== 'ENOENT' && code !== 'ENOTDIR') return code;
  }
  return denied ? 'EACCES' : 'ENOENT';
}

function candidates(name: string, path = '/bin:/usr/bin'): string[] {
  if (name === '') return [];
  return name.includes('/') ? [name] : path.split(':').map((directory) => `${directory || '.'}/${name}`);
}

/** A `char *[]` ended by NULL, with its strings behind it in the same memory. */
function stringArray(strings: readonly string[], library: ExecLibrary): Buffer {
  const texts = strings.map((text) => Buffer.from(`${text}\0`, 'latin1'));
  const block = Buffer.alloc((texts.length + 1) * 8 + texts.reduce((sum, text) => sum + text.length, 0));
  const base = library.addressOf(block);
  let at = (texts.length + 1) * 8;
  for (const [index, text] of texts.entries()) {
    block.writeBigUInt64LE(base + BigInt(at), index * 8);
    at += text.copy(block, at);
  }
  return block;
}

/** Without execve(2): a child with our descriptors, whose end becomes ours. Bytes that are not UTF-8 do not survive this way. */
function runChild({ arguments: argv, environment }: Program): Promise<{ failed: string } | { exitStatus: number }> {
  const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString();
  const [name = '', ...rest] = argv.map(utf8);
  const env = Object.fromEntries(Object.entries(environment).map(([key, value]) => [utf8(key), utf8(value)]));
  return new Promise((resolve) => {
    const child = spawn(name, rest, { env, stdio: 'inherit' });
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGALRM'] as const)
      process.on(signal, () => child.kill(signal));
    child.once('error', (error) => resolve({ failed: errnoOf(error) ?? 'ENOENT' }));
    child.once('exit', (code, signal) => {
      if (signal === null) return resolve({ exitStatus: code ?? 111 });
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  });
}
