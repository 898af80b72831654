// cli/databases/qmail-newu and cli/qmail-newmrh: the recordings step by step, then failures that were not recorded.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { qmailNewmrh } from '../../src/cli/databases/qmail-newmrh.js';
import { qmailNewu } from '../../src/cli/databases/qmail-newu.js';
import { Layout } from '../../src/layout.js';
import { capturedIo } from '../support/captured-io.js';
import { needsRoot } from '../support/needs.js';
import {
  applyWrite,
  buildTree,
  bytesOf,
  changesBetween,
  differences,
  loadRecording,
  newRoot,
  pictureOf,
  removeRoot,
  type Step,
} from '../support/recording.js';

const tools = new Map([
  ['/var/qmail/bin/qmail-newu', qmailNewu],
  ['/var/qmail/bin/qmail-newmrh', qmailNewmrh],
]);

/** Runs a recorded command of ours and compares streams and exit code. */
async function runStep(step: Step, root: string, what: string): Promise<void> {
  const [program = '', ...args] = step.run ?? [];
  const tool = tools.get(program);
  assert.ok(tool, `no tool for ${program}`);
  const io = capturedIo({ layout: new Layout({ root }) });
  const exit = await tool(args, io);
  const { stdout, stderr } = io.written();
  const ours = { exit, stdout: stdout.toString(), stderr: stderr.toString() };
  const recorded = {
    exit: step.exit,
    stdout: bytesOf(step.stdout).toString(),
    stderr: bytesOf(step.stderr).toString(),
  };
  assert.deepEqual(ours, recorded, what);
}

for (const name of ['newu-good', 'newu-bad', 'newu-many', 'newmrh']) {
  it(`recording ${name}`, async (t) => {
    const recording = loadRecording('users', name);
    const root = newRoot();
    t.after(() => removeRoot(root));
    buildTree(recording.before, root);
    for (const [index, step] of recording.steps.entries()) {
      const what = `step ${index + 1}: ${step.note ?? ''}`;
      if (step.write !== undefined) applyWrite(step.write, root);
      if (step.run === undefined) continue;
      const before = pictureOf(root);
      const inodes = new Map([...before.keys()].map((file) => [file, inode(root, file)]));
      await runStep(step, root, what);
      assert.deepEqual(differences(step.changed ?? {}, changesBetween(before, pictureOf(root))), [], what);
      for (const file of replacedIn(step)) assert.notEqual(inode(root, file), inodes.get(file), `${what}: ${file}`);
    }
  });
}

function inode(root: string, hostPath: string): number {
  return fs.statSync(path.join(root, hostPath)).ino;
}

function replacedIn(step: Step): readonly string[] {
  return (step as Step & { replaced?: readonly string[] }).replaced ?? [];
}

describe('failures', () => {
  const rows: [string, string, (root: string) => void, string][] = [
    [
      'qmail-newu',
      'users/cdb.tmp cannot be made',
      (root) => fs.mkdirSync(path.join(root, 'var/qmail/users/cdb.tmp')),
      'unable to open users/cdb.tmp',
    ],
    [
      'qmail-newu',
      'users/cdb is a directory',
      (root) => fs.mkdirSync(path.join(root, 'var/qmail/users/cdb')),
      'unable to move users/cdb.tmp to users/cdb',
    ],
    [
      'qmail-newu',
      'users/assign is a directory',
      (root) => replaceByDirectory(root, 'users/assign'),
      'unable to open users/assign',
    ],
    [
      'qmail-newmrh',
      'the temporary file cannot be made',
      (root) => fs.mkdirSync(path.join(root, 'var/qmail/control/morercpthosts.tmp')),
      'unable to write to control/morercpthosts.tmp: is a directory',
    ],
    [
      'qmail-newmrh',
      'the database is a directory',
      (root) => fs.mkdirSync(path.join(root, 'var/qmail/control/morercpthosts.cdb')),
      'unable to move control/morercpthosts.tmp to control/morercpthosts.cdb: is a directory',
    ],
  ];
  for (const [program, why, prepare, text] of rows) {
    it(`${program}: ${why}`, async (t) => {
      const root = sampleRoot();
      t.after(() => removeRoot(root));
      prepare(root);
      const io = capturedIo({ layout: new Layout({ root }) });
      const exit = await (program === 'qmail-newu' ? qmailNewu : qmailNewmrh)([], io);
      assert.deepEqual([exit, io.written().stderr.toString()], [111, `${program}: fatal: ${text}\n`]);
    });
  }

  it('the mode is 0644 whatever the umask and a left temporary file say', async (t) => {
    if (!needsRoot(t)) return;
    const root = sampleRoot();
    t.after(() => removeRoot(root));
    const users = path.join(root, 'var/qmail/users');
    fs.writeFileSync(path.join(users, 'cdb.tmp'), 'left over', { mode: 0o600 });
    const old = process.umask(0o077);
    try {
      assert.equal(await qmailNewu([], capturedIo({ layout: new Layout({ root }), umask: 0o077 })), 0);
    } finally {
      process.umask(old);
    }
    assert.equal(fs.statSync(path.join(users, 'cdb')).mode & 0o7777, 0o644);
    assert.deepEqual(fs.readdirSync(users).sort(), ['assign', 'cdb']);
  });
});

function sampleRoot(): string {
  const root = newRoot();
  applyWrite({ '/var/qmail/users/assign': '=a:b:1:1:/h:-::\n.\n', '/var/qmail/control/morercpthosts': 'a.jp\n' }, root);
  return root;
}

function replaceByDirectory(root: string, name: string): void {
  fs.rmSync(path.join(root, 'var/qmail', name));
  fs.mkdirSync(path.join(root, 'var/qmail', name));
}
