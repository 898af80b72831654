// SCRAM-...-PLUS with a real client, GNU SASL over GnuTLS: tls-exporter over TLS 1.3 and tls-unique over TLS 1.2, each good and bad, and with somebody in the middle who has a certificate that the client
// trusts.

import assert from 'node:assert/strict';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { LineStream } from '../../src/net/line-stream.js';
import { needs } from '../support/needs.js';
import { type Ran, run } from '../support/program.js';
import { hostName, type SecuredHost, securedHost, user } from '../support/secured-host.js';

const versions = [
  { priority: 'NORMAL:-VERS-ALL:+VERS-TLS1.3', binding: 'tls-exporter', version: 'TLS1.3' },
  { priority: 'NORMAL:-VERS-ALL:+VERS-TLS1.2', binding: 'tls-unique', version: 'TLS1.2' },
] as const;
const mechanisms = ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS'] as const;

interface Login {
  readonly port: number | undefined;
  readonly mechanism: string;
  readonly priority: string;
  readonly password?: string;
}

function gsasl({ authority }: SecuredHost, { port, mechanism, priority, password = 'password' }: Login): Promise<Ran> {
  const login = ['--mechanism', mechanism, '--authentication-id', user, '--password', password];
  const security = ['--starttls', '--x509-ca-file', authority.file, '--priority', priority];
  // Without -d it goes on reading its standard input.
  return run(['gsasl', '--smtp', '--verbose', '-d', ...login, ...security, hostName, String(port)]);
}

/** The client's messages as they are below base64. */
function decoded(stdout: string): string {
  const lines = stdout.split('\n').filter((line) => /^[A-Za-z0-9+/]+=*$/.test(line));
  return lines.map((line) => Buffer.from(line, 'base64').toString('latin1')).join('\n');
}

test('GNU SASL: each binding, good and bad', async (t) => {
  if (!needs(t, 'gsasl', 'openssl')) return;
  const host = await securedHost(t, ['--wrong-logins', 'any']);
  const port = host.ports.submission;
  for (const { priority, binding, version } of versions) {
    for (const mechanism of mechanisms) {
      const good = await gsasl(host, { port, mechanism, priority });
      const what = `${mechanism} ${version}: ${good.stdout}${good.stderr}`;
      assert.equal(good.status, 0, what);
      assert.match(good.stderr, new RegExp(`TLS session info: \\(${version}\\)`), what);
      assert.match(decoded(good.stdout), new RegExp(`^p=${binding},,n=test@mailtest`, 'm'), what);
      assert.match(good.stdout, /^235 ok, go ahead \(#2\.0\.0\)/m, what);
      assert.match(host.log(), new RegExp(`^submission: login ${user} by ${mechanism} from 127\\.0\\.0\\.1$`, 'm'));
      const bad = await gsasl(host, { port, mechanism, priority, password: 'wrong' });
      assert.notEqual(bad.status, 0, mechanism);
      assert.match(bad.stdout, /^535 authentication failed \(#5\.7\.1\)/m, mechanism);
    }
  }
});

test('GNU SASL: whoever is in the middle passes no login on', async (t) => {
  if (!needs(t, 'gsasl', 'openssl')) return;
  const host = await securedHost(t, ['--wrong-logins', 'any']);
  const port = await manInTheMiddle(t, host);
  for (const { priority } of versions) {
    for (const mechanism of mechanisms) {
      const { status, stdout, stderr } = await gsasl(host, { port, mechanism, priority });
      assert.notEqual(status, 0, stdout);
      assert.match(stdout, /^535 authentication failed/m, `${mechanism}: ${stdout}${stderr}`);
    }
    const told = /^smtps: SCRAM-SHA-256-PLUS from 127\.0\.0\.1 refused: .*: somebody is between it and this host$/m;
    assert.match(host.log(), told);
    // Without a binding nobody would know.
    const plain = await gsasl(host, { port, mechanism: 'PLAIN', priority });
    assert.equal(plain.status, 0, plain.stdout + plain.stderr);
  }
});

/** Ends the client's TLS with a certificate of its own, and has TLS of its own with the server. @returns its port */
async function manInTheMiddle(t: TestContext, { authority, ports }: SecuredHost): Promise<number> {
  const pem = authority.issue(hostName);
  const secureContext = tls.createSecureContext({ key: pem, cert: pem });
  const server = net.createServer(async (client) => {
    client.on('error', () => {});
    const lines = new LineStream(client, { maxLineBytes: 1000, idleMs: 0 });
    client.write('220 middle ESMTP\r\n');
    // With --starttls it says nothing before.
    await lines.next();
    lines.detach();
    client.write('220 go\r\n');
    const secured = new tls.TLSSocket(client, { isServer: true, secureContext });
    const other = tls.connect({ port: ports.smtps ?? 0, host: '127.0.0.1', rejectUnauthorized: false });
    for (const socket of [secured, other]) socket.on('error', () => socket.destroy());
    // The greeting has been said.
    other.once('data', () => secured.pipe(other).pipe(secured));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
