// Clients that may relay because of their certificate: control/clientca.pem vouches for it, and control/tlsclients names its e-mail address, as with qmail's TLS patch. With swaks and node as clients.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type tls from 'node:tls';
import { makeAuthority } from '../support/certificates.js';
import { needs } from '../support/needs.js';
import { run } from '../support/program.js';
import { hostName, type SecuredHost, securedHost, user } from '../support/secured-host.js';
import { SmtpClient } from '../support/smtp-client.js';
import { vqmailProgram } from '../support/started-server.js';

const office = 'office@branch.example';
const elsewhere = 'x@elsewhere.example';
const notAllowed = /^553 sorry, that domain isn't in my list of allowed rcpthosts/;

interface Host extends SecuredHost {
  readonly pem: string;
}

async function start(t: TestContext): Promise<Host> {
  const host = await securedHost(t, ['--queue', 'off']);
  host.control('clientca.pem', host.authority.pem);
  host.control('tlsclients', `other@branch.example\nOffice@branch.example\n`);
  return { ...host, pem: host.authority.issueToClient(office) };
}

/** A session on smtp behind STARTTLS, or on smtps. */
async function secured(t: TestContext, port: number, options: tls.ConnectionOptions, isImplicit = false) {
  const client = await SmtpClient.connect(port);
  t.after(() => client.destroy());
  if (!isImplicit) {
    await client.reply();
    await client.command('EHLO branch.example');
    await client.command('STARTTLS');
  }
  const socket = await client.secure(options);
  if (isImplicit) await client.reply();
  await client.command('EHLO branch.example');
  return { client, socket };
}

const identity = (pem: string): tls.ConnectionOptions => ({ key: pem, cert: pem });

/** What RCPT for another host is told. Without a queue that is "later" to those who may. */
async function relay(client: SmtpClient, from = 'joe@anywhere.example'): Promise<string> {
  const sender = await client.command(`MAIL FROM:<${from}>`);
  return sender === '250 ok' ? ((await client.command(`RCPT TO:<${elsewhere}>`)) ?? 'closed') : (sender ?? 'closed');
}
const mayRelay = /^451 4\.3\.5 sorry, this leads to mail for other hosts/;

test('on each port, with TLS 1.3 and 1.2: who may relay, and is logged', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { ports, pem, log, control } = await start(t);
  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    const versions = { minVersion: version, maxVersion: version };
    for (const service of ['smtp', 'submission', 'smtps'] as const) {
      const port = ports[service] ?? 0;
      const { client } = await secured(t, port, { ...identity(pem), ...versions }, service === 'smtps');
      assert.match(await relay(client), mayRelay, `${service} ${version}`);
      assert.match(
        log(),
        new RegExp(`^${service}: 127\\.0\\.0\\.1 has the certificate of ${office} and may relay$`, 'm'),
      );
      const { client: none } = await secured(t, port, versions, service === 'smtps');
      assert.match(await relay(none), service === 'smtp' ? notAllowed : /^530 /, `${service} without a certificate`);
    }
  }
  // The list counts as it is now.
  control('tlsclients', 'other@branch.example\n');
  const { client } = await secured(t, ports.smtp ?? 0, identity(pem));
  assert.match(await relay(client), notAllowed);
  const told = `^smtp: 127\\.0\\.0\\.1 has the certificate of ${office}, which does not count: it is not in control/tlsclients$`;
  assert.match(log(), new RegExp(told, 'm'));
});

test('certificates that do not count: of another authority, for a host alone, revoked', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { ports, pem, log, control, authority, folder } = await start(t);
  const port = ports.smtp ?? 0;
  const attempt = async (shown: string): Promise<string> => relay((await secured(t, port, identity(shown))).client);
  const foreign = makeAuthority(folder, 'another authority').issueToClient(office);
  assert.match(await attempt(foreign), notAllowed);
  assert.match(
    log(),
    /certificate of office@branch\.example, which does not count: unable to verify the first certificate$/m,
  );
  assert.match(await attempt(authority.issue('branch.example')), notAllowed);
  assert.match(log(), /certificate of nobody, which does not count: it is not in control\/tlsclients$/m);

  assert.match(await attempt(pem), mayRelay);
  const other = authority.issueToClient('other@branch.example');
  control('clientcrl.pem', authority.revoke(pem));
  assert.match(await attempt(pem), notAllowed);
  assert.match(log(), /certificate of office@branch\.example, which does not count: certificate revoked$/m);
  assert.match(await attempt(other), mayRelay, 'not revoked');
});

test('a resumed session keeps its certificate, but not under other authorities', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { ports, pem, control, authority } = await start(t);
  const port = ports.smtps ?? 0;
  const first = await secured(t, port, { ...identity(pem), maxVersion: 'TLSv1.2' }, true);
  const session = first.socket.getSession();
  const again = await secured(t, port, { ...identity(pem), maxVersion: 'TLSv1.2', session }, true);
  assert.ok(again.socket.isSessionReused());
  assert.match(await relay(again.client), mayRelay);
  control('clientcrl.pem', authority.revoke(pem));
  const revoked = await secured(t, port, { ...identity(pem), maxVersion: 'TLSv1.2', session }, true);
  assert.ok(!revoked.socket.isSessionReused());
  assert.match(await relay(revoked.client), /^530 /);
});

test('whose address is of this host sends as that user, and not when its account is closed to SMTP', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { ports, control, authority, root } = await start(t);
  const notOwn = /^553 5\.7\.1 sorry, <joe@anywhere\.example> is not an address of test@mailtest\.example\.jp/;
  control('tlsclients', `${user}\n`);
  const pem = authority.issueToClient(user);
  for (const service of ['smtp', 'submission', 'smtps'] as const) {
    const { client } = await secured(t, ports[service] ?? 0, identity(pem), service === 'smtps');
    assert.match(await relay(client), notOwn, service);
    assert.match(await relay(client, user), mayRelay, `${service}: again, as it may`);
    assert.match(await relay(client, 'test-list@mailtest.example.jp'), mayRelay, service);
  }
  const { client } = await secured(t, ports.submission ?? 0, identity(pem));
  assert.match(await relay(client, user), mayRelay);
  await run([process.execPath, vqmailProgram, 'vmoduser', '-s', user], '', { VQMAIL_ROOT: root });
  assert.match(await relay(client, user), /^530 5\.7\.1 the account of this certificate may not send$/, 'at once');
});

test('nobody is asked without clientca.pem or tlsclients; a broken clientca.pem breaks no TLS', async (t) => {
  if (!needs(t, 'openssl')) return;
  const { ports, pem, log, control } = await start(t);
  const attempt = async (): Promise<string> => relay((await secured(t, ports.smtp ?? 0, identity(pem))).client);
  for (const [name, text] of [
    ['clientca.pem', null],
    ['clientca.pem', 'nothing\n'],
    ['tlsclients', null],
  ] as const) {
    control(name, text);
    assert.match(await attempt(), notAllowed, `${name} ${text}`);
  }
  assert.doesNotMatch(log(), /may relay/);
});

test('swaks: a message for this host says whose certificate it came with', async (t) => {
  if (!needs(t, 'swaks', 'openssl')) return;
  const { ports, pem, authority, folder, arrived } = await start(t);
  const file = path.join(folder, 'office.pem');
  writeFileSync(file, pem, { mode: 0o600 });
  const to = 'test@mailtest.example.jp';
  const server = ['--server', '127.0.0.1', '--port', String(ports.submission), '--from', office, '--to', to];
  const security = ['--tls', '--tls-verify', '--tls-ca-path', authority.file, '--tls-sni', hostName];
  const { status, stdout } = await run(['swaks', ...server, ...security, '--tls-cert', file, '--tls-key', file]);
  assert.equal(status, 0, stdout);
  const [text = ''] = arrived();
  assert.match(text, /with ESMTPS \(TLSv1\.3 \S+ encrypted\) \(cert office@branch\.example\); /);
});
