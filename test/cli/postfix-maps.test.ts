// `vqmail postfix-maps`: the tables, their agreement with RCPT, and that they are always whole.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { postfixMaps } from '../../src/cli/postfix-maps.js';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { PermanentError, TemporaryError } from '../../src/errors.js';
import { flagBits } from '../../src/formats/vpopmail/vpasswd-flags.js';
import { findMap } from '../../src/servers/postmap/maps.js';
import { openHost } from '../../src/stores/host.js';
import { capturedIo } from '../support/captured-io.js';
import { needs, programPath } from '../support/needs.js';
import { vqmailProgram } from '../support/started-server.js';
import { VpopmailHost } from '../support/vpopmail-host.js';

interface Tables {
  readonly into: string;
  /** Writes them. */
  write(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }>;
  /** The keys of a table, or its lines. */
  keys(name: string): string[];
  lines(name: string): string[];
}

function tables(files: VpopmailHost): Tables {
  const into = path.join(files.root, 'maps');
  const lines = (name: string): string[] =>
    fs.readFileSync(path.join(into, name), 'latin1').trim().split('\n').filter(Boolean);
  return {
    into,
    lines,
    keys: (name) => lines(name).map((line) => line.slice(0, line.lastIndexOf(' '))),
    async write(...args) {
      const io = capturedIo({ layout: files.layout });
      const status = await postfixMaps(['--into', into, '--type', 'texthash', ...args], io);
      const { stdout, stderr } = io.written();
      return { status, stdout: stdout.toString('latin1'), stderr: stderr.toString('latin1') };
    },
  };
}

/** A host with one of everything. */
function variedHost(t: TestContext): VpopmailHost {
  const files = new VpopmailHost(t);
  const locked = flagBits('BOUNCE_MAIL');
  files.domain('example.jp', {
    accounts: { ann: 0, joe: 0, locked, '#odd': 0, 'with.dot': 0, 'mary-ann': 0, info: locked },
    files: {
      '.qmail-info': '&joe@example.jp\n',
      '.qmail-a:b': '&joe@example.jp\n',
      '.qmail-list-default': '|/bin/list\n',
      '.qmail-CAPS': '&joe@example.jp\n',
    },
    aliases: ['alias.example'],
  });
  files.domain('catch.example', { accounts: { joe: 0 }, unknown: '/home/vpopmail/domains/catch.example/joe' });
  files.domain('away.example', { unknown: 'someone@elsewhere.example' });
  files.domain('to-nobody.example', { accounts: { joe: 0 }, unknown: 'nobody@example.jp' });
  files.domain('inside.example', { accounts: { joe: 0 }, rcpthosts: false });
  return files;
}

test('the three tables', async (t) => {
  const files = variedHost(t);
  files.control('rcpthosts', `${fs.readFileSync(files.layout.control('rcpthosts'), 'latin1')}backup.example\n`);
  const { write, keys, lines } = tables(files);
  const { status, stdout } = await write('--transport', 'smtp:[192.0.2.1]:25');
  assert.equal(status, 0);
  assert.equal(stdout, '6 domains, 18 recipients: transport and relay_recipients and relay_domains changed\n');
  const here = ['example.jp', 'alias.example', 'catch.example', 'away.example', 'to-nobody.example'];
  assert.deepEqual(keys('relay_domains'), [...here, 'backup.example']);
  assert.deepEqual(
    lines('transport'),
    here.map((name) => `${name} smtp:[192.0.2.1]:25`),
  );
  const listed = ['a.b', 'ann', 'info', 'joe', 'list', 'mary-ann', 'with.dot'];
  const of = (domain: string): string[] =>
    keys('relay_recipients')
      .filter((key) => key.endsWith(`@${domain}`))
      .sort();
  for (const domain of ['example.jp', 'alias.example'])
    assert.deepEqual(
      of(domain),
      listed.map((name) => `${name}@${domain}`),
    );
  assert.deepEqual(of('catch.example'), ['@catch.example']);
  assert.deepEqual(of('away.example'), ['@away.example']);
  assert.deepEqual(of('to-nobody.example'), ['joe@to-nobody.example'], 'a catch-all that leads to nobody is none');
  assert.deepEqual(of('backup.example'), ['@backup.example'], 'the other host knows');
  assert.ok(lines('relay_recipients').every((line) => line.endsWith(' OK')));
});

test('the tables and the live map agree about every name', async (t) => {
  const files = variedHost(t);
  const { write, keys } = tables(files);
  await write();
  const host = openHost(files.layout);
  const source = { control: host.control, delivery: createDelivery(host), nextHop: () => undefined };
  const recipients = findMap('recipients') ?? assert.fail();
  const listed = new Set(keys('relay_recipients'));
  // As Postfix looks with recipient_delimiter = -.
  const isListed = (local: string, domain: string): boolean =>
    [`${local}@${domain}`, `${local.split('-', 1)[0]}@${domain}`, `@${domain}`].some((key) => listed.has(key));
  const names = 'joe ann locked mary-ann with.dot info a.b list-subscribe joe-x nobody nobody-x caps postmaster'.split(
    ' ',
  );
  for (const domain of [
    'example.jp',
    'alias.example',
    'catch.example',
    'away.example',
    'to-nobody.example',
    'inside.example',
  ])
    for (const name of names) {
      const live = (await recipients(source, `${name}@${domain}`)).kind;
      if (domain === 'catch.example' && name === 'locked') continue;
      assert.equal(isListed(name, domain), live === 'found', `${name}@${domain}`);
    }
});

test('domains of system users: locals with alias, a virtual domain of a user, an entry for one address', async (t) => {
  const files = new VpopmailHost(t);
  const { uid, gid } = fs.statSync(files.root);
  const home = path.join(files.root, 'home/kim');
  fs.mkdirSync(home, { recursive: true });
  if (process.getuid?.() === 0) fs.chownSync(home, 7001, 7001);
  const owner = process.getuid?.() === 0 ? { uid: 7001, gid: 7001 } : { uid, gid };
  fs.appendFileSync(
    files.layout.systemFiles.passwd,
    `kim:x:${owner.uid}:${owner.gid}::/home/kim:\ngone:x:7002:7002::/nowhere:\n`,
  );
  files.write(path.join(files.layout.alias, '.qmail-postmaster'), '&kim\n');
  files.control('locals', 'mx.example.jp\n');
  files.write(path.join(home, '.qmail-sales'), '&kim\n');
  files.control('rcpthosts', 'mx.example.jp\nother.example\n');
  files.control('virtualdomains', 'other.example:kim\nspecial@other.example:alias\n');
  files.write(path.join(files.layout.alias, '.qmail-alias-special'), '&kim\n');
  const { write, keys } = tables(files);
  await write();
  const found = keys('relay_recipients').filter((key) => !key.startsWith('vpopmail@'));
  const expected =
    'kim@mx.example.jp postmaster@mx.example.jp alias-special@mx.example.jp sales@other.example special@other.example';
  assert.deepEqual(found.sort(), expected.split(' ').sort());
});

test('nothing is renamed while nothing changes; one domain that changed is read anew', async (t) => {
  const files = variedHost(t);
  const { write, keys, into } = tables(files);
  await write();
  const inode = (name: string): number => fs.statSync(path.join(into, name)).ino;
  const before = ['relay_domains', 'transport', 'relay_recipients'].map(inode);
  assert.equal((await write()).stdout, '5 domains, 17 recipients: nothing changed\n');
  assert.deepEqual(['relay_domains', 'transport', 'relay_recipients'].map(inode), before);
  files.accounts('example.jp', { new: 0 });
  assert.match((await write()).stdout, /: relay_recipients changed\n$/);
  assert.ok(keys('relay_recipients').includes('new@example.jp'));
  assert.ok(!keys('relay_recipients').includes('ann@example.jp'));
  files.domain('away.example', undefined);
  assert.match((await write()).stdout, /^4 domains, .* transport and relay_recipients and relay_domains changed\n$/);
  assert.deepEqual(
    fs.readdirSync(into).sort(),
    ['.vqmail-postfix-maps.lock', 'relay_domains', 'relay_recipients', 'transport'],
    'no temporary files',
  );
});

test('trouble with one domain takes it whole and says so; trouble with the control files writes nothing', async (t) => {
  const files = variedHost(t);
  const { write, keys } = tables(files);
  files.domain('sound.example', { accounts: { joe: 0 } });
  files.write(path.join(files.directory('example.jp'), 'vpasswd.cdb'), 'no cdb');
  const { status, stderr } = await write();
  assert.equal(status, 111);
  assert.match(stderr, /^warning: example\.jp: every recipient is taken: .*vpasswd\.cdb/m);
  assert.ok(keys('relay_recipients').includes('@example.jp'));
  assert.ok(keys('relay_recipients').includes('@alias.example'));
  assert.ok(keys('relay_recipients').includes('joe@sound.example'), 'the other domains as ever');
  const before = keys('relay_domains');
  files.control('rcpthosts', undefined);
  fs.mkdirSync(files.layout.control('rcpthosts'));
  await assert.rejects(write(), TemporaryError);
  assert.deepEqual(keys('relay_domains'), before);
});

test('domains below a suffix are listed as far as a table can', async (t) => {
  const files = new VpopmailHost(t);
  files.domain('a.wide.example', { accounts: { joe: 0 } });
  files.control('rcpthosts', '.wide.example\n');
  files.control('virtualdomains', 'a.wide.example:a.wide.example\n.wide.example:a.wide.example\n');
  const { write, keys } = tables(files);
  const { status, stderr } = await write();
  assert.equal(status, 111);
  assert.match(stderr, /\.wide\.example: recipients of all domains below cannot be listed/);
  assert.deepEqual(keys('relay_domains'), ['.wide.example', 'a.wide.example']);
  assert.deepEqual(keys('relay_recipients'), ['joe@a.wide.example']);
});

test('wrong usage', async (t) => {
  const files = new VpopmailHost(t);
  const run = (...args: string[]) => postfixMaps(args, capturedIo({ layout: files.layout }));
  await assert.rejects(run(), /usage: vqmail postfix-maps --into DIR/);
  await assert.rejects(run('--into', 'x', '--type', 'mysql'), /--type mysql: choose one of hash, /);
  await assert.rejects(run('--into', 'x', '--poll-seconds', '0'), PermanentError);
  await assert.rejects(run('--into', 'x', 'y'), PermanentError);
});

test('postmap makes the index, again where a crash left an old one, and a failing postmap leaves all as it was', async (t) => {
  if (!needs(t, 'postmap')) return;
  const files = variedHost(t);
  const { into, write, keys } = tables(files);
  const ask = (type: string, key: string): string =>
    spawnSync(programPath('postmap') ?? '', ['-q', key, `${type}:${into}/relay_recipients`], { encoding: 'latin1' })
      .stdout;
  for (const type of ['hash', 'btree']) {
    fs.rmSync(into, { recursive: true, force: true });
    await write('--type', type);
    assert.equal(ask(type, 'joe@example.jp'), 'OK\n');
    assert.equal(ask(type, 'nobody@example.jp'), '');
    files.accounts('example.jp', { nobody: 0 });
    await write('--type', type);
    assert.equal(ask(type, 'nobody@example.jp'), 'OK\n');
    assert.equal(ask(type, 'joe@example.jp'), '');
    files.accounts('example.jp', { joe: 0 });
  }
  await write('--type', 'btree');
  // A crash between the two renames: the text is newer than its index.
  const hour = Date.now() / 1000 - 3600;
  fs.utimesSync(path.join(into, 'relay_recipients.db'), hour, hour);
  assert.match((await write('--type', 'btree')).stdout, /: relay_recipients changed/);
  assert.match((await write('--type', 'btree')).stdout, /: nothing changed/);
  const before = keys('relay_recipients');
  files.accounts('example.jp', { other: 0 });
  await assert.rejects(write('--type', 'btree', '--postfix-config', '/nowhere'), /postmap failed/);
  assert.deepEqual(keys('relay_recipients'), before);
  assert.deepEqual(
    fs.readdirSync(into).filter((name) => name.includes('.new')),
    [],
  );
});

test('--watch keeps them current, until SIGTERM', async (t) => {
  const files = variedHost(t);
  const { into, keys } = tables(files);
  const args = ['postfix-maps', '--root', files.root, '--into', into, '--type', 'texthash', '--watch'];
  const child = spawn(process.execPath, [vqmailProgram, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
  const until = async (holds: () => boolean): Promise<void> => {
    for (let tries = 0; tries < 1000 && !holds(); tries++) await sleep(20);
    assert.ok(holds(), output);
  };
  await until(() => /^5 domains, 17 recipients/.test(output));
  files.domain('new.example', { accounts: { kim: 0 } });
  await until(
    () => keys('relay_recipients').includes('kim@new.example') && keys('relay_domains').includes('new.example'),
  );
  files.accounts('new.example', { kim: 0, lee: 0 });
  await until(() => keys('relay_recipients').includes('lee@new.example'));
  // A domain in trouble keeps what it had.
  files.write(path.join(files.directory('new.example'), 'vpasswd.cdb'), 'no cdb');
  await until(() => /warning: new\.example: its recipients stay as they were/.test(output));
  assert.ok(keys('relay_recipients').includes('lee@new.example'));
  files.accounts('new.example', { lee: 0 });
  await until(() => !keys('relay_recipients').includes('kim@new.example'));
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null]);
});
