// Programs that log in to send, over verified TLS, each with every mechanism that it has, good and bad: swaks, msmtp, curl, Python's smtplib, s-nail, and a Postfix that sends all its mail through
// us. The server is the real daemon; what they send comes into a mailbox, and its Received line says who sent it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { until } from '../processes/sample-server.js';
import { needs, needsRoot } from '../support/needs.js';
import { startPostfix } from '../support/postfix.js';
import { run } from '../support/program.js';
import { hostName, securedHost, user } from '../support/secured-host.js';

const message = `From: Test <${user}>\nTo: ${user}\nSubject: submitted\n\nfrom my phone\n`;
const sentByUser =
  /^Received: from \S+ (\(HELO \S+\) )?\(test@mailtest\.example\.jp@127\.0\.0\.1\)\n {2}by \S+ with ESMTPSA \(TLSv1\.[23] \S+ encrypted\); /m;
/** No test is about guessing; `any` lets all of them be wrong as often as they like. */
const anyGuess = ['--wrong-logins', 'any'];

test('swaks: each mechanism, good and bad, on submission, smtps and smtp', async (t) => {
  if (!needs(t, 'swaks', 'openssl')) return;
  const { arrived, authority, ports } = await securedHost(t, anyGuess);
  const verified = ['--tls-verify', '--tls-ca-path', authority.file, '--tls-sni', hostName];
  const swaks = (port: number | undefined, mechanism: string, password: string, tls: string) => {
    const login = ['--auth', mechanism, '--auth-user', user, '--auth-password', password];
    const to = ['--server', '127.0.0.1', '--port', String(port), '--from', user, '--to', user];
    return run(['swaks', ...to, ...login, tls, ...verified]);
  };
  let sent = 0;
  for (const mechanism of ['PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5']) {
    const good = await swaks(ports.submission, mechanism, 'password', '--tls');
    assert.equal(good.status, 0, `${mechanism}: ${good.stdout}${good.stderr}`);
    assert.match(good.stdout, /235 ok, go ahead \(#2\.0\.0\)/, mechanism);
    assert.equal(arrived().length, ++sent);
    const bad = await swaks(ports.submission, mechanism, 'wrong', '--tls');
    assert.equal(bad.status, 28, `${mechanism}: ${bad.stdout}`);
    assert.match(bad.stdout, /535 authentication failed \(#5\.7\.1\)/, mechanism);
  }
  for (const [port, tls] of [
    [ports.smtps, '--tlsc'],
    [ports.smtp, '--tls'],
  ] as const) {
    const other = await swaks(port, 'PLAIN', 'password', tls);
    assert.equal(other.status, 0, other.stdout + other.stderr);
    sent++;
  }
  assert.equal(arrived().length, sent);
  for (const text of arrived()) assert.match(text, sentByUser);
});

test('msmtp (GNU SASL): each mechanism, good and bad', async (t) => {
  if (!needs(t, 'msmtp', 'openssl')) return;
  const { arrived, authority, folder, ports } = await securedHost(t, anyGuess);
  const msmtp = (mechanism: string, password: string, starttls: 'on' | 'off') => {
    const rc = path.join(folder, 'msmtprc');
    const lines = [
      'account default',
      `host ${hostName}`,
      `port ${starttls === 'on' ? ports.submission : ports.smtps}`,
      `tls on\ntls_starttls ${starttls}\ntls_trust_file ${authority.file}`,
      `auth ${mechanism}\nuser ${user}\npassword ${password}\nfrom ${user}`,
    ];
    writeFileSync(rc, `${lines.join('\n')}\n`, { mode: 0o600 });
    return run(['msmtp', '-C', rc, '--debug', user], message);
  };
  let sent = 0;
  for (const mechanism of ['plain', 'login', 'cram-md5', 'digest-md5', 'scram-sha-1', 'scram-sha-256']) {
    const good = await msmtp(mechanism, 'password', sent % 2 === 0 ? 'on' : 'off');
    assert.equal(good.status, 0, `${mechanism}: ${good.stdout}${good.stderr}`);
    assert.equal(arrived().length, ++sent);
    const bad = await msmtp(mechanism, 'wrong', 'on');
    assert.equal(bad.status, 77, `${mechanism}: ${bad.stdout}${bad.stderr}`);
  }
  for (const text of arrived()) assert.match(text, sentByUser);
});

test('curl: each mechanism, good and bad, with and without an initial response', async (t) => {
  if (!needs(t, 'curl', 'openssl')) return;
  const { arrived, authority, ports } = await securedHost(t, anyGuess);
  const curl = (url: string, password: string, ...args: string[]) => {
    const mail = ['--mail-from', user, '--mail-rcpt', user, '--crlf', '--upload-file', '-'];
    const tls = ['-4', '--ssl-reqd', '--cacert', authority.file];
    return run(['curl', '-sS', ...tls, '--user', `${user}:${password}`, ...mail, ...args, url], message);
  };
  let sent = 0;
  for (const mechanism of ['PLAIN', 'LOGIN', 'CRAM-MD5', 'DIGEST-MD5']) {
    for (const more of [[], ['--sasl-ir']]) {
      const options = ['--login-options', `AUTH=${mechanism}`, ...more];
      const good = await curl(`smtp://${hostName}:${ports.submission}/phone.example`, 'password', ...options);
      assert.equal(good.status, 0, `${mechanism}: ${good.stderr}`);
      assert.equal(arrived().length, ++sent);
    }
    const bad = await curl(`smtps://${hostName}:${ports.smtps}/`, 'wrong', '--login-options', `AUTH=${mechanism}`);
    assert.equal(bad.status, 67, `${mechanism}: ${bad.stderr}`);
  }
  const implicit = await curl(`smtps://${hostName}:${ports.smtps}/`, 'password');
  assert.equal(implicit.status, 0, implicit.stderr);
  for (const text of arrived()) assert.match(text, sentByUser);
});

const python = `
import smtplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[3])
user = '${user}'
def session(secure):
    if secure: return smtplib.SMTP_SSL('${hostName}', int(sys.argv[2]), context=context)
    s = smtplib.SMTP('${hostName}', int(sys.argv[1]))
    s.starttls(context=context)
    return s
for secure in (False, True):
    for mechanism in ('PLAIN', 'LOGIN', 'CRAM-MD5'):
        s = session(secure)
        s.ehlo('python.example')
        s.user, s.password = user, 'wrong'
        try:
            s.auth(mechanism, getattr(s, 'auth_' + mechanism.lower().replace('-', '_')))
            print('let in')
        except smtplib.SMTPAuthenticationError as e:
            print(mechanism, e.smtp_code, e.smtp_error.decode())
        s.password = 'password'
        s.auth(mechanism, getattr(s, 'auth_' + mechanism.lower().replace('-', '_')))
        print(s.sendmail(user, [user], 'Subject: a script\\r\\n\\r\\nhello\\r\\n'))
        try:
            s.sendmail('somebody@elsewhere.example', [user], 'Subject: no\\r\\n\\r\\n')
        except smtplib.SMTPSenderRefused as e:
            print('refused', e.smtp_code)
        s.quit()
s = smtplib.SMTP('${hostName}', int(sys.argv[1]))
s.starttls(context=context)
print(s.login(user, 'password'))
s.quit()
`;

test('smtplib: login by itself and each mechanism, good and bad; a sender of others', async (t) => {
  if (!needs(t, 'python3', 'openssl')) return;
  const { arrived, authority, ports } = await securedHost(t, anyGuess);
  const ran = await run(['python3', '-c', python, String(ports.submission), String(ports.smtps), authority.file]);
  assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  const rounds = ['PLAIN', 'LOGIN', 'CRAM-MD5', 'PLAIN', 'LOGIN', 'CRAM-MD5'].flatMap((mechanism) => [
    `${mechanism} 535 authentication failed (#5.7.1)`,
    '{}',
    'refused 553',
  ]);
  assert.deepEqual(ran.stdout.trim().split('\n'), [...rounds, "(235, b'ok, go ahead (#2.0.0)')"]);
  assert.equal(arrived().length, 6);
  for (const text of arrived()) {
    assert.match(text, sentByUser);
    assert.match(text, /^Message-ID: <\d{14}\.\d+\.qmail@\S+>$/m, 'a script that sends none');
  }
});

test('s-nail: submission and submissions', async (t) => {
  if (!needs(t, 's-nail', 'openssl')) return;
  const { arrived, authority, ports } = await securedHost(t, anyGuess);
  const nail = (scheme: string, port: number | undefined, mechanism: string, password: string) => {
    const settings = [
      'v15-compat',
      `mta=${scheme}://${encodeURIComponent(user)}:${password}@${hostName}:${port}`,
      `smtp-auth=${mechanism}`,
      `tls-ca-file=${authority.file}`,
      'tls-ca-no-defaults',
      'tls-verify=strict',
      ...(scheme === 'submission' ? ['smtp-use-starttls'] : []),
      'hostname=phone.example',
    ].flatMap((setting) => ['-S', setting]);
    return run(['s-nail', '-:/', ...settings, '-r', user, '-s', 'from s-nail', user], 'Hello.\n');
  };
  let sent = 0;
  for (const [scheme, port] of [
    ['submission', ports.submission],
    ['submissions', ports.smtps],
  ] as const) {
    for (const mechanism of ['plain', 'login', 'cram-md5']) {
      const good = await nail(scheme, port, mechanism, 'password');
      assert.equal(good.status, 0, `${scheme} ${mechanism}: ${good.stdout}${good.stderr}`);
      assert.equal(arrived().length, ++sent);
      assert.notEqual((await nail(scheme, port, mechanism, 'wrong')).status, 0, mechanism);
    }
  }
  for (const text of arrived()) assert.match(text, sentByUser);
});

test('Postfix sends everything through us, logged in: each mechanism; a wrong password puts off', async (t) => {
  if (!needs(t, 'postfix', 'openssl') || !needsRoot(t)) return;
  const { arrived, authority, folder, log, ports } = await securedHost(t, anyGuess);
  const passwords = path.join(folder, 'sasl_passwd');
  const setPassword = (password: string): void =>
    writeFileSync(passwords, `[${hostName}]:${ports.submission} ${user}:${password}\n`, { mode: 0o600 });
  for (const mechanism of ['plain', 'login', 'cram-md5', 'digest-md5', 'scram-sha-256']) {
    setPassword(mechanism === 'plain' ? 'wrong' : 'password');
    const postfix = await startPostfix(
      [
        `relayhost = [${hostName}]:${ports.submission}`,
        'smtp_sasl_auth_enable = yes',
        // A process that has read the old password ends.
        'max_use = 1',
        `smtp_sasl_password_maps = texthash:${passwords}`,
        'smtp_sasl_security_options = noanonymous',
        `smtp_sasl_mechanism_filter = ${mechanism}`,
        'smtp_tls_security_level = secure',
        `smtp_tls_secure_cert_match = ${hostName}`,
        `smtp_tls_CAfile = ${authority.file}`,
      ],
      [],
    );
    const before = arrived().length;
    try {
      const sent = await run(['sendmail', '-C', postfix.config, '-f', user, user], message);
      assert.equal(sent.status, 0, sent.stderr);
      if (mechanism === 'plain') {
        await until(() => postfix.log().includes('535 authentication failed'));
        assert.match(postfix.log(), /status=deferred \(SASL authentication failed; server localhost\S* said: 535 /);
        setPassword('password');
        await postfix.flush();
      }
      await until(() => arrived().length > before).catch((error: unknown) => {
        throw new Error(`${mechanism}: ${error}\n${postfix.log()}${log()}`);
      });
    } finally {
      await postfix.stop();
    }
    assert.match(
      log(),
      new RegExp(`^submission: login ${user} by ${mechanism.toUpperCase()} from 127\\.0\\.0\\.1$`, 'm'),
    );
  }
  for (const text of arrived()) assert.match(text, sentByUser);
});
