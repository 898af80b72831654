// What a command-line tool sees of the world: its streams, environment and the host's layout. A tool is a function of its arguments and this that gives back its
// exit code, so a test runs it in its own process and the program runs it with the process's streams.
//
// Bytes: arguments, environment values and texts are Latin-1 strings, one character a byte, because the original tools work on bytes.

import fs from 'node:fs';
import path from 'node:path';
import { ConfigurationError, CorruptFileError, describe, errnoOf, PermanentError, TemporaryError } from '../errors.js';
import type { Layout } from '../layout.js';
import { systemErrorText } from '../mail/system-errors.js';
import { latin1 } from './called-for.js';
import { DescriptorLines } from './descriptor-lines.js';

export interface ToolIo {
  readonly layout: Layout;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** All of standard input. @throws the system error */
  readAll(): Promise<Buffer>;
  /** Standard input in pieces, as it comes. Not to be mixed with the others. @throws the system error */
  pieces?(): AsyncIterable<Buffer>;
  /** The descriptor of standard input where that is a file, which can be read from any place and more than once. */
  inputFile?(): number | undefined;
  /** All of a descriptor that the caller opened, such as 3. @throws the system error, EBADF when it is not open */
  readDescriptor(fd: number): Promise<Buffer>;
  /** The next line of standard input without its line feed; undefined at the end. Not to be mixed with `readAll`. */
  readLine(): Promise<string | undefined>;
  /** As `readLine`, with the line feed; a last line that has none comes without. */
  readLineWithEnd(): Promise<string | undefined>;
  /**
   * Asks for a password as getpass(3) does: on the terminal without echo where there is one, else with the prompt on standard error and the next line
   * of standard input; '' at its end.
   */
  askSecret(prompt: string): Promise<string>;
  /** Writes to standard output; a string is Latin-1. */
  stdout(output: string | Buffer): void;
  stderr(output: string | Buffer): void;
  /** Resolves when standard output has taken what was written; for long output, to be awaited now and then. */
  flushed(): Promise<void>;
  /** Becomes this user and group for good, as far as the process may. Whether it is them now. */
  become(uid: number, gid: number): boolean;
  /** The process's file creation mask, which the modes of new files respect. */
  readonly umask: number;
  /** Absolute; where relative file arguments begin. */
  readonly workingDirectory: string;
}

/** A tool's ending: what it says on standard error and its exit code. Thrown within a tool, caught by `runTool`. */
export class ToolFailure extends Error {
  readonly exitCode: number;
  /** @param text without the tool's name and without a line end */
  constructor(exitCode: number, text: string) {
    super(text);
    this.exitCode = exitCode;
  }
}

/**
 * Runs the inside of a tool. What it throws by consequence becomes a line on standard error and an exit code; a defect is thrown on.
 * @param prefix stands before the text, such as `tcprules: fatal: `
 */
export async function runTool(prefix: string, io: ToolIo, inside: () => Promise<number>): Promise<number> {
  try {
    return await inside();
  } catch (error) {
    const exitCode = exitCodeOf(error);
    if (exitCode === undefined) throw error;
    io.stderr(`${prefix}${describe(error)}\n`);
    return exitCode;
  }
}

/** The exit code of what was thrown by consequence; undefined for a defect. */
export function exitCodeOf(error: unknown): number | undefined {
  if (error instanceof ToolFailure) return error.exitCode;
  if (error instanceof PermanentError) return 100;
  const later = [TemporaryError, ConfigurationError, CorruptFileError];
  return later.some((kind) => error instanceof kind) ? 111 : undefined;
}

/** Does one act; a system error ends the tool with exit 111 and `WORDS: REASON`, in qmail's words for the error. Other errors pass. */
export function orFail<T>(words: string, act: () => Promise<T> | T): Promise<T> {
  return failing((error) => `${words}: ${systemErrorText(error)}`, act);
}

/** As `orFail` for the tools that do not tell the reason. */
export function orFailSilently<T>(words: string, act: () => Promise<T> | T): Promise<T> {
  return failing(() => words, act);
}

async function failing<T>(text: (error: unknown) => string, act: () => Promise<T> | T): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new ToolFailure(111, text(error));
  }
}

/** The absolute path of a file argument. */
export function argumentPath(argument: string, io: ToolIo): string {
  return path.resolve(io.workingDirectory, argument);
}

/** The tool's world in this process. */
export function processIo(layout: Layout): ToolIo {
  const lines = new DescriptorLines(0);
  const env = processEnvironment();
  // Opened when something is written, which most tools do for bad news only.
  let output: NodeJS.WriteStream | undefined;
  const standardOutput = (): NodeJS.WriteStream => {
    // Whoever reads our output may leave early; nothing is left to do then.
    output ??= process.stdout.on('error', () => process.exit(111));
    return output;
  };
  return {
    layout,
    env,
    readAll: () => readDescriptor(0),
    pieces: () => descriptorPieces(0),
    inputFile: () => (fs.fstatSync(0).isFile() ? 0 : undefined),
    readDescriptor: givenDescriptor,
    readLine: () => lines.next(),
    readLineWithEnd: () => lines.nextWithEnd(),
    askSecret: async (prompt) => (await import('./terminal.js')).askSecret(prompt, () => lines.next()),
    stdout: (text) => standardOutput().write(text, 'latin1'),
    stderr: (text) => process.stderr.write(text, 'latin1'),
    flushed: () => (output?.writableNeedDrain ? drained(output) : Promise.resolve()),
    become,
    umask: process.umask(),
    workingDirectory: latin1(process.cwd()),
  };
}

function become(uid: number, gid: number): boolean {
  try {
    if (process.geteuid?.() === 0) process.setgroups?.([gid]);
    process.setgid?.(gid);
    process.setuid?.(uid);
    return true;
  } catch {
    return false;
  }
}

/** An error ends the process, so there is only this to wait for. */
function drained(output: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    output.once('drain', resolve);
  });
}

/**
 * Everything that a descriptor gives up to its end. Not `process.stdin`, which takes a directory for an empty input.
 * @throws the system error
 */
export async function readDescriptor(fd: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = await readSome(fd);
    if (piece.length === 0) return Buffer.concat(pieces);
    pieces.push(piece);
  }
}

/** What a descriptor gives, piece by piece. @throws the system error */
export async function* descriptorPieces(fd: number): AsyncGenerator<Buffer> {
  for (;;) {
    const piece = await readSome(fd);
    if (piece.length === 0) return;
    yield piece;
  }
}

/** Standard input in pieces; from a world that has it only as a whole, in one. @throws the system error */
export async function* inputPieces(io: ToolIo): AsyncGenerator<Buffer> {
  if (io.pieces !== undefined) yield* io.pieces();
  else yield await io.readAll();
}

/** One that the caller opened. node's own descriptors have numbers too: reading such a one would wait for ever. */
async function givenDescriptor(fd: number): Promise<Buffer> {
  if (fd > 2) {
    const { isOpenedByCaller } = await import('../files/replace-process.js');
    if (!isOpenedByCaller(fd)) throw Object.assign(new Error('EBADF: bad file descriptor, read'), { code: 'EBADF' });
  }
  return readDescriptor(fd);
}

function readSome(fd: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafe(65536);
    fs.read(fd, buffer, 0, buffer.length, null, (error, count) => {
      if (error === null) resolve(buffer.subarray(0, count));
      else if (error.code === 'EAGAIN') setTimeout(() => readSome(fd).then(resolve, reject), 10);
      else reject(error);
    });
  });
}

/** The environment as Latin-1 strings. As with the arguments, only the kernel has the bytes that are not UTF-8. */
function processEnvironment(): Record<string, string | undefined> {
  const replaced = '\ufffd';
  const decoded = Object.entries(process.env).map(([name, value = '']) => [name, value] as const);
  if (decoded.some(([name, value]) => name.includes(replaced) || value.includes(replaced))) {
    try {
      const all = fs.readFileSync('/proc/self/environ', 'latin1').split('\0').slice(0, -1);
      return Object.fromEntries(all.map((entry) => [entry.replace(/=.*$/s, ''), entry.replace(/^[^=]*=?/, '')]));
    } catch {
      // What node made of them, then.
    }
  }
  return Object.fromEntries(decoded.map(([name, value]) => [latin1(name), latin1(value)]));
}
