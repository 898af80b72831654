// Recordings of the programs of .qmail files, played against ours: forward, condredirect, bouncesaying, except, preline, qreceipt. Each in a process of its own, with a stand-in
// for bin/qmail-queue that keeps the message and the envelope, and exits as told.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fixtures, newRoot, removeRoot } from '../../support/recording.js';
import { vqmailProgram } from '../../support/started-server.js';

/** `env` and `stdin` are what each step is given, but for what it says itself. Texts are Latin-1; qmail-queue's number is masked. */
interface FilterRecording {
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly steps: readonly FilterStep[];
}
interface FilterStep {
  readonly note?: string;
  readonly run: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Variables that are not set. */
  readonly without?: readonly string[];
  readonly stdin?: string;
  readonly queue_exit?: number;
  readonly exit: number;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly queued?: { readonly message: string; readonly envelope: string };
}

/** What a step leaves. */
type Left = Pick<FilterStep, 'exit' | 'stdout' | 'stderr' | 'queued'>;

const atOnce = 2;

for (const name of ['forward', 'condredirect', 'bouncesaying', 'except', 'preline', 'qreceipt']) {
  const file = path.join(fixtures, 'recordings/filters', `${name}.json`);
  const recording = JSON.parse(readFileSync(file, 'utf8')) as FilterRecording;
  test(name, async () => {
    const left = [...recording.steps];
    const one = async (): Promise<void> => {
      for (let step = left.shift(); step !== undefined; step = left.shift()) {
        const { exit, stdout, stderr, queued } = step;
        const recorded = { exit, stdout: stdout ?? '', stderr: stderr ?? '', queued };
        assert.deepEqual(await play(recording, step), recorded, `${step.note ?? ''}: ${step.run.join(' ')}`);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, one));
  });
}

async function play(recording: FilterRecording, step: FilterStep): Promise<Left> {
  const root = newRoot();
  try {
    const kept = path.join(root, 'kept');
    writeFileSync(path.join(root, 'stdin'), step.stdin ?? recording.stdin, 'latin1');
    mkdirSync(path.join(root, 'var/qmail/bin'), { recursive: true });
    mkdirSync(kept);
    const standIn = `#!/bin/sh\ncat >${kept}/message; cat <&1 >${kept}/envelope; exit ${step.queue_exit ?? 0}\n`;
    writeFileSync(path.join(root, 'var/qmail/bin/qmail-queue'), standIn, { mode: 0o755 });
    const given = Object.entries({ ...recording.env, ...step.env }).filter(([name]) => !step.without?.includes(name));
    const ended = await run(root, step.run, Object.fromEntries(given));
    const read = (file: string): string => readFileSync(path.join(kept, file), 'latin1');
    const queued = existsSync(path.join(kept, 'message'))
      ? { message: read('message'), envelope: read('envelope') }
      : undefined;
    return { ...ended, queued };
  } finally {
    removeRoot(root);
  }
}

/** Runs a tool as qmail-local would: standard input is a file. */
function run(root: string, argv: readonly string[], env: Record<string, string>): Promise<Omit<Left, 'queued'>> {
  const input = openSync(path.join(root, 'stdin'), 'r');
  const child = spawn(process.execPath, [vqmailProgram, ...argv], {
    cwd: root,
    env: { PATH: process.env.PATH, TZ: 'UTC', ...env, VQMAIL_ROOT: root },
    stdio: [input, 'pipe', 'pipe'],
  });
  closeSync(input);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.setEncoding('latin1').on('data', (text: string) => {
      output[name] += text;
    });
  return new Promise((resolve) =>
    child.once('close', (code) =>
      resolve({ exit: code ?? -1, stdout: output.stdout, stderr: output.stderr.replace(/\bqp \d+/g, 'qp N') }),
    ),
  );
}
