// The README's configuration of other programs, so that tests run the very lines that administrators copy.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fixtures } from './recording.js';

/** The lines of the fenced block that has this line in it. @throws Error when there is none */
export function readmeBlock(line: string): string[] {
  const readme = readFileSync(path.join(fixtures, '../README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```[^\n]*\n(.*?)^```$/gms)].map(([, text = '']) => text.trimEnd().split('\n'));
  const block = blocks.find((lines) => lines.includes(line));
  if (block === undefined) throw new Error(`the README has no block with the line ${line}`);
  return block;
}
