// cli/databases/tcprules and cli/tcprulescheck: every recording through the tools, and what they do when something is in the way.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { tcprules } from '../../src/cli/databases/tcprules.js';
import { tcprulescheck } from '../../src/cli/databases/tcprulescheck.js';
import { Layout } from '../../src/layout.js';
import { type CapturedOptions, capturedIo } from '../support/captured-io.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { rulesRecordings } from '../support/tcprules-recordings.js';

const root = newRoot();
after(() => removeRoot(root));

interface Ran {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  tool: typeof tcprules,
  args: string[],
  directory: string,
  options: Omit<CapturedOptions, 'layout' | 'workingDirectory'> = {},
): Promise<Ran> {
  const io = capturedIo({ layout: new Layout({ root }), workingDirectory: directory, ...options });
  const exit = await tool(args, io);
  const { stdout, stderr } = io.written();
  return { exit, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1') };
}

function newDirectory(): string {
  return fs.mkdtempSync(path.join(root, 'rules-'));
}

const usual = ['rules.cdb', 'rules.tmp'];

describe('recordings', () => {
  for (const recording of rulesRecordings()) {
    it(`${recording.name}: ${recording.about}`, async () => {
      const directory = newDirectory();
      const file = (name: string): string => path.join(directory, name);
      const before = Buffer.from('the database before');
      fs.writeFileSync(file('rules.cdb'), before);
      const ran = await run(tcprules, usual, directory, { stdin: recording.rules });
      assert.equal(ran.stdout, '');
      if (recording.cdb === undefined) {
        assert.equal(ran.exit, 100);
        if (recording.exit !== undefined) assert.equal(ran.stderr, recording.stderr.toString('latin1'));
        else assert.match(ran.stderr, /^tcprules: fatal: unable to parse this line: /);
        assert.deepEqual(fs.readFileSync(file('rules.cdb')), before, 'the database is untouched');
        assert.equal(fs.statSync(file('rules.tmp')).size, recording.tmpLeft);
        return;
      }
      assert.deepEqual(ran, { exit: 0, stdout: '', stderr: '' });
      assert.deepEqual(fs.readFileSync(file('rules.cdb')), recording.cdb.bytes);
      assert.equal(fs.statSync(file('rules.cdb')).mode & 0o7777, recording.cdb.mode);
      assert.equal(fs.existsSync(file('rules.tmp')), false);
      for (const { env, stdout, exit } of recording.lookups) {
        const check = await run(tcprulescheck, ['rules.cdb'], directory, { env });
        assert.deepEqual(check, { exit, stdout: stdout.toString('latin1'), stderr: '' }, JSON.stringify(env));
      }
    });
  }
});

describe('tcprules', () => {
  it('usage', async () => {
    const expected = { exit: 100, stdout: '', stderr: 'tcprules: usage: tcprules rules.cdb rules.tmp\n' };
    assert.deepEqual(await run(tcprules, ['rules.cdb'], newDirectory()), expected);
  });

  it('names the line as the original does: without trailing blanks, up to a NUL, byte for byte', async () => {
    const stdin = Buffer.from('a\xe9\0b-c:allow \t\n', 'latin1');
    const { exit, stderr } = await run(tcprules, usual, newDirectory(), { stdin });
    assert.deepEqual({ exit, stderr }, { exit: 100, stderr: 'tcprules: fatal: unable to parse this line: a\xe9\n' });
  });

  const failures: [string, string[], string][] = [
    ['no directory', ['/nonexistent/a', '/nonexistent/b'], 'unable to create /nonexistent/b: file does not exist'],
    ['a directory for a temporary file', ['x.cdb', 'folder'], 'unable to create folder: is a directory'],
    ['a full disk', ['x.cdb', '/dev/full'], 'unable to write to /dev/full: out of disk space'],
    ['a directory for a database', ['folder', 'x.tmp'], 'unable to move x.tmp to folder: is a directory'],
  ];
  for (const [why, args, text] of failures) {
    it(`${why}: exit 111, in the original's words`, async () => {
      const directory = newDirectory();
      fs.mkdirSync(path.join(directory, 'folder'));
      const ran = await run(tcprules, args, directory, { stdin: ':allow\n' });
      assert.deepEqual(ran, { exit: 111, stdout: '', stderr: `tcprules: fatal: ${text}\n` });
    });
  }

  it('input that cannot be read never becomes a database without rules', async () => {
    const directory = newDirectory();
    const io = capturedIo({ layout: new Layout({ root }), workingDirectory: directory });
    const error = Object.assign(new Error('read'), { code: 'EISDIR' });
    const exit = await tcprules(usual, { ...io, readAll: () => Promise.reject(error) });
    assert.equal(exit, 111);
    assert.equal(io.written().stderr.toString(), 'tcprules: fatal: unable to read input: is a directory\n');
    assert.deepEqual(fs.readdirSync(directory), ['rules.tmp']);
  });

  const modes: [number, number][] = [
    [0o022, 0o644],
    [0o077, 0o600],
    [0o027, 0o640],
    [0, 0o644],
  ];
  for (const [umask, mode] of modes) {
    it(`umask ${umask.toString(8)} gives mode ${mode.toString(8)}`, async () => {
      const directory = newDirectory();
      fs.writeFileSync(path.join(directory, 'rules.tmp'), 'left over', { mode: 0o400 });
      const ran = await run(tcprules, usual, directory, { stdin: ':deny\n', umask });
      assert.equal(ran.exit, process.getuid?.() === 0 ? 0 : 111);
      if (ran.exit === 0) assert.equal(fs.statSync(path.join(directory, 'rules.cdb')).mode & 0o7777, mode);
    });
  }

  it('replaces the file: who has the old one open reads it to its end', async () => {
    const directory = newDirectory();
    const database = path.join(directory, 'rules.cdb');
    await run(tcprules, usual, directory, { stdin: ':deny\n' });
    const old = fs.readFileSync(database);
    const fd = fs.openSync(database, 'r');
    await run(tcprules, usual, directory, { stdin: '10.:allow\n:deny\n' });
    assert.deepEqual(fs.readFileSync(fd), old);
    fs.closeSync(fd);
    assert.notDeepEqual(fs.readFileSync(database), old);
  });
});

describe('tcprulescheck', () => {
  const rows: [string, (directory: string) => void, string[], number, string][] = [
    ['usage', () => {}, [], 100, 'tcprulescheck: usage: tcprulescheck rules.cdb\n'],
    ['no file', () => {}, ['x'], 111, 'tcprulescheck: fatal: unable to read x: file does not exist\n'],
    [
      'a file that is cut short',
      (directory) => fs.writeFileSync(path.join(directory, 'x'), Buffer.alloc(100)),
      ['x'],
      111,
      'tcprulescheck: fatal: unable to read x: protocol error\n',
    ],
  ];
  for (const [why, prepare, args, exit, stderr] of rows) {
    it(why, async () => {
      const directory = newDirectory();
      prepare(directory);
      assert.deepEqual(await run(tcprulescheck, args, directory), { exit, stdout: '', stderr });
    });
  }

  it('prints a client with bytes above 127 as they are', async () => {
    const directory = newDirectory();
    await run(tcprules, usual, directory, { stdin: Buffer.from('\xe9@1:allow,A="\xff"\n', 'latin1') });
    const env = { TCPREMOTEIP: '1', TCPREMOTEINFO: '\xe9' };
    const { stdout } = await run(tcprulescheck, ['rules.cdb', 'ignored'], directory, { env });
    assert.equal(stdout, 'rule \xe9@1:\nset environment variable A=\xff\nallow connection\n');
  });
});
