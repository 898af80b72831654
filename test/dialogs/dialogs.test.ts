// Runs the dialogs of this folder against the real daemon, each on a fresh host (that of the recorded guide session: domain mailtest.example.jp with test, hanako, taro and
// postmaster; qmail's other accounts beside it). Their language is described in test/support/dialog.ts.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Dialog, type DialogStep, matchesLine, parseDialog } from '../support/dialog.js';
import { fixtures } from '../support/recording.js';
import { SmtpClient } from '../support/smtp-client.js';
import { guideTree, writeControl, writeRules } from '../support/smtp-host.js';
import { startServer } from '../support/started-server.js';

const folder = path.join(path.dirname(fixtures), 'test/dialogs');

for (const file of readdirSync(folder).filter((name) => name.endsWith('.txt'))) {
  test(`dialog ${file}`, async (t) => {
    const dialog = parseDialog(readFileSync(path.join(folder, file), 'utf8'), file);
    await play(t, dialog, file);
  });
}

async function play(t: TestContext, dialog: Dialog, file: string): Promise<void> {
  const root = guideTree(t);
  if (dialog.rules !== '') writeRules(root, dialog.rules);
  const server = await startServer([
    '--root',
    root,
    '--workers',
    '0',
    '--listen',
    'smtp=0.0.0.0:0',
    '--drain-seconds',
    '1',
  ]);
  t.after(() => server.stop());
  const session = new DialogSession(t, root, server.ports.smtp ?? 0);
  for (const step of dialog.steps) {
    try {
      await session.step(step);
    } catch (error) {
      throw new Error(`${file}:${step.at}: ${error instanceof Error ? error.message : error}\nlog:\n${server.log()}`);
    }
  }
}

class DialogSession {
  readonly #test: TestContext;
  readonly #root: string;
  readonly #port: number;
  #client: SmtpClient | undefined;
  /** Lines of a reply that were read and not yet expected. */
  #lines: string[] = [];

  constructor(t: TestContext, root: string, port: number) {
    this.#test = t;
    this.#root = root;
    this.#port = port;
  }

  async step(step: DialogStep): Promise<void> {
    if (step.kind === 'control') writeControl(this.#root, step.name, step.text === undefined ? null : `${step.text}\n`);
    else if (step.kind === 'connect') await this.#connect(step.from);
    else if (step.kind === 'mail') assertLines(step.lines, await this.#takeMail(step.address));
    else if (step.kind === 'no mail') assert.deepEqual(filesInMaildirs(this.#root), []);
    else await this.#converse(step, this.#client ?? (await this.#connect(undefined)));
  }

  async #converse(step: DialogStep, client: SmtpClient): Promise<void> {
    if (step.kind === 'send') client.send(step.bytes);
    if (step.kind === 'expect') {
      const line = await this.#line(client);
      assert.ok(matchesLine(step.line, line), `expected ${JSON.stringify(step.line)}, got ${JSON.stringify(line)}`);
    }
    if (step.kind === 'closed') assert.equal([...this.#lines, await client.closed()].join('\n'), '');
    if (step.kind === 'leave') client.destroy();
  }

  async #connect(from: string | undefined): Promise<SmtpClient> {
    this.#lines = [];
    const client = await SmtpClient.connect(this.#port, from);
    this.#test.after(() => client.destroy());
    this.#client = client;
    return client;
  }

  async #line(client: SmtpClient): Promise<string> {
    if (this.#lines.length === 0) this.#lines = ((await client.reply()) ?? '(closed)').split('\r\n');
    return this.#lines.shift() ?? '';
  }

  async #takeMail(address: string): Promise<string> {
    const [local = '', domain = ''] = address.split('@');
    const maildir = `home/vpopmail/domains/${domain}/${local}/Maildir`;
    const files = filesInMaildirs(this.#root).filter((file) => file.startsWith(`${maildir}/`));
    assert.equal(files.length, 1, `${address} has ${files.length} messages`);
    const file = path.join(this.#root, files[0] ?? '');
    assert.ok(file.startsWith(path.join(this.#root, maildir, 'new/')), `${file} is not in new`);
    const text = readFileSync(file, 'latin1');
    rmSync(file);
    return text;
  }
}

function filesInMaildirs(root: string): string[] {
  const names = readdirSync(path.join(root, 'home/vpopmail/domains'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\/(new|tmp|cur)\/[^/]+$/.test(name)).map((name) => `home/vpopmail/domains/${name}`);
}

function assertLines(expected: readonly string[], text: string): void {
  const lines = text.split('\n');
  assert.equal(lines.pop(), '', 'the message ends with a line feed');
  const wanted = expected.map((line) => Buffer.from(line, 'utf8').toString('latin1'));
  const differing = lines.findIndex((line, index) => !matchesLine(wanted[index] ?? '(nothing more)', line));
  assert.ok(
    differing < 0 && lines.length === wanted.length,
    `line ${differing + 1} of ${wanted.length} differs:\n${text}`,
  );
}
