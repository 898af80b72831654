// The processes in which qmail-local runs, as root: one user's deliveries share one, nobody else's do; a program has nothing of root or of the queue; what a process does not survive.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { needsRoot } from '../support/needs.js';
import { until } from './sample-server.js';
import { ServedQueue } from './served-queue.js';

const message = 'Subject: x\n\nx\n';
/** A line about the program: its parent, and everything that it has. */
const about =
  `|{ echo $PPID; umask; pwd; readlink /proc/self/fd/* | grep -c socket; grep -E '^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb)):' /proc/self/status; env | grep -c BECOME; head -n 3 | wc -l; }` +
  " | tr -s '\\n\\t ' ' ' >> seen; echo >> seen\n";

test('deliveries of a user share a process, which has nothing of root', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.dotQmail('hoster', '-who', about);
  host.dotQmail('domain', '-who', about);
  await host.start();
  const deliver = async (recipient: string): Promise<void> => {
    assert.match(await host.send('joe@client.example', [recipient], message), /^250 /);
    await host.emptied();
  };
  const lines = (directory: string): string[] => host.read(`${directory}/seen`).trimEnd().split('\n');
  const domain = '/home/vpopmail/domains/mailtest.example.jp';
  for (const recipient of ['hoster-who@local.example', 'who@mailtest.example.jp', 'hoster-who@local.example'])
    await deliver(recipient);

  const [first = '', second = ''] = lines('/home/hoster').map((line) => line.split(' ', 1)[0]);
  const [other = ''] = lines(domain).map((line) => line.split(' ', 1)[0]);
  assert.equal(first, second);
  assert.notEqual(other, first);
  const none = '0000000000000000';
  const ids = (id: number): string => `${id} ${id} ${id} ${id}`;
  for (const [directory, id] of [
    ['/home/hoster', 7001],
    [domain, 6020],
  ] as const)
    for (const line of lines(directory))
      assert.equal(
        line.trimEnd().replace(/^\d+ /, ''),
        `0077 ${host.root}${directory} 0 Uid: ${ids(id)} Gid: ${ids(id)} Groups: ${id} CapInh: ${none} CapPrm: ${none} CapEff: ${none} CapAmb: ${none} 0 3`,
      );
  // The system lets nobody of that uid look into it.
  assert.equal(statSync(`/proc/${first}/environ`).uid, 0);

  process.kill(Number(first), 'SIGKILL');
  await until(() => !existsSync(`/proc/${first}`));
  await deliver('hoster-who@local.example');
  const [, , third = ''] = lines('/home/hoster').map((line) => line.split(' ', 1)[0]);
  assert.notEqual(third, first);
  await host.server.stop('SIGTERM');
  await until(() => [other, third].every((pid) => !existsSync(`/proc/${pid}`)));
});

test('deliveries of a user that run at once share a process too', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.dotQmail(
    'hoster',
    '-default',
    '|echo "$PPID $EXT" >> seen; until [ "$(wc -l < seen)" = 3 ]; do sleep 0.1; done; tail -n 1\n',
  );
  await host.start();
  const names = ['a', 'b', 'c'];
  const recipients = names.map((name) => `hoster-${name}@local.example`);
  assert.match(await host.send('joe@client.example', recipients, 'Subject: x\n\nthe message\n'), /^250 /);
  await host.emptied();
  const lines = host
    .read('/home/hoster/seen')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '));
  assert.deepEqual(lines.map(([, name]) => name).sort(), names);
  assert.equal(new Set(lines.map(([parent]) => parent)).size, 1);
  assert.equal(host.server.log().match(/^delivery \d+: success: the_message\/did_0\+0\+1\/$/gm)?.length, 3);
});

test('what a program has left behind says belongs to the report, and keeps nothing of the next delivery', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.dotQmail('hoster', '-left', '|(sleep 1; echo late) & echo early\n');
  host.dotQmail('hoster', '-then', '|echo then\n');
  await host.start();
  for (const name of ['left', 'then']) {
    assert.match(await host.send('joe@client.example', [`hoster-${name}@local.example`], message), /^250 /);
    await host.emptied();
  }
  assert.match(host.server.log(), /^delivery \d+: success: early\/did_0\+0\+1\/late\/$/m);
  assert.match(host.server.log(), /^delivery \d+: success: then\/did_0\+0\+1\/$/m);
});

test('where there is no room to keep a message, that is said, and the process goes on', async (t) => {
  if (!needsRoot(t)) return;
  const env: NodeJS.ProcessEnv = {};
  const host = new ServedQueue(t, { args: ['--workers', '1'], env });
  const small = path.join(host.root, 'small');
  mkdirSync(small);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=1777', 'tmpfs', small]);
  } catch (error) {
    if (process.env.CI) throw error;
    return t.skip('skipped: needs the right to mount');
  }
  try {
    env.TMPDIR = small;
    host.dotQmail('hoster', '-who', '|echo $PPID >> seen\n');
    await host.start();
    const deliver = async (text: string): Promise<void> => {
      assert.match(await host.send('joe@client.example', ['hoster-who@local.example'], text), /^250 /);
    };
    await deliver(message);
    await host.emptied();
    await deliver(message + 'x\n'.repeat(500_000));
    await host.logged('delivery 2: deferral: Unable_to_keep_the_message:_out_of_disk_space._(#4.3.0)/\n');
    await deliver(message);
    await host.logged('delivery 3: success: did_0+0+1/\n');
    const [first, second, ...more] = host.read('/home/hoster/seen').trimEnd().split('\n');
    assert.equal(first, second);
    assert.deepEqual(more, []);
    await host.kill();
  } finally {
    execFileSync('umount', ['-l', small]);
  }
});
