// The relay is opened by POP3 logins as by vchkpw: for whom, and how often open-smtp is written.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { RelayLogins, RelayOpener } from '../../src/admin/relay.js';
import { openSmtpText } from '../../src/formats/vpopmail/open-smtp.js';
import { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { type Host, openHost } from '../../src/stores/host.js';
import { pop3Host, testPassword, testUser } from '../support/pop3-host.js';
import { newRoot, removeRoot } from '../support/recording.js';

interface Place {
  readonly host: Host;
  readonly log: readonly string[];
  readonly file: string;
  /** Address -> time. */
  entries(): Map<string, number>;
}

function place(t: TestContext): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  for (const directory of ['home/vpopmail/etc', 'etc/tcp']) mkdirSync(path.join(root, directory), { recursive: true });
  writeFileSync(path.join(root, 'etc/tcp/smtp'), ':allow\n');
  const layout = new Layout({ root });
  const log: string[] = [];
  const host = openHost(
    layout,
    lineLog((line) => log.push(line.trimEnd())),
  );
  const file = layout.etc('open-smtp');
  return { host, log, file, entries: () => entriesOf(file) };
}

function entriesOf(file: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const [, address = '', time] of readFileSync(file, 'latin1').matchAll(/^([^:]*):.*\t(\d+)$/gm))
    found.set(address, Number(time));
  return found;
}

function ago(seconds: number): number {
  return Math.floor(Date.now() / 1000) - seconds;
}

test('a new client may relay when open() resolves', async (t) => {
  const { host, entries } = place(t);
  const opener = new RelayOpener(host);
  await opener.open('192.0.2.1');
  assert.deepEqual([...entries().keys()], ['192.0.2.1']);
  assert.ok(host.accessRules.decide({ ip: '192.0.2.1' }).environment.has('RELAYCLIENT'));
  assert.ok(!host.accessRules.decide({ ip: '192.0.2.2' }).environment.has('RELAYCLIENT'));
});

test('many at once share a write, and none is lost', async (t) => {
  const { host, entries } = place(t);
  const opener = new RelayOpener(host);
  const addresses = Array.from({ length: 200 }, (_, index) => `192.0.2.${index}`);
  await Promise.all(addresses.map((address) => opener.open(address)));
  assert.deepEqual([...entries().keys()].sort(), [...addresses].sort());
});

test('a known client writes nothing, until its time is old', async (t) => {
  const { host, file, entries } = place(t);
  writeFileSync(file, `${openSmtpText('192.0.2.1', ago(200))}\n${openSmtpText('192.0.2.2', ago(400))}\n`);
  const opener = new RelayOpener(host);
  const before = statSync(file).ino;
  await opener.open('192.0.2.1');
  await opener.settled();
  assert.equal(statSync(file).ino, before);
  await opener.open('192.0.2.2');
  await opener.settled();
  assert.ok((entries().get('192.0.2.2') ?? 0) >= ago(5));
  assert.ok((entries().get('192.0.2.1') ?? 0) < ago(100));
});

test('what has no address is not let relay; trouble is told once and stops nobody', async (t) => {
  const { host, log, file } = place(t);
  const opener = new RelayOpener(host);
  await opener.open('unix');
  assert.ok(!existsSync(file));
  rmSync(path.dirname(file), { recursive: true });
  await opener.open('192.0.2.1');
  await opener.open('192.0.2.2');
  assert.equal(log.length, 1);
  assert.match(log.join(), /^warning: clients that logged in cannot be let relay: /);
});

test('a host without open-smtp gets none unless that is wanted', async (t) => {
  const { host, file, entries } = place(t);
  const opener = new RelayOpener(host, { makesTable: false });
  await opener.open('192.0.2.1');
  await opener.settled();
  assert.ok(!existsSync(file));
  writeFileSync(file, '');
  await opener.open('192.0.2.1');
  assert.deepEqual([...entries().keys()], ['192.0.2.1']);
});

test('a process that may not open the relay sees when nothing has to be done', (t) => {
  const { host, file } = place(t);
  const wanted = (clientIp: string, makesTable = true): string =>
    new RelayLogins(host.layout, { makesTable }).wanted(clientIp);
  assert.equal(wanted('unix'), 'nothing');
  assert.equal(wanted('192.0.2.1'), 'entry');
  assert.equal(wanted('192.0.2.1', false), 'nothing');
  writeFileSync(file, `${openSmtpText('192.0.2.1', ago(10))}\n${openSmtpText('192.0.2.2', ago(400))}\n`);
  assert.deepEqual(
    ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((ip) => wanted(ip, false)),
    ['nothing', 'renewal', 'entry'],
  );
});

test('a POP3 login opens the relay, unless the account may not', async (t) => {
  const opened: string[] = [];
  const openRelay = async (clientIp: string): Promise<void> => void opened.push(clientIp);
  const { connect, root } = await pop3Host(t, { login: { openRelay } });
  const wrong = await connect('127.0.0.2');
  await wrong.logIn(testUser, 'wrong');
  assert.deepEqual(opened, []);
  const client = await connect('127.0.0.2');
  assert.match(await client.logIn(testUser, testPassword), /^\+OK/);
  assert.deepEqual(opened, ['127.0.0.2']);
  const vpasswd = path.join(root, 'home/vpopmail/domains/mailtest.example.jp/vpasswd');
  const noRelay = 0x20;
  const text = readFileSync(vpasswd, 'latin1');
  writeFileSync(vpasswd, text.replace(/^(test:[^:]*:\d+:)0:/m, `$1${noRelay}:`));
  rmSync(`${vpasswd}.cdb`);
  const closed = await connect('127.0.0.2');
  assert.match(await closed.logIn(testUser, testPassword), /^\+OK/);
  assert.deepEqual(opened, ['127.0.0.2']);
});
