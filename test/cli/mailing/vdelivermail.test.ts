// vdelivermail beyond its recordings: failures of qmail-inject, what is done before a line that fails, trouble of ours, an input that is no file.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { vdelivermail } from '../../../src/cli/mailing/vdelivermail.js';
import { Layout } from '../../../src/layout.js';
import { capturedIo } from '../../support/captured-io.js';
import { run } from '../../support/program.js';
import { buildTree, loadRecording, newRoot, removeRoot } from '../../support/recording.js';
import { vqmailProgram } from '../../support/started-server.js';

const domain = '/home/vpopmail/domains/mailtest.example.jp';
const env = {
  EXT: 'test',
  HOST: 'mailtest.example.jp',
  RPLINE: 'Return-Path: <noel@example.gr.jp>\n',
  DTLINE: 'Delivered-To: mailtest.example.jp-test@mailtest.example.jp\n',
};
const message = 'Subject: x\n\nHello.\n';

interface Place {
  readonly root: string;
  call(options?: {
    env?: Record<string, string>;
    stdin?: string;
    argument?: string;
  }): Promise<{ exit: number; stdout: string }>;
  dotQmail(text: string): void;
  inject(script: string): void;
  delivered(user?: string): string[];
}

function place(t: TestContext): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording('delivery', 'account-dot-qmail').before, root);
  const layout = new Layout({ root });
  return {
    root,
    async call(options = {}) {
      const { stdin = message, argument = 'bounce-no-mailbox' } = options;
      const workingDirectory = layout.disk(domain);
      const io = capturedIo({ layout, env: options.env ?? env, stdin, umask: 0o077, workingDirectory });
      const exit = await vdelivermail(['', argument], io);
      return { exit, stdout: io.written().stdout.toString('latin1').replaceAll(root, '') };
    },
    dotQmail: (text) => writeFileSync(path.join(root, domain, 'test/.qmail'), text),
    inject(script) {
      mkdirSync(path.join(root, 'var/qmail/bin'), { recursive: true });
      writeFileSync(path.join(root, 'var/qmail/bin/qmail-inject'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    },
    delivered(user = 'test') {
      const directory = path.join(root, domain, user, 'Maildir/new');
      return readdirSync(directory).map((name) => readFileSync(path.join(directory, name), 'latin1'));
    },
  };
}

test('what qmail-inject is given, and what its end means', async (t) => {
  const here = place(t);
  here.dotQmail('&a@else.example\n');
  // Ours stands in for one that is missing, and finds no queue here.
  assert.deepEqual(await here.call(), { exit: 111, stdout: 'system error calling qmail-inject\n' });
  here.inject(`printf '%s|' "$@"; cat; exit 0`);
  assert.deepEqual(await here.call(), {
    exit: 0,
    stdout: `--|a@else.example|${env.RPLINE}Delivered-To: test@mailtest.example.jp\n${message}`,
  });
  for (const [script, exit, stdout] of [
    ['cat >/dev/null; echo no; exit 100', 100, 'no\nsystem error calling qmail-inject\n'],
    ['exit 111', 111, 'system error calling qmail-inject\n'],
    ['cat >/dev/null; kill -9 $$', 111, 'write to qmail-inject failed: killed\n'],
  ] as const) {
    here.inject(script);
    assert.deepEqual(await here.call({ stdin: message.repeat(20_000) }), { exit, stdout }, script);
  }
});

test('an address that looks like an option is none', async (t) => {
  const here = place(t);
  here.dotQmail('&-fevil@example\n');
  here.inject(`printf '%s|' "$@"; cat >/dev/null`);
  assert.equal((await here.call()).stdout, '--|-fevil@example|');
});

test('lines are done in order, each before the next is looked at', async (t) => {
  const here = place(t);
  here.inject('cat >/dev/null; echo injected');
  here.dotQmail(`./Maildir/\n&a@else.example\n|echo third; wc -c; exit 100\n&b@else.example\n`);
  const { exit, stdout } = await here.call();
  assert.equal(exit, 100);
  assert.match(stdout, /^injected\nthird\n *19\n$/);
  assert.equal(here.delivered().length, 1, 'what was done stays done');
});

test('every program reads the message from its start', async (t) => {
  const here = place(t);
  here.dotQmail('|head -1\n|head -1\n|cat >/dev/null; pwd\n');
  assert.deepEqual(await here.call(), { exit: 0, stdout: `Subject: x\nSubject: x\n${domain}/test\n` });
});

test('an mbox line ends it, and is tried again for ever', async (t) => {
  const here = place(t);
  here.dotQmail('|echo first\n./mbox\n');
  assert.deepEqual(await here.call(), { exit: 111, stdout: "first\ncan't handle mbox delivery for ./mbox" });
});

test('trouble of ours bounces nothing', async (t) => {
  const rows: [why: string, spoil: (root: string) => void][] = [
    ['users/cdb is gone', (root) => rmSync(path.join(root, 'var/qmail/users/cdb'))],
    ['vpasswd.cdb is none', (root) => writeFileSync(path.join(root, domain, 'vpasswd.cdb'), 'text')],
    [
      'there is no user database',
      (root) => {
        for (const name of ['vpasswd', 'vpasswd.cdb']) rmSync(path.join(root, domain, name));
      },
    ],
    [
      'the account has no directory',
      (root) => {
        const vpasswd = path.join(root, domain, 'vpasswd');
        writeFileSync(vpasswd, readFileSync(vpasswd, 'latin1').replace(`:${domain}/test:`, '::'));
        rmSync(`${vpasswd}.cdb`);
      },
    ],
  ];
  for (const [why, spoil] of rows) {
    const here = place(t);
    spoil(here.root);
    const { exit, stdout } = await here.call();
    assert.equal(exit, 111, why);
    assert.notEqual(stdout, '', why);
  }
});

test('a long Return-Path is written whole', async (t) => {
  const here = place(t);
  const sender = `${'x'.repeat(500)}@example.gr.jp`;
  assert.equal((await here.call({ env: { ...env, RPLINE: `Return-Path: <${sender}>\n` } })).exit, 0);
  const head = `Return-Path: <${sender}>\nDelivered-To: test@mailtest.example.jp\n`;
  assert.deepEqual(here.delivered(), [head + message]);
});

test('DTLINE decides what a forward is traced as', async (t) => {
  const here = place(t);
  here.inject('cat | sed -n 2p');
  here.dotQmail('&a@else.example\n');
  const rows: [dtLine: string | undefined, traced: string][] = [
    ['Delivered-To: mailtest.example.jp-test@mailtest.example.jp\n', 'test@mailtest.example.jp'],
    ['Delivered-To: alias.example.jp-test@alias.example.jp\n', 'test@alias.example.jp'],
    [undefined, 'a@else.example'],
    ['x\n', 'a@else.example'],
  ];
  for (const [dtLine, traced] of rows) {
    const { DTLINE: _, ...rest } = env;
    const { stdout } = await here.call({ env: dtLine === undefined ? rest : { ...rest, DTLINE: dtLine } });
    assert.equal(stdout, `Delivered-To: ${traced}\n`);
  }
});

test('DTLINE itself counts for loops', async (t) => {
  const here = place(t);
  const looping = { ...env, DTLINE: 'Delivered-To: TEST@mailtest.example.jp\n' };
  assert.deepEqual(await here.call({ env: looping }), { exit: 100, stdout: 'mail is looping\n' });
});

test('the input may be a pipe', async (t) => {
  const here = place(t);
  here.dotQmail('|wc -c\n|wc -c\n');
  const command = `cd ${here.root}${domain} && cat | ${process.execPath} ${vqmailProgram} --root ${here.root} vdelivermail '' delete`;
  const { status, stdout } = await run(['/bin/sh', '-c', command], message, env);
  assert.equal(status, 0);
  assert.deepEqual(stdout.trim().split(/\s+/), ['19', '19']);
});
