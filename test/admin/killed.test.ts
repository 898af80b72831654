// Our tools killed with SIGKILL at some hundred random moments. At once every file is whole and every lock is free; the call that was interrupted succeeds when it is made
// again (or finds its work done); after it no domain is half there, and everything that had ended is as it was left.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { callTool } from '../support/call-tool.js';
import { needsRoot } from '../support/needs.js';
import { removeRoot } from '../support/recording.js';
import { makeAdminHost, mustCall } from './admin-host.js';
import {
  checkAccounts,
  checkDerived,
  checkLocksFree,
  checkWhole,
  domainsOf,
  placesOf,
  temporaryFiles,
  wholeAlias,
  wholeDomain,
} from './host-state.js';
import { type Call, followLines, startCaller } from './writers.js';

const kills = 160;
const lanes = 4;
const base = 'base.example';

/** Calls without end for one killing; names are not used again. */
function endlessCalls(label: string): Call[] {
  return Array.from({ length: 40 }, (_, number): Call[] => {
    const [user, domain, alias] = [
      `${label}u${number}@${base}`,
      `${label}d${number}.example`,
      `${label}a${number}.example`,
    ];
    return [
      ['vadddomain', domain, 'postmaster-password'],
      ['vadduser', user, 'first-password'],
      ['vaddaliasdomain', domain, alias],
      ['vpasswd', user, 'second-password'],
      ['vmoddomlimits', '-P', String(number + 1), '-q', '10M', domain],
      ['clearopensmtp'],
      ...(number % 2 ? [['vdeluser', user]] : []),
      ...(number % 3 ? [['vdeldomain', '-f', domain]] : []),
    ];
  }).flat();
}

/** Exit codes of a call that finds its work done: the user or domain exists, or is gone. */
const foundDone: Readonly<Record<string, readonly number[]>> = {
  vadddomain: [243],
  vadduser: [255],
  vaddaliasdomain: [255],
  vdeluser: [246, 255],
  vdeldomain: [245],
};

/** Starts the calls, kills them a random while after some of them have ended, and gives how many had. */
async function callAndBeKilled(root: string, calls: readonly Call[]): Promise<number> {
  const child = startCaller(root, { calls, hashes: {} });
  const last = Math.floor(Math.random() * 16);
  let ended = 0;
  const { errors } = await followLines(child, (_, exit, said) => {
    if (ended++ === last) setTimeout(() => child.kill('SIGKILL'), Math.random() * 25);
    assert.equal(exit, 0, `${calls[ended - 1]?.join(' ')}: ${said}`);
  });
  assert.equal(child.signalCode, 'SIGKILL', `the tools ended by themselves: ${errors}`);
  return ended;
}

async function callAgain(root: string, call: Call): Promise<void> {
  const { exit, stdout, stderr } = await callTool(root, call);
  const isGood = exit === 0 || foundDone[call[0] ?? '']?.includes(exit);
  assert.ok(isGood, `${call.join(' ')} after being killed: ${exit} ${stdout}${stderr}`);
}

/** Where every domain and account of these calls must be after the given ones were made. */
function checkOutcome(root: string, made: readonly Call[]): void {
  const domains = new Map<string, { places: readonly string[]; aliases: string[] }>();
  const users = new Map<string, boolean>();
  for (const [tool, first = '', second = '', ...rest] of made) {
    if (tool === 'vadddomain') domains.set(first, { places: wholeDomain, aliases: [] });
    if (tool === 'vaddaliasdomain') {
      domains.set(second, { places: wholeAlias, aliases: [] });
      domains.get(first)?.aliases.push(second);
    }
    if (tool === 'vdeldomain' && first === '-f') {
      for (const name of [second, ...(domains.get(second)?.aliases ?? [])])
        domains.set(name, { places: [], aliases: [] });
    }
    if (tool === 'vadduser') users.set(first, true);
    if (tool === 'vdeluser') users.set(first, false);
    assert.ok(rest.length < 4);
  }
  for (const [name, { places }] of domains) assert.deepEqual(placesOf(root, name), places, name);
  const accounts = checkAccounts(domainsOf(root).get(base) ?? '');
  for (const [address, isThere] of users) assert.equal(accounts.has(address.split('@')[0] ?? ''), isThere, address);
}

test(`killed ${kills} times`, async (t) => {
  if (!needsRoot(t)) return;
  const roots = Array.from({ length: lanes }, makeAdminHost);
  t.after(() => roots.forEach(removeRoot));
  const interrupted = new Map<string, number>();
  const leftOver = new Map<string, number>();
  let left = kills;
  const lane = async (root: string, number: number): Promise<void> => {
    await mustCall(root, ['vadddomain', base, 'postmaster-password']);
    while (left-- > 0) {
      const calls = endlessCalls(`k${number}x${left}`);
      const ended = await callAndBeKilled(root, calls);
      checkWhole(root);
      checkLocksFree(root);
      const call = calls[ended];
      if (call === undefined) continue;
      count(interrupted, call[0] ?? '');
      await callAgain(root, call);
      checkDerived(root);
      checkOutcome(root, calls.slice(0, ended + 1));
      await clean(root);
      for (const file of temporaryFiles(root))
        count(leftOver, path.basename(file).replace(/\d+(\.[0-9a-f]+)?$/, 'PID'));
      removeTemporaryFiles(root);
    }
  };
  await Promise.all(roots.map(lane));
  t.diagnostic(`interrupted: ${JSON.stringify(Object.fromEntries(interrupted))}`);
  t.diagnostic(`temporary files left: ${JSON.stringify(Object.fromEntries(leftOver))}`);
});

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Removes the domains of one killing. */
async function clean(root: string): Promise<void> {
  for (const [name, directory] of domainsOf(root)) {
    if (name === base || domainsOf(root).get(name) !== directory) continue;
    await callAgain(root, ['vdeldomain', '-f', name]);
  }
  assert.deepEqual([...domainsOf(root).keys()], [base]);
  await mustCall(root, ['vpasswd', `postmaster@${base}`, 'postmaster-password'], ['clearopensmtp']);
}

/** A killed writer leaves files and directories that bear its process's number, which harm nobody. */
function removeTemporaryFiles(root: string): void {
  for (const file of temporaryFiles(root)) fs.rmSync(file, { recursive: true });
}
