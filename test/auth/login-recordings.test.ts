// Logins that vchkpw was given (fixtures/recordings/vpopmail/login-*.json), decided by ours: who gets in, why the others do not, and what is in lastauth afterwards.
//
// What vchkpw reads on descriptor 3 is a name, a response that may be a password or a digest, and a challenge; the port says which service is asked for.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LoginRefusal, type LoginResult, type LoginService, login } from '../../src/auth/login.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { ucspiAddress } from '../../src/formats/ucspi-address.js';
import { Layout } from '../../src/layout.js';
import { openHost } from '../../src/stores/host.js';
import {
  applyChanged,
  applyWrite,
  buildTree,
  changesBetween,
  differences,
  loadRecording,
  newRoot,
  pictureOf,
  recordingNames,
  removeRoot,
  type Step,
} from '../support/recording.js';

const services: Readonly<Record<string, LoginService>> = {
  25: 'smtp',
  465: 'smtps',
  587: 'submission',
  110: 'pop3',
  995: 'pop3s',
  143: 'imap',
  993: 'imaps',
};

/** vchkpw's exit status for each refusal. */
const exits: Readonly<Record<LoginRefusal, number>> = {
  'access denied': 1,
  'unknown user': 3,
  'wrong password': 3,
  'null user name': 12,
  'null password': 13,
  'no directory': 14,
  'no password': 15,
  'invalid characters': 20,
};

/** Decisions that are others on purpose: recording, note, exit status of the original and what ours would be. */
const onPurpose: readonly { recording: string; note: string; recorded: number; ours: number; why: string }[] = [
  {
    recording: 'login-passwords',
    note: 'name of 200 bytes',
    recorded: 13,
    ours: 3,
    why: 'input is not cut at 155 bytes, so the password behind a long name is there',
  },
  {
    recording: 'login-owners',
    note: 'domain of hoster',
    recorded: 6,
    ours: 0,
    why: 'vchkpw changes to the account directory as the domain owner, who may not pass ~vpopmail/domains; a test as root may',
  },
  {
    recording: 'login-mailboxes',
    note: 'a directory of root',
    recorded: 6,
    ours: 0,
    why: 'the same: whether the mailbox can be read is seen when it is opened',
  },
];

const used = new Set<unknown>();

/** Written by vchkpw beyond the login: relay rules, a limits file that root reads, the counter of an account without a directory. */
const notOurs = /\/etc\/|\.qmailadmin-limits$|\.dir-control$/;

for (const name of recordingNames('vpopmail').filter((name) => name.startsWith('login-'))) {
  test(`${name} is decided as recorded`, async (t) => {
    const recording = loadRecording('vpopmail', name);
    const root = newRoot();
    t.after(() => removeRoot(root));
    buildTree(recording.before, root);
    const host = openHost(new Layout({ root }));
    const passwords = new PasswordChecker();
    for (const [index, step] of recording.steps.entries()) {
      const label = `${name} ${index} ${step.note ?? ''}`;
      if (step.write !== undefined) applyWrite(step.write, root);
      // Started as another uid: this process is what it is.
      else if (step.fd3 !== undefined && step.run?.[0]?.endsWith('/vchkpw')) {
        const before = pictureOf(root);
        const result = await login(host, passwords, requestOf(step));
        compareDecision(name, step, result, label);
        const changes = changesBetween(before, pictureOf(root));
        const ours = Object.fromEntries(Object.entries(changes).filter(([path]) => !notOurs.test(path)));
        const recorded = Object.fromEntries(Object.entries(step.changed ?? {}).filter(([path]) => !notOurs.test(path)));
        assert.deepEqual(differences(recorded, ours), [], label);
        applyChanged(step, root);
      } else applyChanged(step, root);
    }
  });
}

test('every decision that is named as another was met', () => {
  assert.deepEqual(
    onPurpose.filter((row) => !used.has(row)),
    [],
  );
});

function requestOf({ fd3 = '', env = {}, run = [] }: Step): Parameters<typeof login>[2] {
  const [name = '', response = '', timestamp = ''] = Buffer.from(fd3).toString('latin1').split('\0');
  const program = run[1] ?? '';
  const byProgram: LoginService = program.includes('true') ? 'smtp' : program.includes('imap') ? 'imap' : 'pop3';
  return {
    service: services[env.TCPLOCALPORT ?? ''] ?? byProgram,
    login: name,
    secret: { response, timestamp },
    remoteIp: ucspiAddress(env.TCPREMOTEIP ?? ''),
    localIp: env.TCPLOCALIP,
  };
}

/** The program behind vchkpw has a status of its own, and may crash or hang; it ran when lastauth was written. */
function recordedExit(step: Step & { readonly touched?: readonly string[] }): number {
  const isStamped = [...(step.touched ?? []), ...Object.keys(step.changed ?? {})].some((path) =>
    path.endsWith('lastauth'),
  );
  if (step.exit === 6) return 6;
  return isStamped || step.exit === null ? 0 : (step.exit ?? 0);
}

function compareDecision(recording: string, step: Step, result: LoginResult, label: string): void {
  const [recorded, ours] = [recordedExit(step), result.ok ? 0 : exits[result.why]];
  const row = onPurpose.find((known) => known.recording === recording && known.note === step.note);
  if (row !== undefined) used.add(row);
  assert.equal(ours, row?.ours ?? recorded, label);
  if (row !== undefined) assert.equal(recorded, row.recorded, label);
}
