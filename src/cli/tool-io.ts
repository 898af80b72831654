// What a command-line tool sees of the world: its streams, environment and the host's layout. A tool is a function of its arguments and this, and returns its
// exit code; so a test runs it in its own process, and the daemon's own command runs it with the process's streams.
//
// Bytes: arguments, environment values and texts are Latin-1 strings, one character a byte, because the original tools work on bytes.

import type { Readable } from 'node:stream';

import type { Layout } from '../layout.js';

export interface ToolIo {
  readonly layout: Layout;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  /** All of standard input. */
  readAll(): Promise<Buffer>;
  /** Writes to standard output; a string is Latin-1. */
  stdout(output: string | Buffer): void;
  stderr(output: string | Buffer): void;
  /** The process's file creation mask, which the modes of new files respect. */
  readonly umask: number;
  /** Absolute; relative file arguments are below it. */
  readonly workingDirectory: string;
}
