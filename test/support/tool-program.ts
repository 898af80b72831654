// Runs a command-line tool of ours as a program of its own, with nothing in its environment but what is given: for tools that become another program (vchkpw) and for steps
// under another uid.

import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Ran } from './program.js';
import { vqmailProgram } from './started-server.js';

export interface ToolProgram {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Buffer | string;
  /** What descriptor 3 gives; it is not open unless given. */
  readonly fd3?: Buffer | string;
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

const patienceMs = 30_000;

/** @param argv the tool's name and its arguments. Outputs are Latin-1. */
export function runToolProgram(root: string, argv: readonly string[], options: ToolProgram = {}): Promise<Ran> {
  const fd3 = options.fd3 === undefined ? undefined : descriptorOf(options.fd3);
  const child = spawn(process.execPath, [vqmailProgram, '--root', root, ...argv], {
    cwd: '/',
    env: options.env ?? {},
    stdio: ['pipe', 'pipe', 'pipe', ...(fd3 === undefined ? [] : [fd3])],
    timeout: patienceMs,
    killSignal: 'SIGKILL',
    ...options.owner,
  });
  if (fd3 !== undefined) closeSync(fd3);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('latin1').on('data', (text: string) => {
      output[name] += text;
    });
  }
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ status: code ?? signal ?? 'unknown', ...output }));
  });
}

/** A descriptor that gives these bytes; its file is gone. */
function descriptorOf(bytes: Buffer | string): number {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'descriptor-'));
  const file = path.join(directory, '3');
  writeFileSync(file, bytes);
  const fd = openSync(file, 'r');
  rmSync(directory, { recursive: true });
  return fd;
}
