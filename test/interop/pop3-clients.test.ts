// Programs that people fetch mail with, against our server: Python's poplib, curl, fetchmail, getmail6, mpop, s-nail. Each fetches real messages, and gets what is stored,
// with the line ends that it wants and the empty line that every message ends with here.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { needs } from '../support/needs.js';
import { type Pop3Host, pop3Host, testPassword, testUser } from '../support/pop3-host.js';
import { run } from '../support/program.js';
import { newRoot, removeRoot } from '../support/recording.js';

const head = (subject: string): string =>
  `From: Noel <noel@example.gr.jp>\nTo: ${testUser}\nDate: Sun, 1 Mar 2026 00:00:00 +0000\nMessage-ID: <${subject}@example.gr.jp>\nSubject: ${subject}\n\n`;

const isRoot = process.getuid?.() === 0;

/** Stored messages in the order of their times. */
const stored: readonly string[] = [
  `${head('plain')}one\ntwo\n`,
  `${head('dots')}.\n..\n.leading\nin.side\n...\n`,
  `${head('bytes')}caf\xe9 \xe6\x97\xa5\xe6\x9c\xac\n`,
  `${head('cut')}no line feed at the end`,
  `${head('crlf').replaceAll('\n', '\r\n')}with\r\ncarriage returns\r\n`,
  `${head('long')}${'x'.repeat(900)}\n${'line of a large message\n'.repeat(20_000)}`,
  `${head('empty')}`,
  `${head('from')}From here on\n\n\nFrom there\n`,
];

/** What a client gets of a stored message, with LF. */
function received(message: string): string {
  const lines = message.replaceAll('\r\n', '\n');
  return `${lines}${lines.endsWith('\n') ? '' : '\n'}\n`;
}

/** A client may end what it keeps in its own way, and getmail adds a line, so those do not count. */
function essence(message: string): string {
  return message
    .replaceAll('\r\n', '\n')
    .replace(/^Return-Path: <unknown>\n/, '')
    .replace(/\n+$/, '');
}

async function mailbox(t: TestContext): Promise<Pop3Host> {
  const host = await pop3Host(t, { empty: true });
  for (const [index, message] of stored.entries()) {
    const place = index % 2 === 0 ? 'new' : 'cur';
    host.put(
      `${place}/${1772323200 + index}.${index}.h,S=${message.length}${place === 'new' ? '' : ':2,S'}`,
      Buffer.from(message, 'latin1'),
      {
        mtime: 1772323200 + index,
      },
    );
  }
  return host;
}

/** A folder for a client's own files. */
function home(t: TestContext): string {
  const folder = newRoot('vqmail-client');
  t.after(() => removeRoot(folder));
  return folder;
}

const poplib = `
import base64, json, poplib, sys
port, user, password, way = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
box = poplib.POP3('127.0.0.1', port, timeout=60)
if way == 'apop':
    box.apop(user, password)
else:
    box.user(user)
    box.pass_(password)
count, total = box.stat()
sizes = [int(line.split()[1]) for line in box.list()[1]]
uidls = [line.split()[1].decode('latin1') for line in box.uidl()[1]]
messages, octets = [], []
for number in range(1, count + 1):
    _, lines, size = box.retr(number)
    messages.append(base64.b64encode(b'\\n'.join(lines) + b'\\n').decode())
    octets.append(sum(len(line) + 2 for line in lines))
top = [line.decode('latin1') for line in box.top(1, 1)[1]]
capa = sorted(box.capa())
print(json.dumps(dict(count=count, total=total, sizes=sizes, uidls=uidls, messages=messages, octets=octets, top=top, capa=capa)))
box.dele(1)
box.quit()
`;

for (const way of ['user', 'apop']) {
  test(`poplib (${way}): every message byte for byte, with the size that was announced`, async (t) => {
    if (!needs(t, 'python3')) return;
    const host = await mailbox(t);
    const ran = await run(['python3', '-c', poplib, String(host.port), testUser, testPassword, way]);
    assert.equal(ran.status, 0, ran.stderr);
    const said = JSON.parse(ran.stdout);
    assert.equal(said.count, stored.length);
    assert.deepEqual(
      said.messages.map((text: string) => Buffer.from(text, 'base64').toString('latin1')),
      stored.map(received),
    );
    assert.deepEqual(said.sizes, said.octets);
    assert.equal(
      said.total,
      said.octets.reduce((sum: number, size: number) => sum + size, 0),
    );
    assert.deepEqual(said.uidls[0], `1772323200.0.h,S=${stored[0]?.length}`);
    assert.deepEqual(said.top.slice(-3), ['', 'one', '']);
    assert.ok(said.capa.includes('UIDL') && said.capa.includes('TOP'));
    assert.equal(host.names().length, stored.length - 1);
    assert.ok(host.names().every((name) => name.startsWith('cur/')));
  });
}

test('poplib sees a wrong password as one', async (t) => {
  if (!needs(t, 'python3')) return;
  const host = await mailbox(t);
  const ran = await run(['python3', '-c', poplib, String(host.port), testUser, 'wrong', 'user']);
  assert.notEqual(ran.status, 0);
  assert.match(ran.stderr, /-ERR authorization failed/);
});

test('curl: a listing, messages, ids, and one that is deleted', async (t) => {
  if (!needs(t, 'curl')) return;
  const host = await mailbox(t);
  const curl = (...args: string[]): Promise<{ status: number | string; stdout: string; stderr: string }> =>
    run(['curl', '-sS', '-u', `${testUser}:${testPassword}`, ...args]);
  const url = `pop3://127.0.0.1:${host.port}`;
  const listing = await curl(url);
  assert.equal(listing.status, 0, listing.stderr);
  assert.equal(listing.stdout.trimEnd().split('\r\n').length, stored.length);
  for (const [index, message] of stored.entries()) {
    const got = await curl(`${url}/${index + 1}`);
    assert.equal(got.status, 0, got.stderr);
    assert.equal(got.stdout, received(message).replaceAll('\n', '\r\n'), `message ${index + 1}`);
    assert.equal(listing.stdout.split('\r\n')[index], `${index + 1} ${got.stdout.length}`);
  }
  const ids = await curl(url, '-X', 'UIDL');
  assert.match(ids.stdout, /^1 1772323200\.0\.h,S=\d+\r\n/);
  await curl(`${url}/2`, '-X', 'DELE', '-I');
  assert.equal(host.names().length, stored.length - 1);
  const refused = await run(['curl', '-sS', '-u', `${testUser}:wrong`, url]);
  assert.equal(refused.status, 67, 'login denied');
});

test('fetchmail: fetches everything, empties the mailbox', async (t) => {
  if (!needs(t, 'fetchmail')) return;
  const host = await mailbox(t);
  const folder = home(t);
  const target = path.join(folder, 'fetched');
  mkdirSync(target);
  const deliver = path.join(folder, 'deliver');
  writeFileSync(deliver, `#!/bin/sh\ncat > "${target}/$(ls ${target} | wc -l | tr -d ' ')"\n`, { mode: 0o755 });
  const lines = [
    'set invisible',
    `poll 127.0.0.1 service ${host.port} protocol POP3 timeout 60`,
    `  user "${testUser}" there with password "${testPassword}" is root here`,
    `  sslproto "" no rewrite mda "${deliver}"`,
  ];
  writeFileSync(path.join(folder, 'rc'), `${lines.join('\n')}\n`, { mode: 0o600 });
  const argv = [
    'fetchmail',
    '-f',
    path.join(folder, 'rc'),
    '-v',
    '--nodetach',
    '--nosyslog',
    '--pidfile',
    path.join(folder, 'pid'),
  ];
  const ran = await run(argv, '', { HOME: folder, FETCHMAILHOME: folder });
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  const fetched = readdirSync(target).map((name) => readFileSync(path.join(target, name), 'latin1'));
  assert.deepEqual(fetched.map(essence).sort(), stored.map(essence).sort());
  assert.deepEqual(host.names(), []);
  const again = await run(argv, '', { HOME: folder, FETCHMAILHOME: folder });
  assert.equal(again.status, 1, 'there is no mail');
});

test('getmail6: knows what it has by the ids, also after the messages left new/', async (t) => {
  if (!needs(t, 'getmail')) return;
  const host = await mailbox(t);
  const folder = home(t);
  const target = path.join(folder, 'Maildir');
  for (const part of ['new', 'cur', 'tmp']) mkdirSync(path.join(target, part), { recursive: true });
  if (isRoot) await run(['chown', '-R', 'nobody', target]);
  const lines = [
    '[retriever]',
    'type = SimplePOP3Retriever',
    'server = 127.0.0.1',
    `port = ${host.port}`,
    `username = ${testUser}`,
    `password = ${testPassword}`,
    '[destination]',
    'type = Maildir',
    `path = ${target}/`,
    // It delivers for nobody as root.
    ...(isRoot ? ['user = nobody'] : []),
    '[options]',
    'delete = false',
    'read_all = false',
    'received = false',
    'delivered_to = false',
  ];
  writeFileSync(path.join(folder, 'getmailrc'), `${lines.join('\n')}\n`);
  const argv = ['getmail', '--getmaildir', folder, '--rcfile', 'getmailrc', '-vv'];
  const first = await run(argv, '', { HOME: folder });
  assert.equal(first.status, 0, first.stdout + first.stderr);
  const fetched = (): string[] =>
    readdirSync(path.join(target, 'new')).map((name) => readFileSync(path.join(target, 'new', name), 'latin1'));
  assert.deepEqual(fetched().map(essence).sort(), stored.map(essence).sort());
  assert.ok(host.names().every((name) => name.startsWith('cur/')));
  host.put('new/1772329999.9.h', head('late'), { mtime: 1772329999 });
  const second = await run(argv, '', { HOME: folder });
  assert.equal(second.status, 0, second.stdout + second.stderr);
  assert.equal(fetched().length, stored.length + 1, 'only the new one came');
});

test('mpop: pipelines, knows what it has by the ids', async (t) => {
  if (!needs(t, 'mpop')) return;
  const host = await mailbox(t);
  const folder = home(t);
  const target = path.join(folder, 'Maildir');
  for (const part of ['new', 'cur', 'tmp']) mkdirSync(path.join(target, part), { recursive: true });
  const lines = [
    'account default',
    'host 127.0.0.1',
    `port ${host.port}`,
    `user ${testUser}`,
    `password ${testPassword}`,
    'tls off',
    'auth user',
    'pipelining on',
    `delivery maildir ${target}`,
    `uidls_file ${folder}/uidls`,
    'keep on',
    'received_header off',
  ];
  const config = path.join(folder, 'mpoprc');
  writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  const first = await run(['mpop', '-C', config, '-d'], '', { HOME: folder });
  assert.equal(first.status, 0, first.stdout + first.stderr);
  const fetched = (): string[] =>
    readdirSync(path.join(target, 'new')).map((name) => readFileSync(path.join(target, 'new', name), 'latin1'));
  assert.deepEqual(fetched().map(essence).sort(), stored.map(essence).sort());
  const second = await run(['mpop', '-C', config], '', { HOME: folder });
  assert.equal(second.status, 0, second.stderr);
  assert.equal(fetched().length, stored.length);
});

test('s-nail: reads a mailbox and copies it', async (t) => {
  if (!needs(t, 's-nail')) return;
  const host = await mailbox(t);
  const folder = home(t);
  const url = `pop3://${encodeURIComponent(testUser)}:${testPassword}@127.0.0.1:${host.port}`;
  const target = path.join(folder, 'copy');
  const settings = ['v15-compat=yes', 'pop3-auth=plain', 'newmail=nopoll', 'pop3-bulk-load'].flatMap((name) => [
    '-S',
    name,
  ]);
  const ran = await run(['s-nail', '-:/', '-R', ...settings, '-f', url], `copy * ${target}\nexit\n`, {
    HOME: folder,
  });
  assert.ok(existsSync(target), ran.stdout + ran.stderr);
  const copy = readFileSync(target, 'latin1');
  for (const subject of ['plain', 'dots', 'bytes', 'cut', 'crlf', 'long', 'empty', 'from'])
    assert.ok(copy.includes(`\nSubject: ${subject}\n`), subject);
  assert.ok(copy.includes('\n.\n..\n.leading\nin.side\n...\n'));
  assert.ok(copy.includes('line of a large message\n'.repeat(20_000)));
});
