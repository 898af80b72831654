// What openssl s_client finds on each listener: the versions and ciphers that a check such as testssl.sh reports, which certificate is shown to whom, and that nothing is negotiated anew. The
// server is the real daemon in one process.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeSelfSigned } from '../../src/stores/certificates/self-signed.js';
import { startSampleHost } from '../processes/sample-server.js';
import { needs } from '../support/needs.js';
import { opensslClient } from '../support/openssl-client.js';
import type { StartedServer } from '../support/started-server.js';

const made = makeSelfSigned(['mail.example.gr.jp'], 30, Date.now());

interface Place {
  readonly name: string;
  readonly port: (server: StartedServer) => number | undefined;
  readonly starttls: readonly string[];
  /** What the server says to QUIT. */
  readonly farewell: RegExp;
}

const places: readonly Place[] = [
  { name: 'smtp', port: ({ ports }) => ports.smtp, starttls: ['-starttls', 'smtp'], farewell: /^221 /m },
  { name: 'submission', port: ({ ports }) => ports.submission, starttls: ['-starttls', 'smtp'], farewell: /^221 /m },
  { name: 'smtps', port: ({ ports }) => ports.smtps, starttls: [], farewell: /^221 /m },
  { name: 'lmtp', port: ({ ports }) => ports.lmtp, starttls: ['-starttls', 'lmtp'], farewell: /^221 /m },
  { name: 'pop3', port: ({ ports }) => ports.pop3, starttls: ['-starttls', 'pop3'], farewell: /^\+OK /m },
  { name: 'pop3s', port: ({ ports }) => ports.pop3s, starttls: [], farewell: /^\+OK /m },
];

async function start(t: TestContext, ...options: string[]): Promise<{ server: StartedServer; control: string }> {
  const pem = await made;
  const listen = ['submission', 'smtps', 'lmtp', 'pop3s'].flatMap((name) => ['--listen', `${name}=127.0.0.1:0`]);
  const { server, root } = await startSampleHost(t, ['--workers', '0', ...listen, ...options], (tree) => {
    tree['/var/qmail/control/servercert.pem'] = { type: 'file', mode: '0640', text: pem };
  });
  return { server, control: path.join(root, 'var/qmail/control') };
}

const oldest = ['-cipher', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'];
const versions = ['-tls1', '-tls1_1', '-tls1_2', '-tls1_3'];

async function acceptedVersions(port: number | undefined, starttls: readonly string[]): Promise<string[]> {
  const outcomes = await Promise.all(
    versions.map(async (version) => ({
      version,
      outcome: await opensslClient(port, [version, ...oldest, ...starttls], 'QUIT\n'),
    })),
  );
  return outcomes.filter(({ outcome }) => outcome.connected).map(({ version }) => version);
}

test('every listener speaks TLS 1.2 and 1.3, and no older version', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { server } = await start(t);
  for (const { name, port, starttls, farewell } of places) {
    assert.deepEqual(await acceptedVersions(port(server), starttls), ['-tls1_2', '-tls1_3'], name);
    const { version, text } = await opensslClient(port(server), [...starttls, '-ign_eof'], 'QUIT\n');
    assert.equal(version, 'TLSv1.3', name);
    assert.match(text, farewell, name);
  }
  assert.match(server.log(), /unsupported protocol \(an old client\? see --tls-old-clients\)/);
  assert.doesNotMatch(server.log(), /alert/);
});

test('--tls-old-clients lets TLS 1.0 and 1.1 in', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { server } = await start(t, '--tls-old-clients');
  for (const { name, port, starttls } of places)
    assert.deepEqual(await acceptedVersions(port(server), starttls), versions, name);
});

test('of all that openssl knows for TLS 1.2, ciphers with forward secrecy and without known weakness are taken', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { server } = await start(t);
  const known = execFileSync('openssl', ['ciphers', '-s', '-tls1_2', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'], {
    encoding: 'latin1',
  });
  // All but those that were taken already are offered, until the server wants none.
  const left = new Set(known.trim().split(':'));
  const taken: string[] = [];
  for (;;) {
    const args = ['-tls1_2', '-cipher', `${[...left].join(':')}:@SECLEVEL=0`];
    const { cipher } = await opensslClient(server.ports.pop3s, args, 'QUIT\n');
    if (cipher === undefined) break;
    taken.push(cipher);
    left.delete(cipher);
  }
  assert.deepEqual(taken.sort(), [
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-SHA',
    'ECDHE-RSA-AES128-SHA256',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-SHA',
    'ECDHE-RSA-AES256-SHA384',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ]);
});

test("the server's order of ciphers counts, sessions are resumed, nothing is compressed or negotiated anew", async (t) => {
  if (!needs(t, 'openssl')) return;
  const { server } = await start(t);
  const worst = ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-GCM-SHA384'];
  assert.equal(
    (await opensslClient(server.ports.pop3s, worst, 'QUIT\n')).cipher,
    'ECDHE-RSA-AES256-GCM-SHA384',
    'not that of the client',
  );
  const again = await opensslClient(server.ports.pop3s, ['-tls1_2'], 'R\n');
  assert.match(again.text, /RENEGOTIATING/);
  assert.match(again.text, /no renegotiation/);
  assert.match(again.text, /Compression: NONE/);
  assert.match(again.text, /Secure Renegotiation IS supported/);
  const resumed = await opensslClient(server.ports.pop3s, ['-tls1_2', '-reconnect'], '');
  assert.match(resumed.text, /^Reused, TLSv1\.2/m);
});

test('by name: SNI', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { server, control } = await start(t);
  mkdirSync(path.join(control, 'vqmail/certs'), { recursive: true });
  writeFileSync(
    path.join(control, 'vqmail/certs/shop.example.gr.jp.pem'),
    await makeSelfSigned(['shop.example.gr.jp', 'pop.shop.example.gr.jp'], 30, Date.now()),
  );
  const rows: [args: string[], subject: string][] = [
    [['-noservername'], 'mail.example.gr.jp'],
    [['-servername', 'pop.shop.example.gr.jp'], 'shop.example.gr.jp'],
    [['-servername', 'SHOP.example.gr.jp'], 'shop.example.gr.jp'],
    [['-servername', 'other.example'], 'mail.example.gr.jp'],
  ];
  for (const { name, port, starttls } of places) {
    const seen = rows.map(async ([args, subject]) => {
      const { text } = await opensslClient(port(server), [...starttls, ...args], 'QUIT\n');
      assert.match(text, new RegExp(`^subject=CN = ${subject}$`, 'm'), `${name} ${args}`);
    });
    await Promise.all(seen);
  }
});

test("the cipher list of qmail's TLS patch counts, and a useless one is passed over", async (t) => {
  if (!needs(t, 'openssl')) return;
  const { server, control } = await start(t);
  const rows: [list: string, cipher: string | undefined][] = [
    ['# ours\nECDHE-RSA-AES256-SHA384\nECDHE-RSA-AES128-SHA256\n', 'ECDHE-RSA-AES256-SHA384'],
    ['ECDHE-RSA-CHACHA20-POLY1305\n', 'ECDHE-RSA-CHACHA20-POLY1305'],
    ['NONSENSE\n', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ];
  for (const [list, cipher] of rows) {
    writeFileSync(path.join(control, 'tlsserverciphers'), list);
    assert.equal((await opensslClient(server.ports.smtps, ['-tls1_2'], 'QUIT\n')).cipher, cipher, list);
  }
});
