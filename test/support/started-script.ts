// Starts a program that stays, with what it says kept; ended by its pid when the test ends.

import { spawn } from 'node:child_process';
import type { TestContext } from 'node:test';

/** @returns gives everything that it has said so far */
export function startScript(t: Pick<TestContext, 'after'>, [command = '', ...args]: readonly string[]): () => string {
  let said = '';
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('latin1').on('data', (text: string) => {
      said += text;
    });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return () => said;
}
