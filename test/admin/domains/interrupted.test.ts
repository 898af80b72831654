// Domains added and deleted by tools that are killed at every single change that they make, or meet a full disk at many of them. At no moment is there a domain without a directory and a
// postmaster; a failure leaves nothing, or tells that something is left; the next tool finishes or undoes what a killed one began, says so, and leaves nothing behind.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Layout } from '../../../src/layout.js';
import { callTool } from '../../support/call-tool.js';
import { needsRoot } from '../../support/needs.js';
import { removeRoot } from '../../support/recording.js';
import { makeAdminHost, mustCall } from '../admin-host.js';
import {
  checkAccounts,
  checkDerived,
  checkWhole,
  domainsOf,
  placesOf,
  temporaryFiles,
  wholeAlias,
  wholeDomain,
} from '../host-state.js';
import { type Interruption, notReached } from './interrupted-tool.js';

const program = fileURLToPath(new URL(`./interrupted-tool${path.extname(import.meta.url)}`, import.meta.url));
const lanes = 2;
const [domain, alias] = ['new.example.jp', 'alias.example.jp'];

/** One way to change a domain, what stands before it, and where its names are afterwards. */
interface Scenario {
  readonly name: string;
  readonly before: readonly (readonly string[])[];
  readonly call: readonly string[];
  readonly after: Readonly<Record<string, readonly string[]>>;
  /** Exit codes of a call that finds its work done. */
  readonly doneAlready: number;
}

const add = ['vadddomain', domain, 'secret99'];
const more = Array.from({ length: 50 }, (_, number) => `host${number}.example.jp\n`).join('');

const scenarios: readonly Scenario[] = [
  { name: 'vadddomain', before: [], call: add, after: { [domain]: wholeDomain }, doneAlready: 243 },
  {
    name: 'vaddaliasdomain',
    before: [add],
    call: ['vaddaliasdomain', domain, alias],
    after: { [domain]: wholeDomain, [alias]: wholeAlias },
    doneAlready: 255,
  },
  {
    name: 'vdeldomain -f',
    before: [add, ['vaddaliasdomain', domain, alias]],
    call: ['vdeldomain', '-f', domain],
    after: { [domain]: [], [alias]: [] },
    doneAlready: 245,
  },
];

interface Ended {
  readonly exit: number | string;
  readonly said: string;
}

function interrupt(root: string, how: Interruption, at: number, call: readonly string[]): Promise<Ended> {
  const loader = process.execArgv.filter(
    (word, index, all) => word.startsWith('--import') || all[index - 1] === '--import',
  );
  const child = spawn(process.execPath, [...loader, program, '--run', root, how, String(at), ...call]);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('latin1').on('data', (text) => (said += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ exit: code ?? signal ?? 'unknown', said }));
  });
}

/** What must be true at every moment: who is known has a directory with a postmaster. */
function checkNoneHalfThere(root: string, what: string): void {
  checkWhole(root);
  for (const [name, directory] of domainsOf(root)) {
    assert.ok(fs.existsSync(directory), `${what}: ${name} has no directory`);
    assert.ok(checkAccounts(directory).has('postmaster'), `${what}: ${name} has no postmaster`);
  }
}

function recordsIn(root: string): string[] {
  return fs.readdirSync(new Layout({ root }).etc('')).filter((name) => name.startsWith('.domain_change.'));
}

/** The next tool, whatever it is for, leaves each domain there or not there; then the interrupted call does what it is for, or finds it done. */
async function checkNextCalls(root: string, scenario: Scenario, what: string): Promise<void> {
  const records = recordsIn(root).filter((name) => fs.statSync(new Layout({ root }).etc(name)).size > 0);
  const other = await callTool(root, ['vaddaliasdomain', 'nobody.example.jp', 'nowhere.example.jp']);
  if (records.length > 0) assert.match(other.stderr, / was interrupted: /, what);
  assert.deepEqual(recordsIn(root), [], `${what}: after another tool: ${other.stderr}`);
  checkNoneHalfThere(root, `${what}: after another tool`);
  for (const name of Object.keys(scenario.after)) {
    const places = placesOf(root, name);
    const isWhole = [[], wholeDomain, wholeAlias].some((whole) => whole.join() === places.join());
    assert.ok(isWhole, `${what}: after another tool ${name} is in ${places.join()}: ${other.stderr}`);
  }
  const { exit, stdout, stderr } = await callTool(root, scenario.call);
  assert.ok(exit === 0 || exit === scenario.doneAlready, `${what}: again: ${exit} ${stdout}${stderr}`);
  for (const [name, places] of Object.entries(scenario.after))
    assert.deepEqual(placesOf(root, name), places, `${what}: ${name}`);
  checkDerived(root);
  // A directory that could not be removed is left to the next vadduser.
  const left = temporaryFiles(root).filter((file) => !path.basename(file).startsWith('.vadduser.'));
  assert.deepEqual([recordsIn(root), left], [[], []], what);
}

/** Runs a scenario interrupted at every change, or every so many. @returns about how many there are */
async function atEveryChange(
  how: Interruption,
  scenario: Scenario,
  every = 1,
  prepare: (root: string) => void = () => {},
): Promise<number> {
  const prepared = makeAdminHost();
  prepare(prepared);
  await mustCall(prepared, ...scenario.before);
  let next = 1;
  let last = Number.POSITIVE_INFINITY;
  const turn = (): number => {
    const at = next;
    next += every;
    return at;
  };
  const lane = async (): Promise<void> => {
    for (let at = turn(); at < last; at = turn()) {
      const root = `${prepared}-${at}`;
      try {
        execFileSync('cp', ['-a', prepared, root]);
        const what = `${scenario.name}, ${how} at change ${at}`;
        const { exit, said } = await interrupt(root, how, at, scenario.call);
        if (exit === notReached) last = Math.min(last, at);
        else await checkInterrupted(root, how, scenario, what, { exit, said });
      } finally {
        removeRoot(root);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: lanes }, lane));
  } finally {
    removeRoot(prepared);
  }
  return last - 1;
}

async function checkInterrupted(
  root: string,
  how: Interruption,
  scenario: Scenario,
  what: string,
  ended: Ended,
): Promise<void> {
  if (how === 'kill') assert.equal(ended.exit, 'SIGKILL', `${what}: ${ended.said}`);
  if (how === 'fail' && ended.exit !== 0) assert.notEqual(ended.said, '', `${what}: failed without a word`);
  checkNoneHalfThere(root, what);
  if (how === 'fail' && scenario.call === add && ended.exit !== 0 && recordsIn(root).length === 0) {
    assert.deepEqual(placesOf(root, domain), [], `${what}: left behind: ${ended.said}`);
  }
  await checkNextCalls(root, scenario, what);
}

for (const how of ['kill', 'fail'] as const) {
  describe(how === 'kill' ? 'killed at every change' : 'a full disk at every third change', () => {
    for (const scenario of scenarios) {
      it(scenario.name, async (t) => {
        if (!needsRoot(t)) return;
        const changes = await atEveryChange(how, scenario, how === 'kill' ? 1 : 3);
        t.diagnostic(`${changes} changes`);
        assert.ok(changes > 20, `only ${changes} changes were counted`);
      });
    }
  });
}

it('killed at every third change while the names go to morercpthosts', async (t) => {
  if (!needsRoot(t)) return;
  const scenario = scenarios[2];
  assert.ok(scenario);
  await atEveryChange('kill', scenario, 3, (root) => fs.writeFileSync(new Layout({ root }).control('rcpthosts'), more));
});
