// Processes that change the host: our tools called in a loop, our tools as the programs that a script starts, and a stand-in with the manners of the originals. All take the
// same list of calls. This file also is the program of the first kind:
//
//   node writers.js --call-tools ROOT PLAN        after each call one line: NUMBER EXITSTATUS

import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { callTool } from '../support/call-tool.js';
import { run } from '../support/program.js';
import { fixtures } from '../support/recording.js';
import { vqmailProgram } from '../support/started-server.js';

export type WriterKind = 'ours' | 'programs' | 'original';

/** One call: a tool and its arguments. */
export type Call = readonly string[];

export interface Plan {
  readonly calls: readonly Call[];
  /** Password -> hash, for the stand-in, which makes none. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** A call that was not exit 0: `TOOL ARGUMENTS: EXIT WHAT IT SAID`. */
export type FailedCall = string;

/**
 * Makes all calls of a plan in a process of the kind.
 * @param done is told the number of each call when it has ended
 * @returns the calls that failed
 */
export async function runWriter(
  kind: WriterKind,
  root: string,
  plan: Plan,
  done: (number: number) => void = () => {},
): Promise<FailedCall[]> {
  if (kind === 'programs') return runPrograms(root, plan, done);
  const child = kind === 'ours' ? startCaller(root, plan) : startOriginal(root, plan);
  const failed: FailedCall[] = [];
  const { errors } = await followLines(child, (number, exit, said) => {
    if (exit !== 0) failed.push(`${plan.calls[number]?.join(' ')}: ${exit} ${said}`);
    done(number);
  });
  if (child.exitCode !== 0) failed.push(`${kind}: ${child.signalCode ?? child.exitCode} ${errors}`);
  return failed;
}

/** Our tools in a loop, in a process of its own. */
export function startCaller(root: string, plan: Plan): ChildProcess {
  const loader = process.execArgv.filter((word, at, all) => word.startsWith('--import') || all[at - 1] === '--import');
  const args = [...loader, fileURLToPath(import.meta.url), '--call-tools', root, planFile(root, plan)];
  return spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
}

function startOriginal(root: string, plan: Plan): ChildProcess {
  const program = path.join(path.dirname(fixtures), 'test/admin/original-manners.py');
  return spawn('python3', [program, root, planFile(root, plan)], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function runPrograms(root: string, plan: Plan, done: (number: number) => void): Promise<FailedCall[]> {
  const failed: FailedCall[] = [];
  for (const [number, call] of plan.calls.entries()) {
    const { status, stdout, stderr } = await run([process.execPath, vqmailProgram, '--root', root, ...call]);
    if (status !== 0) failed.push(`${call.join(' ')}: ${status} ${stdout}${stderr}`);
    done(number);
  }
  return failed;
}

function planFile(root: string, plan: Plan): string {
  const file = path.join(fs.mkdtempSync(path.join(root, 'plan-')), 'plan.json');
  fs.writeFileSync(file, JSON.stringify(plan), 'latin1');
  return file;
}

/** Reads a caller's lines until it ends. `said` is what a call that failed printed. */
export function followLines(
  child: ChildProcess,
  ended: (number: number, exit: number, said: string) => void,
): Promise<{ errors: string }> {
  let rest = '';
  let errors = '';
  child.stdout?.setEncoding('latin1').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [, number = '', exit = '', said = ''] = /^(\d+) (\d+) ?(.*)$/.exec(line) ?? [];
      ended(Number(number), Number(exit), said);
    }
  });
  child.stderr?.setEncoding('latin1').on('data', (text: string) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve({ errors }));
  });
}

async function callTools(root: string, file: string): Promise<void> {
  const plan = JSON.parse(fs.readFileSync(file, 'latin1')) as Plan;
  for (const [number, call] of plan.calls.entries()) {
    const { exit, stdout, stderr } = await callTool(root, call);
    const said = exit === 0 ? '' : ` ${JSON.stringify(stdout + stderr)}`;
    fs.writeSync(1, `${number} ${exit}${said}\n`, null, 'latin1');
  }
}

const [, , option, root = '', file = ''] = process.argv;
if (option === '--call-tools') await callTools(root, file);
