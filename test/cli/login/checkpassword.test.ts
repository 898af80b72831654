// checkpassword: its exit codes, and what the program sees that takes its place.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { authPlace } from '../../support/auth-socket.js';
import { vqmailProgram } from '../../support/started-server.js';

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs it with bytes on descriptor 3. */
async function check(
  socket: string,
  sent: string,
  env: Record<string, string>,
  program = '/usr/bin/env',
): Promise<Ran> {
  const child = spawn(process.execPath, [vqmailProgram, 'checkpassword', socket, program], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
  });
  const output = ['', ''];
  for (const [index, stream] of [child.stdout, child.stderr].entries())
    stream?.on('data', (chunk: Buffer) => {
      output[index] += chunk.toString('latin1');
    });
  const input = child.stdio[3];
  if (input !== null && input !== undefined && 'end' in input)
    input.on('error', () => {}).end(Buffer.from(sent, 'latin1'));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout: output[0] ?? '', stderr: output[1] ?? '' };
}

const imap = { SERVICE: 'imap', TCPREMOTEIP: '192.0.2.9', TCPLOCALIP: '192.0.2.1' };

test('good, refused, looked up, in trouble', async (t) => {
  const place = await authPlace(t);
  const home = path.join(place.files.directory('example.jp'), 'joe');
  const good = await check(place.socket, 'JOE@example.jp\0joe pw\0\0', imap);
  assert.equal(good.status, 0, good.stderr);
  const seen = new Map(
    good.stdout.split('\n').map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)]),
  );
  const { uid, gid } = fs.statSync(home);
  assert.deepEqual(
    ['USER', 'HOME', 'EXTRA', 'userdb_uid', 'userdb_gid', 'userdb_quota_rule', 'SERVICE'].map((name) => seen.get(name)),
    [
      'joe@example.jp',
      home,
      'userdb_uid userdb_gid userdb_quota_rule',
      `${uid}`,
      `${gid}`,
      '*:bytes=1000000:messages=20',
      'imap',
    ],
  );
  assert.equal(fs.readFileSync(path.join(home, 'lastauth'), 'latin1'), '192.0.2.9');

  const refused: readonly [string, string, Record<string, string>, number][] = [
    ['a wrong password', 'joe@example.jp\0wrong\0\0', imap, 1],
    ['nobody', 'nobody@example.jp\0joe pw\0\0', imap, 1],
    ['an account that is closed to SMTP', 'nosmtp@example.jp\0secret\0\0', { ...imap, SERVICE: 'smtp' }, 1],
    ['nothing at all', '', imap, 1],
    ['a password is asked for', 'joe@example.jp\0\0\0', { ...imap, CREDENTIALS_LOOKUP: '1', AUTHORIZED: '1' }, 1],
    ['a look-up of nobody', 'nobody@example.jp\0\0\0', { ...imap, AUTHORIZED: '1' }, 3],
  ];
  for (const [why, sent, env, status] of refused) {
    const ran = await check(place.socket, sent, env);
    assert.deepEqual([ran.status, ran.stdout], [status, ''], `${why}: ${ran.stderr}`);
  }
  const lookUp = await check(place.socket, 'joe@example.jp\0\0\0', { ...imap, AUTHORIZED: '1' });
  assert.equal(lookUp.status, 0);
  assert.match(lookUp.stdout, /^AUTHORIZED=2$/m);

  place.files.write(`${place.files.directory('example.jp')}/vpasswd.cdb`, 'no cdb');
  for (const env of [imap, { ...imap, AUTHORIZED: '1' }])
    assert.equal((await check(place.socket, 'joe@example.jp\0joe pw\0\0', env)).status, 111);
  const gone = await check(`${place.socket}.gone`, 'joe@example.jp\0joe pw\0\0', imap);
  assert.equal(gone.status, 111);
  assert.match(gone.stderr, /^checkpassword: vqmail cannot be asked at .*auth\.gone/);
});

test('a program that cannot be run is trouble; without one it is used wrongly', async (t) => {
  const place = await authPlace(t);
  const ran = await check(place.socket, 'joe@example.jp\0joe pw\0\0', imap, '/nowhere');
  assert.equal(ran.status, 111);
  assert.match(ran.stderr, /unable to run \/nowhere/);
  const child = spawn(process.execPath, [vqmailProgram, 'checkpassword', place.socket], { stdio: 'ignore' });
  assert.equal((await once(child, 'close'))[0], 2);
});
