// The queue process is killed with SIGKILL at many points: while it queues, preprocesses, delivers, bounces. Whoever takes the queue up then finishes everything that was
// acknowledged: each recipient gets the message, and the sender a notice about those that failed. Twice only where qmail does it too: for what was being delivered, or noticed,
// in that moment.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeQueue } from '../support/queue-host.js';
import { countQueue } from '../support/queue-reader.js';
import { recipients, sender, workUntilEmpty } from '../support/queue-under-test.js';
import { removeRoot } from '../support/recording.js';

const kills = Number(process.env.VQMAIL_KILLS ?? 300);
const atOnce = 4;
const messages = 3;
const program = path.join(
  path.dirname(fileURLToPath(import.meta.url)),
  '../support',
  `queue-under-test${path.extname(fileURLToPath(import.meta.url))}`,
);

/** SIGKILL says nothing about the disk, so a file system in memory does. */
function newRoot(): string {
  return mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'vqmail-killed-'));
}

function newQueue(): string {
  const root = newRoot();
  const layout = makeQueue(root);
  writeFileSync(layout.control('me'), 'local.example\n');
  writeFileSync(layout.control('locals'), 'local.example\n');
  return root;
}

/** Runs the queue in a process of its own. @returns what it printed, and whether it was killed */
function run(root: string, killAt: number): Promise<{ output: string; signal: string | null }> {
  const child = spawn(
    process.execPath,
    [...process.execArgv.filter((arg) => !arg.startsWith('--test')), program, root, String(killAt), String(messages)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve) => child.once('close', (_, signal) => resolve({ output, signal })));
}

function linesOf(root: string, name: string): string[] {
  const file = path.join(root, name);
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
}

/** What must have been delivered for one message: each recipient that works, and one notice; for one with a single recipient just that. */
function expectedOf(name: string): string[] {
  if (name.startsWith('single-')) return [`local ${recipients[0]} ${name}`];
  const works = recipients.filter((recipient) => !recipient.startsWith('fail@'));
  return [
    ...works.map((recipient) => `${recipient.endsWith('@local.example') ? 'local' : 'remote'} ${recipient} ${name}`),
    `local ${sender} notice ${name}`,
  ];
}

interface Tally {
  readonly lost: string[];
  readonly duplicates: number;
}

function tally(root: string): Tally {
  const delivered = new Map<string, number>();
  for (const line of linesOf(root, 'delivered')) delivered.set(line, (delivered.get(line) ?? 0) + 1);
  const lost = linesOf(root, 'acknowledged')
    .flatMap(expectedOf)
    .filter((line) => !delivered.has(line));
  for (const [line, times] of delivered) assert.ok(times <= 2, `delivered ${times} times: ${line}`);
  return { lost, duplicates: [...delivered.values()].filter((times) => times > 1).length };
}

/** Kills at one point, takes the queue up, and looks what came of it. */
async function killAndFinish(killAt: number): Promise<number> {
  const root = newQueue();
  try {
    const { signal } = await run(root, killAt);
    await workUntilEmpty(root, 0, 0);
    const { lost, duplicates } = tally(root);
    assert.deepEqual(lost, [], `killed before act ${killAt} (${signal})`);
    const { todo } = countQueue(path.join(root, 'var/qmail/queue'));
    assert.equal(todo, 0);
    for (const kind of ['info', 'local', 'remote', 'bounce'])
      assert.deepEqual(numbersBelow(path.join(root, 'var/qmail/queue', kind)), [], kind);
    return duplicates;
  } finally {
    removeRoot(root);
  }
}

function numbersBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

test(`killed at ${kills} random points`, async (context) => {
  const root = newQueue();
  const { output, signal } = await run(root, 0);
  assert.equal(signal, null);
  const acts = Number(output);
  assert.ok(acts > 100, output);
  assert.deepEqual(tally(root), { lost: [], duplicates: 0 });
  removeRoot(root);

  let duplicates = 0;
  let left = kills;
  const worker = async (): Promise<void> => {
    while (left-- > 0) duplicates += await killAndFinish(1 + Math.floor(Math.random() * acts));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  context.diagnostic(`${acts} acts, ${kills} kills, ${duplicates} duplicates`);
  // At most the deliveries that ran in the moment of a kill.
  assert.ok(duplicates <= kills * recipients.length);
});
