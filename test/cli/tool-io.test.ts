// cli/tool-io: a tool in a process of its own, with the streams and arguments that a shell gives it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { it } from 'node:test';

const argumentsUrl = new URL('../../src/cli/called-for.js', import.meta.url).href;
const moduleUrl = new URL('../../src/cli/tool-io.js', import.meta.url).href;
const layoutUrl = new URL('../../src/layout.js', import.meta.url).href;

/** Runs a piece of code with `io` and `args` in a new process, through a shell that may redirect. */
function inProcess(
  code: string,
  shell: string,
  input: string | Buffer = '',
): { status: number | null; stdout: string; stderr: string } {
  const program = `
    import { processArguments } from ${JSON.stringify(argumentsUrl)};
    import { processIo } from ${JSON.stringify(moduleUrl)};
    import { Layout } from ${JSON.stringify(layoutUrl)};
    const io = processIo(new Layout()), args = processArguments(1);
    ${code}`;
  const loaders = process.execArgv.filter(
    (argument, index, all) => argument === '--import' || all[index - 1] === '--import',
  );
  const command = [process.execPath, ...loaders, '--input-type=module', '-e', program, '--'];
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const env = { ...process.env, ODD: 'caf\u00e9' };
  const { status, stdout, stderr } = spawnSync('sh', ['-c', shell.replace('TOOL', () => quoted)], {
    input,
    env,
    maxBuffer: 1 << 24,
  });
  return { status, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1') };
}

it('arguments and environment are bytes, also those that are not UTF-8', () => {
  const code = 'io.stdout(args.join(" ") + " " + io.env.ODD);';
  const { stdout } = inProcess(code, "TOOL plain $(printf '\\351') caf\u00e9");
  assert.equal(stdout, 'plain \xe9 caf\xc3\xa9 caf\xc3\xa9');
});

it('standard input is read to its end, bytes as they are', () => {
  const input = Buffer.alloc(300_000, '\0\xff\n', 'latin1');
  const { stdout } = inProcess('io.stdout(await io.readAll());', 'cat | TOOL', input);
  assert.deepEqual(Buffer.from(stdout, 'latin1'), input);
});

it('a directory as standard input is an error, not an empty input', () => {
  const { stdout } = inProcess('await io.readAll().catch((error) => io.stdout(error.code));', 'TOOL </');
  assert.equal(stdout, 'EISDIR');
});

it('more output than a pipe holds, in pieces', () => {
  const code =
    'for (let i = 0; i < 100; i++) { io.stdout(Buffer.alloc(20_000, 97)); await io.flushed(); } io.stderr("\\xe9");';
  const { status, stdout, stderr } = inProcess(code, 'TOOL | { sleep 0.3; cat; }');
  assert.deepEqual([status, stdout.length, stderr], [0, 2_000_000, '\xe9']);
});

it('a reader that leaves ends the tool without a stack trace', () => {
  const code = 'for (;;) { io.stdout(Buffer.alloc(20_000, 97)); await io.flushed(); }';
  const { stdout, stderr } = inProcess(code, 'TOOL | head -c 5');
  assert.deepEqual([stdout, stderr], ['aaaaa', '']);
});

it('the umask and the working directory are the process\u2019s', () => {
  const { stdout } = inProcess('io.stdout(io.umask.toString(8) + io.workingDirectory);', 'cd / && umask 027 && TOOL');
  assert.equal(stdout, '27/');
  assert.ok(fs.existsSync('/'));
});
