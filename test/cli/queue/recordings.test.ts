// Recordings of qmail-queue, qmail-inject, the sendmail wrapper, qmail-qread and qmail-qstat, played against our tools, each in a process of its own with the recorded uid. Ours has no
// set-user-id program, so everybody may write this queue; owners of files are test/queue/enqueue's.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Layout } from '../../../src/layout.js';
import { needsRoot } from '../../support/needs.js';
import { makeQueue } from '../../support/queue-host.js';
import type { QueueStep } from '../../support/queue-replay.js';
import {
  applyChanged,
  applyWrite,
  buildTree,
  bytesOf,
  loadRecording,
  maskVolatile,
  newRoot,
  removeRoot,
  type Step,
} from '../../support/recording.js';
import { vqmailProgram } from '../../support/started-server.js';

const writable = ['', 'pid', 'mess', 'intd', 'todo', 'lock'];

for (const name of ['queue-envelopes', 'inject-not-running', 'sendmail-wrapper']) {
  const recording = loadRecording('queue', name);
  test(`queue/${name}`, (t) => {
    if (!needsRoot(t)) return;
    const root = hostOf(name);
    try {
      for (const [index, step] of recording.steps.entries()) {
        if (step.write !== undefined) applyWrite(step.write, root);
        if (step.run !== undefined) compare(step as QueueStep, root, `step ${index} ${step.run.join(' ')}`);
      }
    } finally {
      removeRoot(root);
    }
  });
}

test('queue/left-by-stopped-send and half-written: what qmail-qread and qmail-qstat say of them', (t) => {
  if (!needsRoot(t)) return;
  let seen = 0;
  for (const name of ['left-by-stopped-send', 'half-written']) {
    const root = hostOf(name);
    try {
      for (const [index, step] of loadRecording('queue', name).steps.entries()) {
        keepRecordedQueue(step, root);
        if (!/qmail-q(read|stat)$/.test(step.run?.[0] ?? '')) continue;
        compare(step as QueueStep, root, `${name} step ${index}`);
        seen++;
      }
    } finally {
      removeRoot(root);
    }
  }
  assert.equal(seen, 8);
});

function hostOf(name: string): string {
  const root = newRoot();
  const { before } = loadRecording('queue', name);
  buildTree(Object.fromEntries(Object.entries(before).filter(([file]) => !file.startsWith('/var/qmail/queue'))), root);
  makeQueue(root);
  return root;
}

/** What another program did to the queue, times included. */
function keepRecordedQueue(step: Step, root: string): void {
  const entries = Object.entries(step.changed ?? {}).filter(([file]) => file.startsWith('/var/qmail/queue/'));
  applyChanged({ ...step, changed: Object.fromEntries(entries) }, root);
  for (const [file, entry] of entries) {
    const mtime: unknown = entry === null ? undefined : Reflect.get(entry, 'mtime');
    if (typeof mtime === 'number') utimesSync(path.join(root, file), mtime, mtime);
  }
}

function compare(step: QueueStep, root: string, about: string): void {
  const { queue } = new Layout({ root });
  const [uid] = step.as ?? [0, 0];
  const isReader = step.run?.includes('-bp') || /qmail-q(read|stat)$/.test(step.run?.[0] ?? '');
  // Whoever may not read the queue on the recorded host may not here.
  open(queue, isReader ? 0o750 : 0o777);
  const before = new Set(filesIn(queue));
  const ended = run(step, root);
  const shown = (bytes: Buffer): string => mask(bytes.toString('latin1').replaceAll(root, ''));
  const added = filesIn(queue).filter((file) => !before.has(file));
  assert.deepEqual(
    {
      exit: ended.status,
      stdout: shown(ended.stdout),
      stderr: shown(ended.stderr),
      queued: isReader ? '' : queuedOf(queue, added, shown),
    },
    {
      exit: step.exit,
      stdout: shown(bytesOf(step.stdout)),
      stderr: shown(bytesOf(step.stderr)),
      queued: isReader
        ? ''
        : (step.queued ?? [])
            .map(({ intd, todo, message }) => [intd, todo, message].map((bytes) => shown(bytesOf(bytes))).join('|'))
            .join('\n'),
    },
    `${about}, uid ${uid}`,
  );
}

function open(queue: string, mode: number): void {
  for (const name of writable) {
    const directory = path.join(queue, name);
    chmodSync(directory, mode);
    if (name === 'mess') for (const place of readdirSync(directory)) chmodSync(path.join(directory, place), mode);
  }
}

function filesIn(queue: string): string[] {
  return ['pid', 'mess', 'intd', 'todo'].flatMap((kind) =>
    readdirSync(path.join(queue, kind), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(path.relative(queue, entry.parentPath), entry.name)),
  );
}

/** The messages among these files, each with its envelope. */
function queuedOf(queue: string, files: readonly string[], shown: (bytes: Buffer) => string): string {
  const read = (file: string): Buffer => (existsSync(file) ? readFileSync(file) : Buffer.alloc(0));
  return files
    .filter((file) => file.startsWith('mess/'))
    .map((file) => {
      const id = path.basename(file);
      const parts = [path.join(queue, 'intd', id), path.join(queue, 'todo', id), path.join(queue, file)];
      return parts.map((part) => shown(read(part))).join('|');
    })
    .join('\n');
}

function run(step: QueueStep, root: string): { status: number | null; stdout: Buffer; stderr: Buffer } {
  const [name = '', ...args] = step.run ?? [];
  const [uid, gid] = step.as ?? [0, 0];
  const env = {
    PATH: process.env.PATH,
    TZ: 'UTC',
    ...step.env,
    VQMAIL_ROOT: root,
  };
  const words = [vqmailProgram, path.basename(name), ...args];
  if (step.envelope === undefined)
    return spawnSync(process.execPath, words, { cwd: '/', env, uid, gid, input: bytesOf(step.stdin) });
  const file = path.join(root, 'envelope');
  writeFileSync(file, step.envelope, { encoding: 'latin1', mode: 0o644 });
  const fd = openSync(file, 'r');
  try {
    const options = { cwd: '/', env, uid, gid, input: bytesOf(step.stdin) };
    const ended = spawnSync(process.execPath, words, { ...options, stdio: ['pipe', fd, 'pipe'] });
    return { ...ended, stdout: Buffer.alloc(0) };
  } finally {
    closeSync(fd);
    rmSync(file);
  }
}

function mask(text: string): string {
  return maskVolatile(text)
    .replace(/(?<=^u\d+\0p)\d+/gm, '<pid>')
    .replace(/(?<=^(?:Resent-)?Message-ID: <)\d+\.\d+(?=\.qmail@)/gim, '<time>.<pid>')
    .replace(/(?<=\bquser-)\d+\.\d+/g, '<time>.<pid>')
    .replace(/x{900,}$/, '<many>');
}
