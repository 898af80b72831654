// `vqmail demo`: everything that it prints to be typed is typed here, and does what it says.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { TextClient, until } from '../processes/sample-server.js';
import { needs } from '../support/needs.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { vqmailProgram } from '../support/started-server.js';

/** Starts the demo in a folder of its own and waits until it has said what to type. */
async function startDemo(t: TestContext) {
  const cwd = newRoot('vqmail-demo');
  t.after(() => removeRoot(cwd));
  const demo = spawn(process.execPath, [vqmailProgram, 'demo'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => demo.kill('SIGKILL'));
  let output = '';
  demo.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = new Promise<number | string>((resolve) => {
    demo.once('close', (code, signal) => resolve(code ?? signal ?? ''));
  });
  await until(() => output.includes('Ctrl-C ends'));
  return { cwd, demo, ended, output: () => output };
}

/** Runs a shell command as it was printed, without blocking the test. */
function type(command: string, cwd: string): Promise<{ status: number | null; text: string }> {
  return new Promise((resolve) => {
    const shell = spawn('bash', ['-c', command], { cwd });
    let text = '';
    for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (chunk) => (text += chunk));
    shell.once('close', (status) => resolve({ status, text }));
  });
}

test('what the demo prints is typed', async (t) => {
  if (!needs(t, 'curl', 'bash')) return;
  const { cwd, demo, ended, output } = await startDemo(t);
  assert.match(output(), /^ready smtp=127\.0\.0\.1:\d+ pop3=127\.0\.0\.1:\d+ imap=127\.0\.0\.1:\d+\n/);
  const commands = [...output().matchAll(/^ {2}\$ (.+)$/gm)].map(([, command]) => command ?? '');
  const kinds = ['smtp:', 'pop3:', 'pop3:', 'imap:', 'imap:', 'route'];
  assert.deepEqual(
    commands.map((command) => kinds.find((kind) => command.includes(kind))),
    kinds,
  );
  const answers = [];
  for (const command of commands) answers.push(await type(command, cwd));
  for (const [index, answer] of answers.entries()) assert.equal(answer.status, 0, `${commands[index]}\n${answer.text}`);
  assert.match(answers[1]?.text ?? '', /^1 \d+\s*$/);
  assert.match(answers[2]?.text ?? '', /Delivered-To: test@mailtest\.example\.jp\r?\n(?:.|\n|\r)*It works\./);
  assert.match(answers[3]?.text ?? '', /^\* 1 EXISTS/m);
  assert.match(answers[4]?.text ?? '', /Delivered-To: test@mailtest\.example\.jp\r?\n(?:.|\n|\r)*It works\./);
  assert.match(answers[5]?.text ?? '', /shop\.example\.gr\.jp\/postmaster/);

  await until(() => /^delivered: /m.test(output()));
  const landed = /^delivered: (.+)$/m.exec(output())?.[1] ?? '';
  assert.ok(landed.startsWith('demo-host/home/vpopmail/domains/mailtest.example.jp/test/Maildir/new/'), landed);

  const [, port] = /telnet 127\.0\.0\.1 (\d+)/.exec(output()) ?? [];
  const session = /then type\n((?: {4}.*\n|\n)+)/.exec(output())?.[1] ?? '';
  const client = await TextClient.open(Number(port));
  const lines = session.split('\n').map((line) => line.slice(4));
  const data = lines.indexOf('DATA');
  for (const line of lines.slice(0, data + 1)) assert.match(await client.ask(line), /^[23]\d\d /, line);
  assert.match(await client.ask(lines.slice(data + 1, lines.indexOf('.') + 1).join('\r\n')), /^250 ok /);
  assert.match(await client.ask('QUIT'), /^221 /);
  await until(() => [...output().matchAll(/^delivered: /gm)].length === 2);

  demo.kill('SIGINT');
  assert.equal(await ended, 0);
  assert.ok(existsSync(path.join(cwd, 'demo-host')));
});

test('a demo host that is there is kept, anything else is left alone', async (t) => {
  const { cwd, demo, ended } = await startDemo(t);
  demo.kill('SIGINT');
  await ended;
  const mail = path.join(cwd, 'demo-host/home/vpopmail/domains/mailtest.example.jp/test/Maildir/cur/1.2.3:2,S');
  writeFileSync(mail, 'Subject: kept\n\n');
  const again = spawn(process.execPath, [vqmailProgram, 'demo'], { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((resolve) => again.stdout.once('data', resolve));
  again.kill('SIGINT');
  await new Promise((resolve) => again.once('close', resolve));
  assert.equal(readFileSync(mail, 'latin1'), 'Subject: kept\n\n');

  mkdirSync(path.join(cwd, 'mine'));
  writeFileSync(path.join(cwd, 'mine/letter'), 'dear');
  const refused = spawnSync(process.execPath, [vqmailProgram, 'demo', '--into', 'mine'], { cwd, encoding: 'utf8' });
  assert.equal(refused.status, 100);
  assert.match(
    refused.stderr,
    /^vqmail: .*mine is there and is not a demo host; choose another folder with --into DIR\n$/,
  );
});
