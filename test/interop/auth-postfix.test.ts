// Debian's Postfix asks us whether a login is right (`smtpd_sasl_type = dovecot`), chrooted and not, with the lines that administrators have had in main.cf for Dovecot.

import assert from 'node:assert/strict';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { makeSelfSigned } from '../../src/stores/certificates/self-signed.js';
import { childrenOf, titleOf } from '../support/child-processes.js';
import { tool, until } from '../support/front-end.js';
import { needs, needsRoot } from '../support/needs.js';
import { freePort } from '../support/ports.js';
import { type RunningPostfix, startPostfix } from '../support/postfix.js';
import { run } from '../support/program.js';
import { readmeBlock } from '../support/readme.js';
import { saslMechanisms, saslTalk } from '../support/sasl-client.js';
import { SmtpClient } from '../support/smtp-client.js';
import { type StartedServer, startServer } from '../support/started-server.js';
import { VpopmailHost } from '../support/vpopmail-host.js';

const guide = [...readmeBlock('smtpd_sasl_type = dovecot'), 'mynetworks = 192.0.2.1/32', 'smtpd_error_sleep_time = 0'];

interface Place {
  /** The port of the `submission` service. */
  readonly submission: number;
  readonly files: VpopmailHost;
  readonly postfix: RunningPostfix;
  readonly server: StartedServer;
  /** Starts ours again, with the same socket. */
  restart(): Promise<StartedServer>;
  why(): string;
}

async function place(t: TestContext, settings: readonly string[], chroot: boolean): Promise<Place> {
  const files = new VpopmailHost(t);
  files.domain('example.jp', {});
  files.logins('example.jp', {
    joe: { password: 'joe pw' },
    hashed: { password: 'secret', isClear: false },
    closed: { password: 'secret', flags: 0x800 },
  });
  const submission = await freePort();
  const services = readmeBlock('submission inet n - y - - smtpd').map((line) =>
    line.replace(/^submission/, `127.0.0.1:${submission}`),
  );
  const pem = path.join(files.root, 'front.pem');
  files.write(pem, await makeSelfSigned(['front.example'], 30, Date.now()));
  const tls = [`smtpd_tls_cert_file = ${pem}`, 'smtpd_tls_security_level = may'];
  const postfix = await startPostfix([...tls, ...settings], [], { chroot, services });
  t.after(() => postfix.stop());
  const listen = ['--listen', `auth=unix:${postfix.queueDirectory}/private/auth,mode=0660,user=postfix,group=postfix`];
  const restart = async (): Promise<StartedServer> => {
    const server = await startServer(['--root', files.root, '--workers', '1', '--drain-seconds', '1', ...listen]);
    t.after(() => server.stop('SIGKILL'));
    return server;
  };
  const server = await restart();
  return { files, postfix, submission, server, restart, why: () => `${postfix.log()}${server.log()}` };
}

type Mechanism = (typeof saslMechanisms)[number];

async function hello(postfix: RunningPostfix): Promise<{ client: SmtpClient; offers: string }> {
  const client = await SmtpClient.connect(postfix.port);
  await client.reply();
  const reply = (await client.command('EHLO client.example')) ?? '';
  return { client, offers: /^250.AUTH (.*)\r$/m.exec(`${reply}\r`)?.[1] ?? reply };
}

/** AUTH on a connection, through all its challenges. */
async function authenticate(client: SmtpClient, mechanism: Mechanism, user: string, password: string): Promise<string> {
  const talk = saslTalk(mechanism, user, password);
  const initial = talk.initial === undefined ? '' : ` ${talk.initial.toString('base64')}`;
  let reply = (await client.command(`AUTH ${mechanism}${initial}`)) ?? 'closed';
  while (reply.startsWith('334 '))
    reply = (await client.command(talk.answer(Buffer.from(reply.slice(4), 'base64')).toString('base64'))) ?? 'closed';
  return reply;
}

/** AUTH in a session of its own. */
async function logIn(postfix: RunningPostfix, mechanism: Mechanism, user: string, password: string): Promise<string> {
  const { client } = await hello(postfix);
  const reply = await authenticate(client, mechanism, user, password);
  client.destroy();
  return reply;
}

test('chrooted, with the lines of old: each mechanism, failures, changes of this moment, trouble, a restart', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  const { files, postfix, submission, server, restart, why } = await place(t, guide, true);

  await t.test('each mechanism, good and bad; who has logged in may relay', async () => {
    const { client, offers } = await hello(postfix);
    assert.equal(offers, 'PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256', why());
    await client.command('MAIL FROM:<joe@example.jp>');
    assert.match((await client.command('RCPT TO:<somebody@elsewhere.example>')) ?? '', /^[45]54 .*Relay access denied/);
    client.destroy();
    for (const mechanism of saslMechanisms) {
      assert.match(await logIn(postfix, mechanism, 'joe@example.jp', 'wrong'), /^535 5\.7\.8 /, mechanism);
      assert.match(await logIn(postfix, mechanism, 'nobody@example.jp', 'joe pw'), /^535 5\.7\.8 /, mechanism);
      const session = await hello(postfix);
      assert.match(
        await authenticate(session.client, mechanism, 'joe@example.jp', 'joe pw'),
        /^235 2\.7\.0 /,
        mechanism,
      );
      await session.client.command('MAIL FROM:<joe@example.jp>');
      assert.match((await session.client.command('RCPT TO:<somebody@elsewhere.example>')) ?? '', /^250 2\.1\.5 /);
      session.client.destroy();
    }
    for (const mechanism of ['PLAIN', 'LOGIN'] as const)
      assert.match(await logIn(postfix, mechanism, 'hashed@example.jp', 'secret'), /^235 /, 'without a clear password');
    assert.match(postfix.log(), /sasl_method=DIGEST-MD5, sasl_username=joe@example\.jp/);
    assert.match(server.log(), /vchkpw-smtp: password fail joe@example\.jp:127\.0\.0\.1\n/);
  });

  await t.test('submission as master.cf has it: TLS, a login, then mail to the world; smtplib', async (t) => {
    if (!needs(t, 'python3')) return;
    const { status, stdout, stderr } = await run(['python3', '-c', submit, `${submission}`]);
    assert.deepEqual(
      [status, stdout.trim().split('\n')],
      [
        0,
        [
          "PLAIN b'2.7.0 Authentication successful'",
          "LOGIN b'2.7.0 Authentication successful'",
          "CRAM-MD5 b'2.7.0 Authentication successful'",
          'without TLS 530',
          'without a login 554',
          'wrong password 535',
        ],
      ],
      `${stderr}${why()}`,
    );
    await until(() => /to=<somebody@elsewhere\.example>/.test(postfix.log()), why);
  });

  await t.test('one session: cancelled, malformed, empty, then right', async () => {
    const { client } = await hello(postfix);
    assert.match((await client.command('AUTH LOGIN')) ?? '', /^334 VXNlcm5hbWU6$/, why());
    assert.match((await client.command('*')) ?? '', /^501 5\.7\.0 /);
    assert.match((await client.command('AUTH PLAIN =')) ?? '', /^535 /);
    assert.match((await client.command('AUTH PLAIN !!!!')) ?? '', /^535 5\.7\.8 .*Invalid base64 data in initial/);
    assert.match((await client.command('AUTH CRAM-MD5')) ?? '', /^334 /);
    assert.match((await client.command('bm9uc2Vuc2U=')) ?? '', /^535 /);
    const reply = await authenticate(client, 'SCRAM-SHA-256', 'joe@example.jp', 'joe pw');
    assert.equal(reply, '235 2.7.0 Authentication successful');
    client.destroy();
  });

  await t.test(
    'what vadduser and vdeluser do counts at once; an account that is closed to SMTP is told so',
    async () => {
      tool(files, 'vadduser', 'new@example.jp', 'just added');
      assert.match(await logIn(postfix, 'CRAM-MD5', 'new@example.jp', 'just added'), /^235 /, why());
      tool(files, 'vdeluser', 'new@example.jp');
      assert.match(await logIn(postfix, 'PLAIN', 'new@example.jp', 'just added'), /^535 /);
      const closed = await logIn(postfix, 'PLAIN', 'closed@example.jp', 'secret');
      assert.match(closed, /^535 5\.7\.8 .*this account may not use this service/);
      assert.doesNotMatch(server.log(), /alert|defect|broke the protocol/);
    },
  );

  await t.test('trouble of ours is 454, never a wrong password, and over when it is over', async () => {
    const { client } = await hello(postfix);
    files.write(`${files.directory('example.jp')}/vpasswd.cdb`, 'no cdb');
    const later = '454 4.7.0 Temporary authentication failure: Connection lost to authentication server';
    assert.equal(await authenticate(client, 'PLAIN', 'joe@example.jp', 'joe pw'), later, why());
    files.logins('example.jp', { joe: { password: 'joe pw' } });
    assert.match(await authenticate(client, 'PLAIN', 'joe@example.jp', 'joe pw'), /^235 /, 'the same session');
    client.destroy();
  });

  await t.test('the connections that Postfix keeps die with our processes; it opens others', async () => {
    const kept = await hello(postfix);
    for (const pid of workersOf(server)) process.kill(pid, 'SIGKILL');
    await until(
      () => /session worker \d+ ended/.test(server.log()),
      () => server.log(),
    );
    assert.match(await authenticate(kept.client, 'PLAIN', 'joe@example.jp', 'joe pw'), /^235 /, why());
    kept.client.destroy();
    const again = await hello(postfix);
    assert.equal(await server.stop(), 0);
    const next = await restart();
    assert.match(
      await authenticate(again.client, 'PLAIN', 'joe@example.jp', 'joe pw'),
      /^235 /,
      `${why()}${next.log()}`,
    );
    again.client.destroy();
  });
});

/** What a mail program does on submission, by Python's smtplib. */
const submit = `
import smtplib, ssl, sys
def begin(tls=True):
    smtp = smtplib.SMTP('127.0.0.1', int(sys.argv[1]))
    if tls: smtp.starttls(context=ssl._create_unverified_context())
    smtp.ehlo()
    return smtp
for name in ('PLAIN', 'LOGIN', 'CRAM-MD5'):
    smtp = begin()
    smtp.user, smtp.password = 'joe@example.jp', 'joe pw'
    print(name, smtp.auth(name, getattr(smtp, 'auth_' + name.lower().replace('-', '_')))[1])
    smtp.sendmail('joe@example.jp', ['somebody@elsewhere.example'], 'Subject: x\\r\\n\\r\\nhello\\r\\n')
    smtp.quit()
print('without TLS', begin(False).mail('joe@example.jp')[0])
smtp = begin()
smtp.mail('joe@example.jp')
print('without a login', smtp.rcpt('somebody@elsewhere.example')[0])
try: begin().login('joe@example.jp', 'wrong')
except smtplib.SMTPAuthenticationError as error: print('wrong password', error.smtp_code)
`;

/** The session workers of a server. */
function workersOf(server: StartedServer): number[] {
  return childrenOf(server.process.pid).filter((child) => titleOf(child).includes('session'));
}

test('not chrooted, and no clear text: what Postfix is told not to offer it does not', async (t) => {
  if (!needs(t, 'postfix') || !needsRoot(t)) return;
  const { postfix } = await place(t, [...guide, 'smtpd_sasl_security_options = noanonymous, noplaintext'], false);
  const { client, offers } = await hello(postfix);
  assert.equal(offers, 'CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256');
  assert.match(await authenticate(client, 'DIGEST-MD5', 'joe@example.jp', 'joe pw'), /^235 /, postfix.log());
  client.destroy();
});
