// `vqmail serve --rehash`: hashes change on the way, sessions go on, a real change of the password still ends them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { changeAccount, setField } from '../support/account-change.js';
import { needsRoot } from '../support/needs.js';
import { giveToHoster, hosterDirectory, hosterDomain } from './foreign-domain.js';
import { startSampleHost, TextClient, until } from './sample-server.js';

const mailtest = 'home/vpopmail/domains/mailtest.example.jp';

async function loggedIn(port: number | undefined, login: string): Promise<TextClient> {
  const client = await TextClient.open(port, '127.0.0.2');
  await client.ask(`USER ${login}`);
  assert.match(await client.ask('PASS password'), /^\+OK/, login);
  return client;
}

function hashOf(directory: string, name: string): string {
  return new RegExp(`^${name}:([^:]*)`, 'm').exec(readFileSync(path.join(directory, 'vpasswd'), 'latin1'))?.[1] ?? '';
}

async function check(t: TestContext, workers: string, isForeign = false): Promise<void> {
  const { server, root } = await startSampleHost(
    t,
    ['--workers', workers, '--pop-before-smtp', 'off', '--rehash', 'sha512'],
    (tree) => {
      if (isForeign) giveToHoster(tree);
    },
  );
  await until(() => server.log().includes('accounts are watched'));
  const directory = path.join(root, isForeign ? hosterDirectory : mailtest);
  const name = isForeign ? 'mina' : 'test';
  const login = `${name}@${isForeign ? hosterDomain : 'mailtest.example.jp'}`;
  const before = hashOf(directory, name);
  assert.match(before, /^\$1\$/);
  const sessions = [await loggedIn(server.ports.pop3, login), await loggedIn(server.ports.pop3, login)];
  await until(() => hashOf(directory, name).startsWith('$6$'));
  await until(() => server.log().includes(`watch: password changed ${login}`));
  // The change has been looked at by every process once a later one has.
  sessions.push(await loggedIn(server.ports.pop3, login));
  for (const session of sessions) assert.match(await session.ask('NOOP'), /^\+OK/);
  assert.doesNotMatch(server.log(), /the session of \S+ ends/);
  changeAccount(directory, name, setField(1, 'x'));
  for (const session of sessions) assert.equal(await session.line(), '-ERR the account has changed, log in again');
  for (const session of sessions) session.destroy();
}

test('one process', (t) => check(t, '0'));

test('workers', async (t) => {
  if (needsRoot(t)) await check(t, '2');
});

test('a domain of another uid', async (t) => {
  if (needsRoot(t)) await check(t, '2', true);
});

test('a scheme that crypt(3) does not make is refused', async (t) => {
  await assert.rejects(startSampleHost(t, ['--workers', '0', '--rehash', 'rot13']), /--rehash rot13: choose one of/);
});
