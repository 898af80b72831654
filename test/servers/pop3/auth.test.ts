// Logging in by AUTH (RFC 5034): what is offered to whom, every mechanism, and how an exchange can end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cramMd5Digest } from '../../../src/protocols/sasl/cram-md5.js';
import type { Pop3Client } from '../../support/pop3-client.js';
import { type Pop3HostOptions, pop3Host, testPassword, testUser } from '../../support/pop3-host.js';
import { saslTalk } from '../../support/sasl-client.js';
import { oneCertificate } from '../../support/server-tls.js';

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const plain = base64(`\0${testUser}\0${testPassword}`);
const unsupported = '-ERR unsupported authentication mechanism\r\n';
const malformed = '-ERR malformed authentication exchange\r\n';

/** A client from another host than this: the addresses of loopback other than the server's own count as the host itself too. */
async function fromElsewhere(t: Parameters<typeof pop3Host>[0], options: Pop3HostOptions = {}): Promise<Pop3Client> {
  const host = await pop3Host(t, options);
  return host.connectAs({ remoteIp: '192.0.2.7', localIp: '192.0.2.1' });
}

/** A client that has read the banner. */
async function onHost(t: Parameters<typeof pop3Host>[0], options: Pop3HostOptions = {}): Promise<Pop3Client> {
  const client = await (await pop3Host(t, options)).connect();
  await client.line();
  return client;
}

test('CAPA and a bare AUTH list what can succeed', async (t) => {
  const client = await onHost(t);
  const all = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256'];
  assert.match(await client.ask('CAPA'), new RegExp(`\r\nUSER\r\nSASL ${all.join(' ')}\r\n`));
  client.send('AUTH\r\n');
  assert.equal(await client.reply('CAPA'), ['+OK ', ...all, '.', ''].join('\r\n'));
});

test('without TLS a client from elsewhere is offered no mechanism that sends the password, and cannot begin one', async (t) => {
  const client = await fromElsewhere(t);
  await client.line();
  assert.match(await client.ask('CAPA'), /\r\nSASL CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256\r\n/);
  for (const command of [`AUTH PLAIN ${plain}`, 'AUTH LOGIN', 'AUTH FOO', 'AUTH SCRAM-SHA-256-PLUS'])
    assert.equal(await client.ask(command), unsupported, command);
});

test('where TLS can be had USER is refused without it', async (t) => {
  const tls = await oneCertificate();
  const client = await fromElsewhere(t, { tls });
  await client.line();
  assert.doesNotMatch(await client.ask('CAPA'), /USER/);
  assert.match(await client.ask(`USER ${testUser}`), /^-ERR \[AUTH\] /);
  assert.equal(await client.ask(`PASS ${testPassword}`), '-ERR USER first\r\n');
});

for (const mechanism of ['PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256'] as const) {
  for (const isRight of [true, false]) {
    test(`${mechanism} with ${isRight ? 'the right' : 'a wrong'} password`, async (t) => {
      const client = await onHost(t, { login: { logSuccess: true } });
      const talk = saslTalk(mechanism, testUser, isRight ? testPassword : 'wrong', { service: 'pop' });
      let reply = await client.ask(`AUTH ${mechanism}`);
      while (reply.startsWith('+ ')) {
        const challenge = Buffer.from(reply.slice(2), 'base64');
        const isEmpty = challenge.length === 0 && talk.initial !== undefined;
        const mine = isEmpty ? talk.initial : talk.answer(challenge);
        reply = await client.ask(mine.toString('base64'));
      }
      if (!isRight) return assert.equal(reply + (await client.closed()), '-ERR authorization failed\r\n');
      assert.equal(reply, '+OK \r\n');
      assert.match(await client.ask('STAT'), /^\+OK 5 /);
      assert.doesNotMatch(await client.ask('CAPA'), /SASL/);
    });
  }
}

test('an initial response, an empty one, one where there is none', async (t) => {
  assert.equal(await (await onHost(t)).ask(`auth plain ${plain}`), '+OK \r\n');
  const client = await onHost(t);
  for (const command of ['AUTH PLAIN =', 'AUTH PLAIN %%', 'AUTH CRAM-MD5 YQ==', `AUTH PLAIN ${base64('no nul')}`])
    assert.equal(await client.ask(command), malformed, command);
  assert.equal(await client.ask('AUTH PLAIN a b'), '-ERR syntax error\r\n');
  assert.equal(await client.ask(`AUTH LOGIN ${base64(testUser)}`), `+ ${base64('Password:')}\r\n`);
  assert.equal(await client.ask(base64(testPassword)), '+OK \r\n');
});

test('an exchange that is cancelled or broken leaves the session as it was', async (t) => {
  const client = await onHost(t);
  for (const [line, reply] of [
    ['*', '-ERR authorization cancelled\r\n'],
    ['not base64!', malformed],
    ['QUIT', malformed],
    ['', malformed],
  ] as const) {
    assert.equal(await client.ask('AUTH PLAIN'), '+ \r\n');
    assert.equal(await client.ask(line), reply, line);
  }
  const challenge = Buffer.from((await client.ask('AUTH CRAM-MD5')).slice(2), 'base64').toString();
  assert.equal(await client.ask(base64(`${testUser} ${cramMd5Digest(challenge, testPassword)}`)), '+OK \r\n');
});

test('a client that is put off is told when to come again, and not that its password is wrong', async (t) => {
  const gate = { enter: async () => ({ isAdmitted: false, retrySeconds: 8 }) as const };
  for (const send of [`AUTH PLAIN ${plain}`, `USER ${testUser}\r\nPASS ${testPassword}`]) {
    const client = await onHost(t, { login: { gate } });
    client.send(`${send}\r\n`);
    assert.match(await client.closed(), /-ERR \[SYS\/TEMP\] too many failed logins, try again in 8 seconds\r\n$/);
  }
});

test('another name to act for is refused', async (t) => {
  const client = await onHost(t);
  const message = base64(`somebody@else.example\0${testUser}\0${testPassword}`);
  assert.equal(await client.ask(`AUTH PLAIN ${message}`), '-ERR authorization failed\r\n');
});
