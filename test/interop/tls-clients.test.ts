// Programs that send and fetch mail over TLS, each of which checks our certificate against its authority and its name: curl, swaks, Python, fetchmail (OpenSSL), mpop (GnuTLS), Postfix. The server
// is the real daemon in one process.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { until } from '../processes/sample-server.js';
import { makeAuthority } from '../support/certificates.js';
import { needs, needsRoot } from '../support/needs.js';
import { startPostfix } from '../support/postfix.js';
import { run } from '../support/program.js';
import { hostName, securedHost, user } from '../support/secured-host.js';
import { SmtpClient } from '../support/smtp-client.js';

const message = 'From: Noel <noel@example.gr.jp>\nSubject: secret\n\nnobody reads this on the way\n';
const overTls = /^ {2}by \S+ with ESMTPS \(TLSv1\.[23] \S+ encrypted\); /m;

test('curl: STARTTLS, and a certificate of another name or authority is seen', async (t) => {
  if (!needs(t, 'curl', 'openssl')) return;
  const { arrived, authority, folder, ports, put } = await securedHost(t);
  const curl = (url: string, ...args: string[]): ReturnType<typeof run> =>
    run(['curl', '-sS', '--ssl-reqd', '--cacert', authority.file, ...args, url], message);
  const mail = ['--mail-from', 'noel@example.gr.jp', '--mail-rcpt', user, '--crlf', '--upload-file', '-'];
  const sent = await curl(`smtp://${hostName}:${ports.smtp}`, '-4', ...mail);
  assert.equal(sent.status, 0, sent.stderr);
  assert.match(arrived()[0] ?? '', overTls);
  put(message);
  for (const url of [`pop3://${hostName}:${ports.pop3}/1`, `pop3s://${hostName}:${ports.pop3s}/1`]) {
    const fetched = await curl(url, '-4', '--user', `${user}:password`);
    assert.equal(fetched.status, 0, fetched.stderr);
    assert.match(fetched.stdout, /nobody reads this on the way/);
  }
  const named = ['--connect-to', `mail.other.example::127.0.0.1:${ports.pop3s}`];
  const other = await curl('pop3s://mail.other.example/', '--user', `${user}:password`, ...named);
  assert.equal(other.status, 60, 'the name is not in the certificate');
  const strange = makeAuthority(folder, 'another authority').file;
  const unknown = await run(['curl', '-sS', '-4', '--cacert', strange, `pop3s://${hostName}:${ports.pop3s}/`]);
  assert.equal(unknown.status, 60, 'the authority is not known');
});

test('swaks: STARTTLS verified, and smtps', async (t) => {
  if (!needs(t, 'swaks', 'openssl')) return;
  const { arrived, authority, ports } = await securedHost(t);
  const swaks = (port: number | undefined, ...args: string[]): ReturnType<typeof run> =>
    run([
      'swaks',
      '--server',
      '127.0.0.1',
      '--port',
      String(port),
      '--from',
      'noel@example.gr.jp',
      '--to',
      user,
      ...args,
    ]);
  const verified = ['--tls-verify', '--tls-ca-path', authority.file, '--tls-sni', hostName];
  const sent = await swaks(ports.smtp, '--tls', ...verified);
  assert.equal(sent.status, 0, sent.stdout + sent.stderr);
  assert.match(sent.stdout, /=== TLS started with cipher TLSv1\.3:/);
  assert.match(arrived()[0] ?? '', overTls);
  const old = await swaks(ports.smtp, '--tls', '--tls-protocol', 'tlsv1_2');
  assert.match(old.stdout, /=== TLS started with cipher TLSv1\.2:ECDHE-RSA-AES256-GCM-SHA384/);
  const implicit = await swaks(ports.smtps, '--tlsc', '--quit-after', 'EHLO', ...verified);
  assert.equal(implicit.status, 0, implicit.stdout + implicit.stderr);
  assert.match(implicit.stdout, /=== TLS started/);
});

const python = `
import poplib, smtplib, ssl, sys
smtp, smtps, pop3, pop3s = map(int, sys.argv[1:5])
host, context = sys.argv[5], ssl.create_default_context(cafile=sys.argv[6])
s = smtplib.SMTP('127.0.0.1', smtp)
s._host = host
s.ehlo()
print('starttls' in s.esmtp_features)
print(s.starttls(context=context))
s.ehlo()
print('starttls' in s.esmtp_features, s.sock.version())
print(s.sendmail('noel@example.gr.jp', ['test@mailtest.example.jp'], 'Subject: python\\r\\n\\r\\nover TLS\\r\\n'))
s.quit()
s = smtplib.SMTP_SSL(host, smtps, context=context)
print(s.noop()[0])
s.quit()
p = poplib.POP3(host, pop3)
print('STLS' in p.capa())
p.stls(context=context)
print('STLS' in p.capa())
for box in (p, poplib.POP3_SSL(host, pop3s, context=context)):
    box.user('test@mailtest.example.jp'); box.pass_('password')
    print(b'over TLS' in box.retr(1)[1])
    box.quit()
`;

test('Python: smtplib and poplib, upgraded and from the first byte', async (t) => {
  if (!needs(t, 'python3', 'openssl')) return;
  const { authority, ports } = await securedHost(t);
  const places = ['smtp', 'smtps', 'pop3', 'pop3s'].map((name) => String(ports[name]));
  const ran = await run(['python3', '-c', python, ...places, hostName, authority.file]);
  assert.equal(ran.status, 0, ran.stderr);
  assert.deepEqual(ran.stdout.trim().split('\n'), [
    'True',
    "(220, b'ready for tls')",
    'False TLSv1.3',
    '{}',
    '250',
    'True',
    'False',
    'True',
    'True',
  ]);
});

test('fetchmail: STLS and pop3s with its certificate check', async (t) => {
  if (!needs(t, 'fetchmail', 'openssl')) return;
  const { authority, folder, ports, put } = await securedHost(t);
  for (const [service, ssl] of [
    [ports.pop3, 'sslproto tls1.2+'],
    [ports.pop3s, 'ssl'],
  ] as const) {
    put(message);
    const lines = [
      'set invisible',
      `poll ${hostName} service ${service} protocol POP3 timeout 60`,
      `  user "${user}" there with password "password" is root here`,
      `  ${ssl} sslcertck sslcertfile "${authority.file}" mda "cat >> ${folder}/fetched"`,
    ];
    writeFileSync(path.join(folder, 'rc'), `${lines.join('\n')}\n`, { mode: 0o600 });
    const argv = [
      'fetchmail',
      '-f',
      path.join(folder, 'rc'),
      '--nodetach',
      '--nosyslog',
      '--pidfile',
      path.join(folder, 'pid'),
    ];
    const ran = await run(argv, '', { HOME: folder, FETCHMAILHOME: folder });
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
  }
  assert.equal(readFileSync(path.join(folder, 'fetched'), 'latin1').match(/nobody reads this/g)?.length, 2);
});

test('mpop (GnuTLS): STLS and pop3s', async (t) => {
  if (!needs(t, 'mpop', 'openssl')) return;
  const { authority, folder, ports, put } = await securedHost(t);
  put(message);
  for (const [name, port, starttls] of [
    ['upgraded', ports.pop3, 'on'],
    ['implicit', ports.pop3s, 'off'],
  ] as const) {
    const target = path.join(folder, name);
    for (const part of ['new', 'cur', 'tmp']) mkdirSync(path.join(target, part), { recursive: true });
    const lines = [
      'account default',
      `host ${hostName}`,
      `port ${port}`,
      `user ${user}`,
      'password password',
      'auth user',
      'tls on',
      `tls_starttls ${starttls}`,
      `tls_trust_file ${authority.file}`,
      `delivery maildir ${target}`,
      `uidls_file ${folder}/uidls-${name}`,
      'keep on',
    ];
    const config = path.join(folder, `mpoprc-${name}`);
    writeFileSync(config, `${lines.join('\n')}\n`, { mode: 0o600 });
    const ran = await run(['mpop', '-C', config], '', { HOME: folder });
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
    assert.equal(readdirSync(path.join(target, 'new')).length, 1);
  }
});

test('Postfix sends over verified TLS, many messages over one connection', async (t) => {
  if (!needs(t, 'postfix', 'openssl') || !needsRoot(t)) return;
  const { arrived, authority, ports, log } = await securedHost(t);
  const settings = [
    'relay_domains = mailtest.example.jp',
    'smtp_tls_security_level = secure',
    `smtp_tls_secure_cert_match = ${hostName}`,
    `smtp_tls_CAfile = ${authority.file}`,
    'smtp_tls_loglevel = 1',
  ];
  const postfix = await startPostfix(settings, [`mailtest.example.jp smtp:[127.0.0.1]:${ports.smtp}`]);
  t.after(() => postfix.stop());
  const client = await SmtpClient.connect(postfix.port);
  await client.reply();
  await client.command('EHLO sender.example');
  for (let n = 0; n < 5; n++) {
    for (const line of ['MAIL FROM:<noel@example.gr.jp>', `RCPT TO:<${user}>`, 'DATA'])
      assert.match((await client.command(line)) ?? '', /^[23]/);
    assert.match((await client.command('Subject: by Postfix\r\n\r\nhello\r\n.')) ?? '', /^250/);
  }
  client.destroy();
  await until(() => arrived().length === 5 || /status=(bounced|deferred)/.test(postfix.log()));
  assert.equal(arrived().length, 5, postfix.log() + log());
  for (const text of arrived()) assert.match(text, overTls);
  assert.match(postfix.log(), /Verified TLS connection established to 127\.0\.0\.1\S+: TLSv1\.3 with cipher /);
});
