// Runs a program to its end for a test and keeps what it said.

import { spawn } from 'node:child_process';

export interface Ran {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs argv with a text on its standard input. Never rejects for the program's failure: look at the status. */
export function run(argv: readonly string[], input: string | Buffer = '', env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const [command = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env } });
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      output.stdout += chunk.toString('latin1');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output.stderr += chunk.toString('latin1');
    });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ status: code ?? signal ?? 'unknown', ...output }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
