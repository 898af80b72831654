// TLS and AUTH with servers of the test's own.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { chooseMechanism, saslExchange } from '../../../src/protocols/sasl-client.js';
import { type Authority, makeAuthority } from '../../support/certificates.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { type RemoteHost, remoteHost } from '../../support/remote-host.js';
import { type Sink, type SinkOptions, startSink } from '../../support/smtp-sink.js';

const recipient = 'r@remote.example';
const accepted = 'success: 127.0.0.1 accepted message.\nRemote host said: 250 ok\n';
const folder = newRoot('vqmail-tls');
const sinks: Sink[] = [];
const hosts: RemoteHost[] = [];
let authority: Authority;
let other: Authority;
let pem: string;
let otherPem: string;

before(() => {
  authority = makeAuthority(folder, 'test authority');
  other = makeAuthority(folder, 'other authority');
  pem = authority.issue('mx.remote.example');
  otherPem = other.issue('mx.remote.example');
});
after(async () => {
  for (const sink of sinks) await sink.stop();
  for (const host of hosts) host.remove();
  removeRoot(folder);
});

const offers = (...words: string[]): string =>
  ['sink.example', ...words].map((word, i, all) => `250${i + 1 === all.length ? ' ' : '-'}${word}\r\n`).join('');

async function sinkWith(options: SinkOptions): Promise<Sink> {
  const sink = await startSink({
    pem,
    ...options,
    replies: { EHLO: offers('STARTTLS', '8BITMIME'), ...options.replies },
  });
  sinks.push(sink);
  return sink;
}

/** A host whose MX for everything is this sink, by the name mx.remote.example. */
function hostFor(sink: Sink, control: Readonly<Record<string, string>> = {}): RemoteHost {
  const host = remoteHost(
    { timeoutremote: '10\n', ...control },
    {
      smtpPort: sink.port,
      isOwnAddress: () => false,
      names: {
        exchangers: async () => ({ kind: 'found', value: [{ host: 'mx.remote.example', preference: 1 }] }),
        addresses: async (name) =>
          name === 'mx.remote.example' ? { kind: 'found', value: ['127.0.0.1'] } : { kind: 'missing' },
      },
    },
  );
  hosts.push(host);
  return host;
}

async function sent(host: RemoteHost): Promise<string> {
  const [report] = await host.send({ recipients: [recipient] });
  return `${report?.outcome}: ${report?.text}`;
}

/** A route to the sink with words. */
const route = (sink: Sink, rest: string): Readonly<Record<string, string>> => ({
  smtproutes: `remote.example:mx.remote.example:${sink.port}${rest}\n`,
});

test('where it is offered it is used, with the name that is asked for, whatever the certificate', async () => {
  for (const certificate of [pem, otherPem]) {
    const sink = await sinkWith({ pem: certificate });
    assert.equal(await sent(hostFor(sink)), accepted);
    assert.equal(sink.sessions.length, 1);
    assert.equal(sink.sessions[0]?.tls?.servername, 'mx.remote.example');
    assert.match(sink.sessions[0]?.tls?.protocol ?? '', /^TLSv1\.[23]$/);
    assert.deepEqual(sink.commands().slice(0, 3), ['EHLO mail.example.gr.jp', 'STARTTLS', 'EHLO mail.example.gr.jp']);
  }
});

test('where it is not offered, or refused, mail goes in clear', async () => {
  const either: Record<string, string>[] = [{ EHLO: offers('8BITMIME') }, { STARTTLS: '454 no\r\n' }];
  for (const replies of either) {
    const sink = await sinkWith({ replies });
    assert.equal(await sent(hostFor(sink)), accepted);
    assert.equal(sink.sessions[0]?.tls, undefined);
    assert.equal(sink.messages().length, 1);
  }
});

test('a handshake that fails is forgiven once: in clear', async () => {
  const sink = await sinkWith({ replies: { STARTTLS: '220 go\r\n250 this is no TLS\r\n' } });
  const broken = await sinkWith({ replies: { STARTTLS: '220 go\r\n' } });
  assert.equal(await sent(hostFor(broken)), accepted);
  assert.equal(broken.sessions.length, 2);
  assert.equal(broken.messages().length, 1);
  assert.match(await sent(hostFor(sink)), /^deferral: .*connection died/, 'text behind the reply is not taken for TLS');
});

test('control/tlshosts: the certificate has to be good', async () => {
  const sink = await sinkWith({});
  const host = hostFor(sink);
  mkdirSync(host.layout.control('tlshosts'));
  host.control({ 'tlshosts/mx.remote.example.pem': authority.pem });
  assert.equal(await sent(host), accepted);
  assert.notEqual(sink.sessions[0]?.tls, undefined);
  const failed =
    /^deferral: Connected to 127\.0\.0\.1 but TLS, which control\/tlshosts\/mx\.remote\.example\.pem requires, was not achieved: .*\(#4\.7\.5\)\n$/;
  host.control({ 'tlshosts/mx.remote.example.pem': other.pem });
  assert.match(await sent(host), failed, 'another authority');
  const wrongName = hostFor(await sinkWith({ pem: authority.issue('mx.elsewhere.example') }));
  wrongName.control({ 'tlshosts/mx.remote.example.pem': authority.pem });
  assert.match(await sent(wrongName), failed, 'another name');
  const plain = await sinkWith({ replies: { EHLO: offers('8BITMIME') } });
  const strict = hostFor(plain, { 'tlshosts/mx.remote.example.pem': authority.pem });
  assert.match(await sent(strict), failed, 'not offered');
  assert.equal(plain.messages().length, 0);
  assert.ok(!plain.commands().some((line) => line.startsWith('MAIL')));
});

test('control/notlshosts and exhaustivelist: never', async () => {
  for (const control of [{ 'notlshosts/mx.remote.example': '' }, { 'tlshosts/exhaustivelist': '' }]) {
    const sink = await sinkWith({});
    const host = hostFor(sink, {});
    for (const name of Object.keys(control)) put(host, name);
    assert.equal(await sent(host), accepted);
    assert.deepEqual(sink.sessions[0]?.tls, undefined);
  }
});

function put(host: RemoteHost, name: string): void {
  host.control({ [name]: '\n' });
}

test('a route may require TLS, and a good certificate', async () => {
  const plain = await sinkWith({ replies: { EHLO: offers('8BITMIME') } });
  assert.match(
    await sent(hostFor(plain, route(plain, '|||tls'))),
    /TLS, which the route requires, was not achieved: it is not offered\. \(#4\.7\.5\)/,
  );
  const broken = await sinkWith({ replies: { STARTTLS: '454 no\r\n' } });
  assert.match(await sent(hostFor(broken, route(broken, '|||tls'))), /it was refused: 454 no\. \(#4\.7\.5\)/);
  assert.equal(broken.messages().length + plain.messages().length, 0);
  const good = await sinkWith({});
  assert.equal(await sent(hostFor(good, route(good, '|||tls'))), accepted);
  assert.match(
    await sent(hostFor(good, route(good, '|||verify'))),
    /^deferral: .*the route requires/,
    'an authority that nobody knows',
  );
  assert.equal(good.messages().length, 1);
  const toMx = await sinkWith({ replies: { EHLO: offers('8BITMIME') } });
  assert.match(
    await sent(hostFor(toMx, { smtproutes: `remote.example::${toMx.port}|||tls\n` })),
    /the route requires/,
    'MX hosts too',
  );
});

test('our certificate is shown to who asks; one that cannot be used is told and left out', async () => {
  const sink = await sinkWith({ requestCert: true });
  const host = hostFor(sink, { 'clientcert.pem': authority.issue('mail.example.gr.jp') });
  assert.equal(await sent(host), accepted);
  assert.equal(sink.sessions[0]?.tls?.clientName, 'mail.example.gr.jp');
  host.control({ 'clientcert.pem': 'no certificate\n' });
  assert.equal(await sent(host), accepted);
  assert.equal(sink.sessions[1]?.tls?.clientName, undefined);
  assert.match(host.log(), /^warning: .*clientcert\.pem cannot be used/);
});

test('control/tlsclientciphers', async () => {
  const sink = await sinkWith({});
  const host = hostFor(sink, { tlsclientciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384\nECDHE-RSA-AES256-GCM-SHA384\n' });
  assert.equal(await sent(host), accepted);
  assert.notEqual(sink.sessions[0]?.tls, undefined);
  host.control({ tlsclientciphers: 'NO-SUCH-CIPHER\n' });
  assert.equal(await sent(host), accepted, 'in clear, since nothing requires TLS');
});

test('authentication', async () => {
  const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
  const secret = '|me@example.jp|s\xe9cret';
  const auth = (mechanisms: string) => offers('STARTTLS', `AUTH ${mechanisms}`, '8BITMIME');
  const plain = await sinkWith({ replies: { EHLO: auth('CRAM-MD5 LOGIN PLAIN'), AUTH: '235 welcome\r\n' } });
  assert.equal(await sent(hostFor(plain, route(plain, Buffer.from(secret, 'latin1').toString('latin1')))), accepted);
  const line = plain.commands().find((one) => one.startsWith('AUTH')) ?? '';
  assert.match(line, /^AUTH PLAIN /);
  assert.match(plain.sessions[0]?.tls?.protocol ?? '', /TLS/);

  const login = await sinkWith({
    replies: {
      EHLO: auth('LOGIN'),
      AUTH: '334 VXNlcm5hbWU6\r\n',
      [base64('me')
        .replace(/[^A-Za-z].*/, '')
        .toUpperCase()]: '334 UGFzc3dvcmQ6\r\n',
      [base64('pw')
        .replace(/[^A-Za-z].*/, '')
        .toUpperCase()]: '235 ok\r\n',
    },
  });
  assert.equal(await sent(hostFor(login, route(login, '|me|pw'))), accepted);
  assert.deepEqual(login.commands().slice(3, 6), ['AUTH LOGIN', base64('me'), base64('pw')]);

  const refused = await sinkWith({ replies: { EHLO: auth('PLAIN'), AUTH: '535 no\r\n' } });
  assert.equal(
    await sent(hostFor(refused, route(refused, '|me|pw'))),
    'deferral: Connected to 127.0.0.1 but authentication was rejected (AUTH PLAIN).\nRemote host said: 535 no\n',
  );
  const none = await sinkWith({});
  assert.match(
    await sent(hostFor(none, route(none, '|me|pw'))),
    /no authentication that I know is offered\. \(#4\.7\.0\)/,
  );
});

test('a password never goes in clear, unless the route says so', async () => {
  const inClear = { EHLO: offers('AUTH PLAIN LOGIN', '8BITMIME'), AUTH: '235 ok\r\n' };
  const sink = await sinkWith({ replies: inClear });
  assert.match(await sent(hostFor(sink, route(sink, '|me|pw'))), /^deferral: .*a password is sent with TLS only/);
  assert.ok(!sink.commands().some((line) => line.startsWith('AUTH')));
  assert.equal(await sent(hostFor(sink, route(sink, '|me|pw|clear'))), accepted);
  const broken = await sinkWith({ replies: { EHLO: offers('STARTTLS', 'AUTH PLAIN'), STARTTLS: '220 go\r\n' } });
  assert.match(
    await sent(hostFor(broken, route(broken, '|me|pw'))),
    /a password is sent with TLS only/,
    'nor after a failed handshake',
  );
});

test('authsenders: the sender decides before the domain', async () => {
  const sink = await sinkWith({ replies: { EHLO: offers('STARTTLS', 'AUTH PLAIN'), AUTH: '235 ok\r\n' } });
  const host = hostFor(sink, {
    smtproutes: ':127.0.0.1:1\n',
    authsenders: `@b.example:127.0.0.1:${sink.port}|me|pw\n`,
  });
  assert.equal(await sent(host), accepted);
  assert.ok(sink.commands().some((line) => line.startsWith('AUTH PLAIN')));
});

test('CRAM-MD5: the example of RFC 2195; which mechanism is chosen', () => {
  const { command, answers } = saslExchange('CRAM-MD5', 'tim', 'tanstaaftanstaaf');
  assert.equal(command, 'AUTH CRAM-MD5');
  const challenge = 'PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+';
  assert.equal(answers[0]?.(challenge), 'dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw');
  assert.equal(saslExchange('PLAIN', 'u', 'p').command, 'AUTH PLAIN AHUAcA==');
  assert.equal(chooseMechanism('CRAM-MD5 plain', true), 'PLAIN');
  assert.equal(chooseMechanism('CRAM-MD5 PLAIN', false), 'CRAM-MD5');
  assert.equal(chooseMechanism('GSSAPI', true), undefined);
  assert.equal(chooseMechanism('', true), undefined);
});
