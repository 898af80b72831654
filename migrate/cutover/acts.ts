// What a move does to the host, one small act after the other. Each may be done again: a move that was killed is repeated from its start. They are kept in the state file as they are, so that
// the way back is known whatever changes meanwhile.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { errnoOf, TemporaryError } from '../../src/errors.js';
import { bytesPath } from '../../src/files/read.js';
import { replaceFile } from '../../src/files/replace.js';
import { shellWord } from '../service/files.js';
import { type Edit, edited, editText } from './edits.js';

/** All paths are disk paths. */
export type Act =
  | { readonly run: readonly string[] }
  | { readonly write: string; readonly text: string; readonly mode: number }
  | { readonly touch: string }
  | { readonly remove: string }
  | { readonly link: string; readonly to: string }
  | { readonly edit: Edit; readonly in: string }
  /** Until somebody has made it, such as svscan a service's `supervise/ok`. */
  | { readonly awaited: string };

/** As one would type it. */
export function actText(act: Act): string {
  if ('run' in act) return act.run.map(shellWord).join(' ');
  if ('write' in act) return `write ${act.write}`;
  if ('touch' in act) return `touch ${shellWord(act.touch)}`;
  if ('remove' in act) return `rm -f ${shellWord(act.remove)}`;
  if ('awaited' in act) return `wait for ${act.awaited}`;
  if ('edit' in act) return editText(act.edit, act.in);
  return `ln -sfn ${shellWord(act.to)} ${shellWord(act.link)}`;
}

/** @throws TemporaryError */
export async function carryOut(act: Act): Promise<void> {
  try {
    if ('run' in act) await run(act.run);
    else if ('write' in act) await write(act);
    else if ('touch' in act) fs.closeSync(fs.openSync(bytesPath(act.touch), 'a'));
    else if ('remove' in act) fs.rmSync(bytesPath(act.remove), { force: true });
    else if ('awaited' in act) await appearance(act.awaited);
    else if ('edit' in act) await change(act);
    else link(act.link, act.to);
  } catch (error) {
    if (error instanceof TemporaryError || errnoOf(error) === undefined) throw error;
    throw new TemporaryError(
      '4.3.0',
      `${actText(act)}: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
}

async function write({ write: file, text, mode }: Extract<Act, { write: string }>): Promise<void> {
  fs.mkdirSync(bytesPath(path.dirname(file)), { recursive: true });
  await replaceFile(file, Buffer.from(text, 'latin1'), { mode, temporaryName: `.${path.basename(file)}.tmp` });
}

async function change({ edit, in: file }: Extract<Act, { edit: Edit }>): Promise<void> {
  const before = fs.readFileSync(bytesPath(file), 'latin1');
  const after = edited(before, edit);
  if (after === undefined)
    throw new TemporaryError('4.3.0', `${editText(edit, file)}: it is not there any more; do it by hand`);
  if (after === before) return;
  const { mode, uid, gid } = fs.statSync(bytesPath(file));
  const look = { mode: mode & 0o7777, uid, gid, temporaryName: `.${path.basename(file)}.tmp` };
  await replaceFile(file, Buffer.from(after, 'latin1'), look);
}

function link(name: string, to: string): void {
  try {
    fs.symlinkSync(bytesPath(to), bytesPath(name));
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || fs.readlinkSync(bytesPath(name), 'latin1') !== to) throw error;
  }
}

const patienceMs = 20_000;

async function appearance(file: string): Promise<void> {
  for (const end = performance.now() + patienceMs; !fs.existsSync(bytesPath(file)); await pause(100))
    if (performance.now() > end) throw new TemporaryError('4.3.0', `${file} does not appear: is svscan at work?`);
}

const longestOutput = 2000;

/** A program that ends by itself. What it says is told when it fails. */
function run([program = '', ...args]: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (piece: Buffer) => {
        said = (said + piece.toString('latin1')).slice(-longestOutput);
      });
    child.once('error', reject);
    // A start script may leave a daemon that keeps our pipe: its own end counts, not the pipe's.
    child.once('exit', (code, signal) => {
      child.stdout.destroy();
      child.stderr.destroy();
      const words = `${actText({ run: [program, ...args] })}: exit ${code ?? signal}`;
      if (code === 0) resolve();
      else
        reject(new TemporaryError('4.3.0', `${words}${said === '' ? '' : `: ${said.trim().replaceAll('\n', ' / ')}`}`));
    });
  });
}
