// Eight writers at once, ours and a stand-in with the originals' manners, which share nothing with ours but the locks: no update is lost, nobody who may come in is refused
// meanwhile, and at the end every file is the one that it should be.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PasswordChecker } from '../../src/auth/password.js';
import { Layout } from '../../src/layout.js';
import { callTool } from '../support/call-tool.js';
import { needs, needsRoot } from '../support/needs.js';
import { removeRoot } from '../support/recording.js';
import { runToolProgram } from '../support/tool-program.js';
import { makeAdminHost, mustCall, passwordHashes, passwords, randomNumbers } from './admin-host.js';
import {
  checkAccounts,
  checkDerived,
  checkLocksFree,
  checkWhole,
  domainsOf,
  linesOf,
  placesOf,
  temporaryFiles,
  wholeDomain,
} from './host-state.js';
import { makeLifecycles } from './lifecycles.js';
import { startReader } from './readers.js';
import { type Call, type FailedCall, runWriter, type WriterKind } from './writers.js';

const shared = 'shared.example';

test('5,000 accounts of one domain and of others, while four readers log in', async (t) => {
  if (!needsRoot(t) || !needs(t, 'python3')) return;
  const root = makeAdminHost();
  t.after(() => removeRoot(root));
  const others = Array.from({ length: 12 }, (_, number) => `d${number}.example`);
  await mustCall(root, ...[shared, ...others].map((domain): Call => ['vadddomain', domain, 'postmaster-password']));
  const expected = new Map<string, string | undefined>();
  for (const domain of [shared, ...others]) expected.set(`postmaster@${domain}`, 'postmaster-password');
  const stable = Array.from(
    { length: 40 },
    (_, number) => `stable${number}@${number % 2 ? shared : others[number % 12]}`,
  );
  await mustCall(root, ...stable.map((address): Call => ['vadduser', address, passwords[0] ?? '']));
  for (const address of stable) expected.set(address, passwords[0]);

  const readers = Array.from({ length: 4 }, () => startReader(root));
  const mustBe = (address: string, password: string | undefined): void => {
    expected.set(address, password);
    for (const reader of readers) {
      if (password === undefined) reader.isGone(address);
      else reader.exists(address, password);
    }
  };
  for (const [address, password] of expected) mustBe(address, password);
  const hashes = await passwordHashes();
  const writers: [WriterKind, number][] = [
    ...Array.from({ length: 4 }, (): [WriterKind, number] => ['ours', 710]),
    ...Array.from({ length: 3 }, (): [WriterKind, number] => ['original', 710]),
    ['programs', 30],
  ];
  const failed = await Promise.all(
    writers.map(([kind, accounts], number) => {
      const own = [0, 1, 2].map((index) => others[(number + index * 4) % 12] ?? '');
      const { calls, settled } = makeLifecycles({
        prefix: `w${number}-`,
        accounts,
        domains: [shared, ...own],
        random: randomNumbers(number),
      });
      return runWriter(kind, root, { calls, hashes }, (call) => {
        const now = settled.get(call);
        if (now !== undefined) mustBe(now.address, now.password);
      });
    }),
  );
  assert.deepEqual(failed.flat(), []);
  const read = await Promise.all(readers.map((reader) => reader.finish()));
  assert.deepEqual(
    read.flatMap(({ wrong }) => wrong),
    [],
  );
  assert.ok(
    read.every(({ asked }) => asked > expected.size),
    'every reader asked while the writers wrote',
  );
  await checkExpected(root, expected);
  checkLocksFree(root);
  assert.deepEqual(temporaryFiles(root), []);
});

/** Every account is there with its password, those that are gone are gone, and there are no others. */
async function checkExpected(root: string, expected: ReadonlyMap<string, string | undefined>): Promise<void> {
  const checker = new PasswordChecker();
  const there = new Set<string>();
  for (const [domain, directory] of domainsOf(root)) {
    for (const [name, record] of checkAccounts(directory)) {
      const address = `${name}@${domain}`;
      there.add(address);
      const password = expected.get(address);
      assert.ok(password !== undefined, `${address} should not be there`);
      assert.ok(await checker.verify(password, record.passwd, domain), `${address} has another password`);
    }
  }
  const lost = [...expected].filter(([address, password]) => password !== undefined && !there.has(address));
  assert.deepEqual(lost, []);
}

/** Domains that a writer adds, of which it deletes every third again. */
function domainCalls(prefix: string, count: number): { calls: Call[]; kept: string[] } {
  const names = Array.from({ length: count }, (_, number) => `${prefix}${number}.example`);
  const isDeleted = (number: number): boolean => number % 3 === 2;
  const calls = names.flatMap((name, number): Call[] => [
    ['vadddomain', name, 'postmaster-password'],
    ...(isDeleted(number) ? [['vdeldomain', name]] : []),
  ]);
  return { calls, kept: names.filter((_, number) => !isDeleted(number)) };
}

/** Runs writers of domains while a reader logs in at a domain that stays; gives the calls that failed and the domains that must be there. */
async function raceForDomains(
  root: string,
  writers: readonly (readonly [WriterKind, number])[],
): Promise<{ failed: FailedCall[]; kept: string[] }> {
  await mustCall(root, ['vadddomain', shared, 'postmaster-password']);
  const reader = startReader(root);
  reader.exists(`postmaster@${shared}`, 'postmaster-password');
  const hashes = { 'postmaster-password': (await passwordHashes())[passwords[0] ?? ''] ?? '' };
  const work = writers.map(([kind, count], number) => ({ kind, ...domainCalls(`w${number}d`, count) }));
  const failed = await Promise.all(work.map(({ kind, calls }) => runWriter(kind, root, { calls, hashes })));
  const { wrong } = await reader.finish();
  assert.deepEqual(wrong, []);
  return { failed: failed.flat(), kept: [shared, ...work.flatMap(({ kept }) => kept)] };
}

function checkDomains(root: string, kept: readonly string[]): void {
  const layout = new Layout({ root });
  const sorted = kept.toSorted();
  const hosts = [...linesOf(layout.control('rcpthosts')), ...linesOf(layout.control('morercpthosts'))];
  assert.deepEqual(hosts.toSorted(), sorted, 'rcpthosts and morercpthosts');
  const virtual = linesOf(layout.control('virtualdomains'));
  assert.deepEqual(virtual.toSorted(), sorted.map((name) => `${name}:${name}`).toSorted(), 'virtualdomains');
  assert.deepEqual([...domainsOf(root).keys()].toSorted(), sorted, 'users/assign');
  checkWhole(root);
  checkLocksFree(root);
  assert.deepEqual(temporaryFiles(root), []);
}

test('domains, by our tools alone: every file is exact', async (t) => {
  if (!needsRoot(t)) return;
  const root = makeAdminHost();
  t.after(() => removeRoot(root));
  const writers: [WriterKind, number][] = [
    ...Array.from({ length: 6 }, (): [WriterKind, number] => ['ours', 20]),
    ['programs', 9],
  ];
  const { failed, kept } = await raceForDomains(root, writers);
  assert.deepEqual(failed, []);
  checkDomains(root, kept);
  checkDerived(root);
  for (const name of kept) assert.deepEqual(placesOf(root, name), wholeDomain, name);
});

test('domains, ours beside the originals: no line is lost; users/cdb, which they make without a lock, is right after the next change of ours', async (t) => {
  if (!needsRoot(t) || !needs(t, 'python3')) return;
  const root = makeAdminHost();
  t.after(() => removeRoot(root));
  const writers: [WriterKind, number][] = [
    ['ours', 15],
    ['ours', 15],
    ['ours', 15],
    ['programs', 6],
    // One: two of them spoil each other's users/cdb.tmp, whatever we do.
    ['original', 30],
  ];
  const { failed, kept } = await raceForDomains(root, writers);
  assert.deepEqual(failed, []);
  await mustCall(root, ['vadddomain', 'last.example', 'postmaster-password']);
  checkDomains(root, [...kept, 'last.example']);
  checkDerived(root);
});

test('the relay table: every login is in it, and in the rules', async (t) => {
  if (!needsRoot(t) || !needs(t, 'python3', 'tcprules')) return;
  const root = makeAdminHost();
  t.after(() => removeRoot(root));
  await mustCall(root, ['vadddomain', shared, 'postmaster-password'], ['vadduser', `joe@${shared}`, 'joe-password']);
  const ours = Array.from({ length: 30 }, (_, number) => `10.1.0.${number}`);
  const theirs = [1, 2].map((writer) => Array.from({ length: 100 }, (_, number) => `10.2.${writer}.${number}`));
  const logIns = logInFrom(root, ours);
  const standIns = theirs.map((ips) =>
    runWriter('original', root, { calls: ips.map((ip) => ['login', ip]), hashes: {} }),
  );
  const clearing = runWriter('ours', root, { calls: Array.from({ length: 40 }, () => ['clearopensmtp']), hashes: {} });
  assert.deepEqual((await Promise.all(standIns)).flat(), []);
  assert.deepEqual(await clearing, []);
  assert.deepEqual(
    await logIns,
    ours.map(() => 0),
  );
  await mustCall(root, ['clearopensmtp']);
  const layout = new Layout({ root });
  const ips = linesOf(layout.etc('open-smtp')).map((line) => line.split(':')[0]);
  assert.deepEqual(ips.toSorted(), [...ours, ...theirs.flat()].toSorted());
  for (const ip of [ours[0], theirs[0]?.[0], theirs[1]?.[99]]) {
    const rule = await callTool(root, ['tcprulescheck', layout.smtpRulesCdb], { env: { TCPREMOTEIP: ip ?? '' } });
    assert.match(rule.stdout, /RELAYCLIENT/, ip);
  }
});

/** Logs in by vchkpw, four at a time, and gives the exit codes. */
async function logInFrom(root: string, ips: readonly string[]): Promise<(number | string)[]> {
  const waiting = [...ips];
  const exits: (number | string)[] = [];
  const lane = async (): Promise<void> => {
    for (let ip = waiting.shift(); ip !== undefined; ip = waiting.shift()) {
      const env = { TCPLOCALPORT: '110', TCPREMOTEIP: ip, PATH: process.env.PATH ?? '' };
      const ran = await runToolProgram(root, ['vchkpw', '/bin/true'], { env, fd3: `joe@${shared}\0joe-password\0\0` });
      exits.push(ran.status);
    }
  };
  await Promise.all(Array.from({ length: 4 }, lane));
  return exits;
}
