import assert from 'node:assert/strict';
import { lstatSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { installTools } from '../../src/cli/install-tools.js';
import { PermanentError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { capturedIo } from '../support/captured-io.js';
import { run } from '../support/program.js';
import { newRoot, removeRoot } from '../support/recording.js';

interface Place {
  readonly directory: string;
  call(...args: string[]): Promise<{ exit: number; stdout: string; stderr: string }>;
  names(): string[];
}

function place(t: TestContext): Place {
  const directory = newRoot();
  t.after(() => removeRoot(directory));
  return {
    directory,
    names: () => readdirSync(directory).sort(),
    async call(...args) {
      const io = capturedIo({ layout: new Layout({ root: directory }), workingDirectory: path.dirname(directory) });
      const exit = await installTools(['--into', path.basename(directory), ...args], io);
      const { stdout, stderr } = io.written();
      return { exit, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1') };
    },
  };
}

test('links with the names of the originals, and away again', async (t) => {
  const { call, names, directory } = place(t);
  const first = await call();
  assert.equal(first.exit, 0);
  for (const name of ['vadddomain', 'vchkpw', 'vdelivermail', 'valias', 'clearopensmtp', 'qmail-newu', 'tcprules'])
    assert.ok(names().includes(name), name);
  for (const name of ['serve', 'check', 'install-tools', 'qmail-queue']) assert.ok(!names().includes(name), name);
  assert.match(readlinkSync(path.join(directory, 'vchkpw')), /^\/.*\/cli\/vqmail\.(?:cjs|ts)$/);
  assert.match(first.stdout, /^vchkpw: made a link to \/.*vqmail\.(?:cjs|ts)$/m);
  const again = await call('vchkpw');
  assert.equal(again.exit, 0);
  assert.match(again.stdout, /^vchkpw: is a link to .* already$/m);
  assert.equal((await call('--remove')).exit, 0);
  assert.deepEqual(names(), []);
});

test('what is not ours is left alone, or kept under another name', async (t) => {
  const { call, names, directory } = place(t);
  writeFileSync(path.join(directory, 'valias'), 'theirs');
  symlinkSync('/opt/vpopmail/bin/vpasswd', path.join(directory, 'vpasswd'));
  const refused = await call('valias', 'vpasswd', 'vlist');
  assert.equal(refused.exit, 100);
  assert.match(refused.stderr, /^valias: is not ours and was left alone/m);
  assert.match(refused.stderr, /^vpasswd: is not ours and was left alone/m);
  assert.deepEqual(names(), ['valias', 'vlist', 'vpasswd'], 'the others are made');
  assert.equal(readFileSync(path.join(directory, 'valias'), 'latin1'), 'theirs');
  const forced = await call('--force', 'valias', 'vpasswd');
  assert.equal(forced.exit, 0);
  assert.equal(readFileSync(path.join(directory, 'valias.orig'), 'latin1'), 'theirs');
  assert.equal(readlinkSync(path.join(directory, 'vpasswd.orig')), '/opt/vpopmail/bin/vpasswd');
  assert.ok(lstatSync(path.join(directory, 'valias')).isSymbolicLink());
  const removed = await call('--remove', 'valias', 'vpasswd', 'vlist');
  assert.equal(removed.exit, 0);
  assert.deepEqual(names(), ['valias', 'vpasswd']);
  assert.equal(readFileSync(path.join(directory, 'valias'), 'latin1'), 'theirs', 'put back');
  assert.equal((await call('--remove', 'valias')).exit, 100, 'theirs is not removed');
});

test('a second backup does not overwrite the first', async (t) => {
  const { call, directory } = place(t);
  writeFileSync(path.join(directory, 'valias'), 'second');
  writeFileSync(path.join(directory, 'valias.orig'), 'first');
  const { exit, stderr } = await call('--force', 'valias');
  assert.equal(exit, 100);
  assert.match(stderr, /valias\.orig is there already/);
  assert.equal(readFileSync(path.join(directory, 'valias'), 'latin1'), 'second');
  assert.equal(readFileSync(path.join(directory, 'valias.orig'), 'latin1'), 'first');
});

test('a link of another installation is ours', async (t) => {
  const { call, directory } = place(t);
  symlinkSync('/opt/old/node_modules/vqmail/dist/src/cli/vqmail.js', path.join(directory, 'valias'));
  const { exit, stdout } = await call('valias');
  assert.equal(exit, 0);
  assert.match(stdout, /instead of ours$/m);
  assert.doesNotMatch(readlinkSync(path.join(directory, 'valias')), /^\/opt/);
});

test('wrappers know where node is, and run where the address space is limited', async (t) => {
  const { call, directory } = place(t);
  assert.equal((await call('--wrappers', 'valias')).exit, 0);
  const wrapper = path.join(directory, 'valias');
  assert.ok(readFileSync(wrapper, 'latin1').includes(`'${process.execPath}'`));
  assert.match((await call('--wrappers', 'valias')).stdout, /^valias: is a script for .* already$/m);
  if (readFileSync(wrapper, 'latin1').includes('vqmail.cjs')) {
    // From the sources there is no program yet that it could run.
    for (const limit of ['', 'ulimit -v 300000; ']) {
      const { status, stderr } = await run(['/bin/sh', '-c', `${limit}unset PATH; ${wrapper}`]);
      assert.deepEqual([status, stderr], [255, 'must supply alias email address\n'], limit);
    }
  }
  assert.match((await call('valias')).stdout, /^valias: made a link to .*, instead of ours$/m);
  assert.equal((await call('--remove')).exit, 0);
});

test('wrong usage', async (t) => {
  const { call, directory } = place(t);
  const io = capturedIo({ layout: new Layout({ root: directory }) });
  await assert.rejects(installTools([], io), PermanentError);
  await assert.rejects(installTools(['--into', '/nonexistent/directory'], io), PermanentError);
  await assert.rejects(call('nosuchtool'), PermanentError);
  await assert.rejects(call('serve'), PermanentError, 'no tool of the originals');
});
