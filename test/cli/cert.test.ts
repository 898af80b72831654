import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { cert } from '../../src/cli/cert.js';
import { PermanentError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { makeSelfSigned } from '../../src/stores/certificates/self-signed.js';
import { capturedIo } from '../support/captured-io.js';
import { needs, needsRoot } from '../support/needs.js';
import { newRoot, removeRoot } from '../support/recording.js';

async function run(layout: Layout, ...args: string[]): Promise<{ status: number; stdout: string }> {
  const io = capturedIo({ layout });
  const status = await cert(args, io);
  return { status, stdout: io.written().stdout.toString() };
}

test('cert self-signed makes what openssl takes, and no file is replaced unasked', async (t) => {
  if (!needs(t, 'openssl')) return;
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  mkdirSync(layout.controlDirectory, { recursive: true });
  const made = await run(layout, 'self-signed', 'Mail.example.jp', '*.example.jp', '192.0.2.1');
  assert.deepEqual(made, {
    status: 0,
    stdout: '/var/qmail/control/servercert.pem: a certificate and its key for mail.example.jp *.example.jp 192.0.2.1\n',
  });
  assert.equal(statSync(layout.serverCertificate).mode & 0o777, 0o640);
  const shown = spawnSync('openssl', ['x509', '-noout', '-text', '-in', layout.serverCertificate], {
    encoding: 'utf8',
  });
  assert.match(shown.stdout, /DNS:mail\.example\.jp, DNS:\*\.example\.jp, IP Address:192\.0\.2\.1/);
  const before = readFileSync(layout.serverCertificate);
  await assert.rejects(run(layout, 'self-signed', 'x.example'), PermanentError);
  assert.deepEqual(readFileSync(layout.serverCertificate), before);
  assert.equal((await run(layout, 'self-signed', '--force', 'x.example')).status, 0);
  await assert.rejects(run(layout, 'self-signed', '--force', 'no name'), /is neither a host name nor an address/);
});

test('cert show and check', async (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  mkdirSync(layout.certificates, { recursive: true });
  assert.deepEqual(await run(layout, 'show'), { status: 0, stdout: '' });
  writeFileSync(layout.serverCertificate, await makeSelfSigned(['mail.example.jp'], 30, Date.now()));
  assert.equal((await run(layout, 'check')).status, 0);
  assert.match((await run(layout, 'check', '--days', '60')).stdout, /mail\.example\.jp, until .*: it ends in \d+ days/);
  assert.equal((await run(layout, 'check', '--days', '60')).status, 1);
  writeFileSync(
    `${layout.certificates}/old.example.pem`,
    await makeSelfSigned(['old.example'], 1, Date.now() - 10 * 86_400_000),
  );
  writeFileSync(`${layout.certificates}/bad.example.pem`, 'nothing\n');
  const checked = await run(layout, 'check');
  assert.equal(checked.status, 1);
  assert.match(checked.stdout, /old\.example, until .*: it is over/);
  assert.match(checked.stdout, /bad\.example\.pem: there is no certificate in it/);
  const listed: unknown = JSON.parse((await run(layout, 'show', '--json')).stdout);
  assert.ok(Array.isArray(listed) && listed.length === 3);
  await assert.rejects(run(layout, 'nothing'), PermanentError);
});

test('cert show and check know of those that only the command line names: in one, two or three files', async (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  mkdirSync(layout.certificates, { recursive: true });
  const [pem, issuer] = [
    await makeSelfSigned(['two.example'], 30, Date.now()),
    await makeSelfSigned(['ca.example'], 30, Date.now()),
  ];
  const at = pem.indexOf('-----BEGIN CERTIFICATE');
  const files = {
    key: `${root}/privkey.pem`,
    cert: `${root}/cert.pem`,
    chain: `${root}/chain.pem`,
    both: `${root}/both.pem`,
  };
  writeFileSync(files.key, pem.slice(0, at));
  writeFileSync(files.cert, pem.slice(at));
  writeFileSync(files.chain, issuer);
  writeFileSync(files.both, pem);
  const rows: [option: string, status: number, stdout: RegExp][] = [
    [files.both, 0, /^\/both\.pem: two\.example, until /],
    [`${files.cert}:${files.key}`, 0, /^\/cert\.pem: two\.example, until /],
    [`${files.cert}:${files.key}:${files.chain}`, 0, /^\/cert\.pem: two\.example, until /],
    [files.cert, 1, /cert\.pem: there is no private key in it$/m],
    [`${files.cert}:${files.chain}`, 1, /chain\.pem: the private key is not that of the certificate in \S+cert\.pem$/m],
    [`${files.cert}:${files.key}:${files.key}`, 1, /privkey\.pem: there is no certificate in it$/m],
  ];
  for (const [option, status, stdout] of rows) {
    const checked = await run(layout, 'check', '--tls-certificate', option);
    assert.equal(checked.status, status, option);
    assert.match(checked.stdout, stdout);
  }
  for (const option of [
    '',
    `${files.cert}:`,
    `:${files.key}`,
    'a:b:c:d',
    `${root}/absent.pem`,
    `${files.cert}:${root}/absent.key`,
  ])
    await assert.rejects(run(layout, 'show', '--tls-certificate', option), /^Error: --tls-certificate /, option);
});

test('a self-signed certificate has the owner and mode that qmail wants, or those of what it replaces', async (t) => {
  if (!needsRoot(t)) return;
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  mkdirSync(layout.controlDirectory, { recursive: true });
  mkdirSync(`${root}/etc`, { recursive: true });
  writeFileSync(`${root}/etc/passwd`, 'qmaild:x:6002:6000::/var/qmail:/usr/sbin/nologin\n');
  writeFileSync(`${root}/etc/group`, 'nofiles:x:6000:\nqmail:x:6010:\n');
  const look = (file: string): string => {
    const { uid, gid, mode } = statSync(file);
    return `${uid}:${gid} ${(mode & 0o777).toString(8)}`;
  };
  await run(layout, 'self-signed', 'mail.example.jp');
  assert.equal(look(layout.serverCertificate), '6002:6010 640');
  chownSync(layout.serverCertificate, 0, 6010);
  chmodSync(layout.serverCertificate, 0o600);
  await run(layout, 'self-signed', '--force', 'mail.example.jp');
  assert.equal(look(layout.serverCertificate), '0:6010 600');
  await run(layout, 'self-signed', 'shop.example', '--into', `${layout.certificates}/shop.example.pem`);
  assert.equal(look(`${layout.certificates}/shop.example.pem`), '6002:6010 640');
});
