// A host for tests of administration: an install without domains (that of a recording), to which the tests add domains with our tools; and the passwords that its accounts
// have, with hashes for a writer that makes none.

import assert from 'node:assert/strict';
import { loadHostCrypt } from '../../src/auth/crypt-library.js';
import { scriptCryptInThread } from '../../src/auth/crypt-worker.js';
import { makeRecordedHost } from '../cli/recordings/recorded-host.js';
import { callTool } from '../support/call-tool.js';
import { loadRecording } from '../support/recording.js';

/** Makes the host and gives its root, which `removeRoot` removes. */
export function makeAdminHost(): string {
  return makeRecordedHost(loadRecording('vpopmail', 'adddomain-first'));
}

/** Calls tools one after another; each must succeed. */
export async function mustCall(root: string, ...calls: readonly (readonly string[])[]): Promise<void> {
  for (const argv of calls) {
    const called = await callTool(root, argv);
    assert.deepEqual([called.exit, called.stderr], [0, ''], `${argv.join(' ')}: ${called.stdout}`);
  }
}

/** The passwords that accounts get in these tests. */
export const passwords: readonly string[] = Array.from({ length: 8 }, (_, number) => `password-${number}`);

/** Each password with a hash of it that crypt(3) of every host knows. */
export async function passwordHashes(): Promise<Record<string, string>> {
  const crypt = loadHostCrypt() ?? scriptCryptInThread();
  const hashed = passwords.map(async (password) => [password, await crypt(Buffer.from(password), '$1$saltsalt$')]);
  return Object.fromEntries(await Promise.all(hashed));
}

/** Numbers from 0 up to 1 that are the same in every run (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
