// A tool's world for tests: input from a buffer, output kept, everything else as given.

import type { ToolIo } from '../../src/cli/tool-io.js';
import type { Layout } from '../../src/layout.js';

export interface CapturedOptions {
  readonly layout: Layout;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Buffer | string;
  /** What other descriptors give; one that is not here is not open. */
  readonly descriptors?: Readonly<Record<number, Buffer | string>>;
  readonly umask?: number;
  readonly workingDirectory?: string;
}

/** A ToolIo with what the tool wrote, as bytes. */
export interface CapturedIo extends ToolIo {
  written(): { stdout: Buffer; stderr: Buffer };
}

export function capturedIo({ layout, env = {}, stdin = '', umask = 0o022, ...rest }: CapturedOptions): CapturedIo {
  const lines = latin1Text(stdin).match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const nextLine = (): string | undefined => lines.shift()?.replace(/\n$/, '');
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const bytes = (output: string | Buffer): Buffer => (typeof output === 'string' ? latin1(output) : output);
  return {
    layout,
    env,
    umask,
    workingDirectory: rest.workingDirectory ?? '/',
    readAll: async () => bytes(stdin),
    readDescriptor: async (fd) => {
      const given = rest.descriptors?.[fd];
      if (given === undefined) throw Object.assign(new Error('EBADF: bad file descriptor, read'), { code: 'EBADF' });
      return bytes(given);
    },
    readLine: async () => nextLine(),
    readLineWithEnd: async () => lines.shift(),
    askSecret: async (prompt) => {
      err.push(latin1(prompt));
      return nextLine() ?? '';
    },
    stdout: (output) => void out.push(bytes(output)),
    stderr: (output) => void err.push(bytes(output)),
    flushed: async () => {},
    // The process of the tests stays who it is.
    become: () => true,
    written: () => ({ stdout: Buffer.concat(out), stderr: Buffer.concat(err) }),
  };
}

function latin1Text(input: string | Buffer): string {
  return typeof input === 'string' ? input : input.toString('latin1');
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
