// AUTH (RFC 4954): what is offered to whom, each mechanism good and bad, the words of every refusal, and what a login changes.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import type { MechanismName } from '../../../../src/protocols/sasl/exchange.js';
import type { Flavour } from '../../../../src/servers/smtp/admission.js';
import { until } from '../../../support/front-end.js';
import { saslMechanisms, saslTalk } from '../../../support/sasl-client.js';
import { noCertificate, oneCertificate } from '../../../support/server-tls.js';
import type { SmtpClient } from '../../../support/smtp-client.js';
import { authPlain, password, stranger, user, userHost } from '../../../support/user-host.js';

const success = '235 ok, go ahead (#2.0.0)';
const wrong = '535 authentication failed (#5.7.1)';
const challenges = 'CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256';

function base64(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64');
}

async function keywords(client: SmtpClient): Promise<string[]> {
  const reply = (await client.command('EHLO phone.example')) ?? '';
  return reply.split('\r\n').flatMap((line) => /^250[- ](AUTH.*|STARTTLS)$/.exec(line)?.[1] ?? []);
}

/** Goes through an exchange. Gives the last reply. */
async function logIn(client: SmtpClient, mechanism: MechanismName, secret = password, name = user): Promise<string> {
  await client.command('EHLO phone.example');
  const talk = saslTalk(mechanism, name, secret);
  const initial = talk.initial === undefined ? '' : ` ${talk.initial.toString('base64') || '='}`;
  let reply = (await client.command(`AUTH ${mechanism}${initial}`)) ?? 'closed';
  while (reply.startsWith('334 '))
    reply = (await client.command(talk.answer(Buffer.from(reply.slice(4), 'base64')).toString('base64'))) ?? 'closed';
  return reply;
}

interface Offer {
  readonly why: string;
  readonly flavour: Flavour;
  readonly origin?: typeof stranger;
  readonly isSecure?: boolean;
  readonly certificate?: 'none';
  readonly want: readonly string[];
}

const all = `PLAIN LOGIN ${challenges}`;
const plus = `${all} SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS`;
const twice = (names: string): string[] => [`AUTH ${names}`, `AUTH=${names}`];

const offers: readonly Offer[] = [
  { why: 'a stranger in clear on submission', flavour: 'submission', origin: stranger, want: ['STARTTLS'] },
  {
    why: 'without a certificate it has nothing',
    flavour: 'submission',
    origin: stranger,
    certificate: 'none',
    want: [],
  },
  { why: 'the host itself', flavour: 'submission', want: ['STARTTLS', ...twice(all)] },
  {
    why: 'a trusted network',
    flavour: 'submission',
    origin: { ...stranger, remoteIp: '192.0.2.200' },
    want: ['STARTTLS', ...twice(all)],
  },
  { why: 'TLS at a proxy', flavour: 'submission', origin: { ...stranger, isTlsAtProxy: true }, want: twice(all) },
  { why: 'behind STARTTLS', flavour: 'submission', origin: stranger, isSecure: true, want: twice(plus) },
  { why: 'smtps', flavour: 'smtps', origin: stranger, want: twice(plus) },
  { why: 'a stranger in clear on smtp', flavour: 'smtp', origin: stranger, want: ['STARTTLS', ...twice(challenges)] },
  { why: 'smtp behind STARTTLS', flavour: 'smtp', origin: stranger, isSecure: true, want: twice(plus) },
];

for (const { why, flavour, origin, isSecure, certificate, want } of offers) {
  test(`offered: ${why}`, async (t) => {
    const tls = certificate === 'none' ? noCertificate() : await oneCertificate();
    const host = await userHost(t, { flavour, tls, trusted: ['192.0.2.128/25'] });
    const client = await host.greeted(origin);
    if (isSecure) {
      assert.equal(await client.command('STARTTLS'), '220 ready for tls');
      await client.secure();
    }
    assert.deepEqual(await keywords(client), want);
  });
}

test('each mechanism, good and bad', async (t) => {
  const host = await userHost(t);
  for (const mechanism of saslMechanisms) {
    const good = await host.greeted();
    assert.equal(await logIn(good, mechanism), success, mechanism);
    const bad = await host.greeted();
    assert.equal(await logIn(bad, mechanism, 'wrong'), wrong, mechanism);
    assert.equal(await logIn(bad, mechanism, password, 'nobody@mailtest.example.jp'), wrong, `${mechanism}: nobody`);
    assert.equal(await logIn(bad, mechanism), success, `${mechanism}: again`);
    assert.match(host.log(), new RegExp(`^submission: login ${user} by ${mechanism} from 127\\.0\\.0\\.1$`, 'm'));
  }
});

const bindings: readonly [type: string, dataOf: (socket: TLSSocket) => Buffer][] = [
  ['tls-exporter', (socket) => socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))],
  ['tls-server-end-point', (socket) => createHash('sha256').update(socket.getPeerCertificate().raw).digest()],
];

for (const [type, dataOf] of bindings) {
  test(`SCRAM with channel binding over TLS: ${type}`, async (t) => {
    const host = await userHost(t, { tls: await oneCertificate() });
    for (const mechanism of ['SCRAM-SHA-1-PLUS', 'SCRAM-SHA-256-PLUS'] as const) {
      const client = await host.greeted(stranger);
      await client.command('EHLO phone.example');
      await client.command('STARTTLS');
      const data = dataOf(await client.secure());
      for (const [shown, want] of [
        [Buffer.alloc(32), wrong],
        [data, success],
      ] as const) {
        const talk = saslTalk(mechanism, user, password, { binding: { type, data: shown } });
        let reply = (await client.command(`AUTH ${mechanism} ${talk.initial?.toString('base64')}`)) ?? '';
        while (reply.startsWith('334 '))
          reply = (await client.command(talk.answer(Buffer.from(reply.slice(4), 'base64')).toString('base64'))) ?? '';
        assert.equal(reply, want);
      }
    }
  });
}

const rows: readonly [lines: readonly string[], last: string, why: string][] = [
  [['AUTH'], '501 malformed auth input (#5.5.4)', 'no mechanism'],
  [['AUTH GSSAPI'], '504 auth type unimplemented (#5.5.1)', 'an unknown mechanism'],
  [['AUTH SCRAM-SHA-256-PLUS'], '504 auth type unimplemented (#5.5.1)', 'one that cannot be had here'],
  [['auth plain', '='], '501 malformed auth input (#5.5.4)', 'an answer is not an initial response'],
  [['AUTH PLAIN ='], '501 malformed auth input (#5.5.4)', 'an empty initial response'],
  [['AUTH PLAIN ???'], '501 malformed auth input (#5.5.4)', 'no base64'],
  [['AUTH PLAIN', '???'], '501 malformed auth input (#5.5.4)', 'no base64 in an answer'],
  [['AUTH PLAIN', '*'], '501 auth exchange canceled (#5.0.0)', 'cancelled'],
  [['AUTH LOGIN', base64(user), '*'], '501 auth exchange canceled (#5.0.0)', 'cancelled later'],
  [['AUTH CRAM-MD5', '*'], '501 auth exchange canceled (#5.0.0)', 'cancelled before the digest'],
  [['AUTH CRAM-MD5 abcd'], '501 malformed auth input (#5.5.4)', 'an initial response where there is none'],
  [['AUTH LOGIN', base64(user), ''], wrong, 'an empty password'],
  [['AUTH PLAIN', base64(`\0${user}\0${password}`)], success, 'the response asked for'],
  [[`${authPlain}   `], success, 'blanks behind it'],
  [[`AUTH  PLAIN   ${base64(`\0${user}\0${password}`)}`], success, 'blanks between'],
  [[`AUTH LOGIN ${base64(user)}`, base64(password)], success, 'LOGIN with the name at once'],
  [['auth login', base64(user), base64(password)], success, 'in small letters'],
  [[`AUTH PLAIN ${base64(`${user}\0${user}\0${password}`)}`], success, 'for oneself'],
  [[`AUTH PLAIN ${base64(`hanako@mailtest.example.jp\0${user}\0${password}`)}`], wrong, 'for somebody else'],
  [[`AUTH PLAIN ${base64(`\0test%mailtest.example.jp\0${password}`)}`], success, 'user%domain'],
  [['AUTH PLAIN', 'x'.repeat(13_000)], '500 5.5.6 line of the authentication exchange is too long', 'a long line'],
  [
    [`AUTH PLAIN ${'x'.repeat(13_000)}`],
    '500 5.5.6 line of the authentication exchange is too long',
    'a long first line',
  ],
  [['MAIL FROM:<test@mailtest.example.jp>'], '530 Authorization required (#5.7.1)', 'MAIL before AUTH'],
  [[authPlain, authPlain], "503 you're already authenticated (#5.5.0)", 'a second time'],
  [[authPlain, 'MAIL FROM:<>', 'AUTH PLAIN'], "503 you're already authenticated (#5.5.0)", 'in a transaction'],
];

for (const [lines, last, why] of rows) {
  test(`AUTH: ${why}`, async (t) => {
    const client = await (await userHost(t)).greeted();
    await client.command('HELO old.example');
    let reply: string | undefined;
    for (const line of lines) reply = await client.command(line);
    assert.equal(reply, last);
    assert.equal(await client.command('NOOP'), '250 ok', 'the session goes on');
  });
}

test('submission in clear: TLS before anything of a user', async (t) => {
  const host = await userHost(t, { tls: await oneCertificate() });
  const client = await host.greeted(stranger);
  await client.command('EHLO phone.example');
  for (const line of [authPlain, 'AUTH CRAM-MD5', 'MAIL FROM:<test@mailtest.example.jp>'])
    assert.equal(await client.command(line), '530 5.7.0 say STARTTLS first', line);
  assert.doesNotMatch(host.log(), /vchkpw/, 'the password was not looked at');
  await client.command('STARTTLS');
  await client.secure();
  assert.equal(await client.command('MAIL FROM:<test@mailtest.example.jp>'), '530 Authorization required (#5.7.1)');
  assert.equal(await client.command(authPlain), success);
});

test('smtp in clear: a password only from who is trusted; no AUTH within a transaction', async (t) => {
  const host = await userHost(t, { flavour: 'smtp' });
  const client = await host.greeted(stranger);
  assert.equal(await client.command(authPlain), '502 unimplemented (#5.5.1)', 'before HELO and EHLO');
  await client.command('EHLO phone.example');
  assert.equal(await client.command(authPlain), '538 5.7.11 this mechanism needs STARTTLS first');
  assert.equal(await client.command('MAIL FROM:<noel@example.gr.jp>'), '250 ok');
  assert.equal(await client.command('AUTH CRAM-MD5'), '503 no auth during mail transaction (#5.5.0)');
  await client.command('RSET');
  assert.equal(await logIn(client, 'CRAM-MD5'), success);
});

test('a login ends with the clear connection it was made on', async (t) => {
  const host = await userHost(t, { tls: await oneCertificate(), flavour: 'smtp' });
  const client = await host.loggedIn();
  assert.equal(host.sessions.size, 1);
  await client.command('STARTTLS');
  await client.secure();
  await client.command('MAIL FROM:<test@mailtest.example.jp>');
  assert.equal(host.sessions.size, 0);
  assert.equal(
    await client.command('RCPT TO:<x@elsewhere.example>'),
    "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
  );
  await client.command('RSET');
  assert.equal(await client.command(authPlain), success);
});

test('an exchange that the client leaves in the middle of', async (t) => {
  const host = await userHost(t);
  const client = await host.greeted();
  await client.command('EHLO phone.example');
  assert.equal(await client.command('AUTH LOGIN'), '334 VXNlcm5hbWU6');
  client.destroy();
  await until(() => host.server.sessions === 0, host.log);
});

test('pipelined answers are taken one by one', async (t) => {
  const host = await userHost(t);
  const client = await host.greeted();
  await client.command('EHLO phone.example');
  client.send(`AUTH LOGIN\r\n${base64(user)}\r\n${base64(password)}\r\nNOOP\r\n`);
  const replies = [await client.reply(), await client.reply(), await client.reply(), await client.reply()];
  assert.deepEqual(replies, ['334 VXNlcm5hbWU6', '334 UGFzc3dvcmQ6', success, '250 ok']);
});

function oneLine(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\r\n]/g, ' ');
}

test('whatever is sent for AUTH, every answer is a clean reply', async (t) => {
  const host = await userHost(t, { limits: { refusedCommands: 1e9, idleCommands: 1e9, drainMs: 300 } });
  const line = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map(oneLine),
    fc.base64String({ maxLength: 200 }),
    fc.constantFrom('*', '=', '', base64(user), base64(`\0${user}\0x`), base64('n,,n=x,r=y')),
  );
  const mechanism = fc.oneof(fc.constantFrom(...saslMechanisms), fc.uint8Array({ maxLength: 10 }).map(oneLine));
  await fc.assert(
    fc.asyncProperty(mechanism, fc.array(line, { maxLength: 4 }), async (name, lines) => {
      const client = await host.greeted();
      await client.command('EHLO phone.example');
      let reply = await client.command(`AUTH ${name} ${lines[0] ?? ''}`);
      for (const next of [...lines.slice(1), '*', '*', '*']) {
        assert.match(reply ?? '', /^(334 [A-Za-z0-9+/]*=*|5\d\d [ -~]+|454 [ -~]+)$/);
        if (!reply?.startsWith('334')) break;
        reply = await client.command(next);
      }
      assert.equal(await client.command('NOOP'), '250 ok');
      client.destroy();
    }),
    { numRuns: 150 },
  );
  assert.doesNotMatch(host.log(), /^alert: /m);
});
