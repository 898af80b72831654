// The program of --on-change: what it is told and when, and how it fails.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lineLog } from '../../src/log.js';
import type { ChangeEvent } from '../../src/watch/events.js';
import { changeHook, type Hook, type HookOptions } from '../../src/watch/hook.js';
import { newRoot, removeRoot } from '../support/recording.js';

interface TestHook {
  readonly hook: Hook;
  readonly log: string[];
  /** What the program wrote into its file. */
  output(): string;
}

/** A hook with a shell script; `$out` in it is a file. */
function hookWith(t: TestContext, script: string, options: Partial<HookOptions> = {}): TestHook {
  const directory = newRoot('vqmail-hook');
  t.after(() => removeRoot(directory));
  const [program, out] = [path.join(directory, 'program'), path.join(directory, 'out')];
  writeFileSync(program, `#!/bin/sh\nout='${out}'\n${script}\n`, { mode: 0o755 });
  writeFileSync(out, '');
  const log: string[] = [];
  const hook = changeHook({ program, log: lineLog((line) => log.push(line.trimEnd())), ...options });
  return { hook, log, output: () => readFileSync(out, 'utf8') };
}

function added(user: string): ChangeEvent {
  return { event: 'user added', domain: 'example.jp', user };
}

test('each event is one line of JSON, in order, one program at a time', async (t) => {
  const { hook, log, output } = hookWith(t, 'echo begin >> "$out"; cat >> "$out"; sleep 0.05; echo end >> "$out"');
  hook.tell([added('joe'), { event: 'domain removed', domain: 'caf\u00e9.example' }]);
  hook.tell([added('ann')]);
  await hook.close(10_000);
  const lines = output().trimEnd().split('\n');
  assert.deepEqual(
    lines.filter((line) => !line.startsWith('{')),
    ['begin', 'end', 'begin', 'end', 'begin', 'end'],
  );
  const told = lines.filter((line) => line.startsWith('{'));
  assert.match(told[1] ?? '', /"domain":"caf\\u00e9\.example"/);
  const events = told.map((line) => JSON.parse(line) as Record<string, string>);
  assert.deepEqual(
    events.map(({ at: _, ...event }) => event),
    [
      { event: 'user added', domain: 'example.jp', user: 'joe', address: 'joe@example.jp' },
      { event: 'domain removed', domain: 'caf\u00e9.example' },
      { event: 'user added', domain: 'example.jp', user: 'ann', address: 'ann@example.jp' },
    ],
  );
  assert.deepEqual(log, []);
});

test('failures are logged and the next event comes all the same', async (t) => {
  const rows: [string, string, RegExp][] = [
    ['a status', 'exit 3', /program ended with status 3 for \{"event":"user added"/],
    ['a signal', 'kill -9 $$', /program ended with SIGKILL for /],
    [
      'the time limit, with what it started',
      'sleep 60 & sleep 60',
      /program took longer than 0\.3 s and was ended for /,
    ],
    ['one that ignores SIGTERM', "trap '' TERM; sleep 60", /program took longer than 0\.3 s and was ended for /],
  ];
  for (const [reason, script, text] of rows) {
    const { hook, log, output } = hookWith(t, `echo run >> "$out"\n${script}`, { limitMs: 300 });
    hook.tell([added('joe'), added('ann')]);
    await hook.close(20_000);
    assert.equal(output(), 'run\nrun\n', reason);
    assert.equal(log.length, 2, reason);
    assert.match(log[0] ?? '', text, reason);
  }
});

test('a program that is not there, and one that reads nothing', async (t) => {
  const log: string[] = [];
  const missing = changeHook({ program: '/nowhere/program', log: lineLog((line) => log.push(line)) });
  missing.tell([added('joe')]);
  await missing.close(1000);
  assert.match(log.join(), /on-change: \/nowhere\/program could not be run: spawn .* ENOENT/);
  const deaf = hookWith(t, 'exec true');
  deaf.hook.tell(Array.from({ length: 20 }, (_, n) => added(`u${n}`)));
  await deaf.hook.close(10_000);
  assert.deepEqual(deaf.log, []);
});

test('a program that is too slow is told how many events were lost, in their place', async (t) => {
  const { hook, log, output } = hookWith(t, 'cat >> "$out"; sleep 0.3', { mostWaiting: 2 });
  hook.tell(['a', 'b', 'c', 'd', 'e'].map(added));
  await sleep(450);
  hook.tell([added('f')]);
  await hook.close(10_000);
  const told = output()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string | number>)
    .map(({ event, user, count }) => user ?? `${event} ${count}`);
  assert.equal(told.filter((what) => /^[a-f]$/.test(String(what))).join(''), 'abf');
  assert.deepEqual(told, ['a', 'b', 'events lost 3', 'f']);
  assert.match(log.join('\n'), /is too slow, 2 events wait/);
});

test('at the end a program that goes on is ended, and what it was not told is counted', async (t) => {
  const { hook, log } = hookWith(t, 'sleep 60');
  hook.tell([added('joe'), added('ann'), added('bob')]);
  await sleep(200);
  await hook.close(100);
  assert.match(log.join('\n'), /was ended with the watch/);
  assert.match(log.at(-1) ?? '', /on-change: 2 events were not told to /);
  hook.tell([added('late')]);
});
