// What the log says of a login that fails, on each way in of the real daemon: one line, in vchkpw's words, with the word of the service in front, for the fail2ban filters that read those.

import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import tls from 'node:tls';
import { TextClient, until } from '../processes/sample-server.js';
import { AuthClient } from '../support/auth-client.js';
import { needs } from '../support/needs.js';
import { type saslMechanisms, saslTalk } from '../support/sasl-client.js';
import { type SecuredHost, securedHost } from '../support/secured-host.js';

const from = '127.0.0.9';
const user = 'test@mailtest.example.jp';
const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

type Service = 'pop3' | 'pop3s' | 'smtp' | 'smtps' | 'submission';
type Mechanism = (typeof saslMechanisms)[number];
interface Attempt {
  readonly login: string;
  readonly password: string;
}

async function connect(t: TestContext, { ports }: SecuredHost, service: Service): Promise<TextClient> {
  const port = ports[service] ?? 0;
  let client: TextClient;
  if (service.endsWith('s')) {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: from });
    client = new TextClient(tls.connect({ socket, rejectUnauthorized: false }));
    await client.line();
  } else client = await TextClient.open(port, from);
  t.after(() => client.destroy());
  return client;
}

async function authenticate(client: TextClient, mechanism: Mechanism, { login, password }: Attempt): Promise<string> {
  const talk = saslTalk(mechanism, login, password);
  let answer = await client.ask(`AUTH ${mechanism}${talk.initial === undefined ? '' : ` ${base64(talk.initial)}`}`);
  for (
    let challenge = /^(?:334|\+) (.*)$/.exec(answer);
    challenge !== null;
    challenge = /^(?:334|\+) (.*)$/.exec(answer)
  )
    answer = await client.ask(base64(talk.answer(Buffer.from(challenge[1] ?? '', 'base64'))));
  return answer;
}

const failures: readonly (Attempt & { readonly line: string })[] = [
  { login: user, password: 'wrong', line: `password fail ${user}` },
  { login: 'Nobody@mailtest.example.jp', password: 'x', line: 'vpopmail user not found nobody@mailtest.example.jp' },
  { login: 'joe@nowhere.example', password: 'x', line: 'vpopmail user not found joe@nowhere.example' },
  { login: user, password: '', line: `null password given ${user}` },
  { login: 'a b@mailtest.example.jp', password: 'x', line: 'invalid user/domain characters a b@mailtest.example.jp' },
];

test('each service, each way to log in, each failure', async (t) => {
  if (!needs(t, 'openssl')) return;
  const place = path.join(process.env.TMPDIR ?? '/tmp', `vqmail-failed-logins-${process.pid}`);
  const options = ['--wrong-logins', 'any', '--login-trusted', '127.0.0.0/8', '--listen', `auth=unix:${place}`];
  const host = await securedHost(t, options);
  let told = host.log().length;
  const assertTold = async (line: string, what: string): Promise<void> => {
    // The log comes through a pipe of its own, and may be later than the answer.
    await until(() => /^vchkpw.*\n/m.test(host.log().slice(told)));
    const lines = host.log().slice(told).split('\n');
    told = host.log().length;
    assert.deepEqual(
      lines.filter((text) => text.startsWith('vchkpw')),
      [`${line}:${from}`],
      what,
    );
  };

  for (const service of ['pop3', 'pop3s', 'smtp', 'smtps', 'submission'] as const) {
    for (const mechanism of ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256'] as const) {
      for (const { line, ...attempt } of failures) {
        // Of another password than none a digest is made, and a digest of none is wrong.
        const isDigest = mechanism === 'CRAM-MD5' || mechanism === 'SCRAM-SHA-256';
        if (isDigest && attempt.password === '') continue;
        const client = await connect(t, host, service);
        if (!service.startsWith('pop3')) await client.ask('EHLO phone.example');
        assert.match(await authenticate(client, mechanism, attempt), /^(535|-ERR) /, `${service} ${mechanism}`);
        await assertTold(`vchkpw-${service}: ${line}`, `${service} ${mechanism}`);
        client.destroy();
      }
    }
  }

  for (const { line, login, password } of failures.filter((one) => one.password !== '')) {
    const client = await connect(t, host, 'pop3');
    await client.ask(`USER ${login}`);
    assert.match(await client.ask(`PASS ${password}`), /^-ERR /);
    await assertTold(`vchkpw-pop3: ${line}`, 'PASS');
  }
  const apop = await connect(t, host, 'pop3');
  await apop.ask(`APOP ${user} ${'0'.repeat(32)}`);
  await assertTold(`vchkpw-pop3: password fail ${user}`, 'APOP');

  const { client: frontEnd } = await AuthClient.greeted(place);
  t.after(() => frontEnd.destroy());
  let id = 0;
  for (const [parameters, name] of [
    ['service=smtp\tlport=25', 'smtp'],
    ['service=smtp\tlport=465', 'smtps'],
    ['service=smtp\tlport=587', 'submission'],
    ['service=pop3\tlport=110', 'pop3'],
    ['service=pop3\tlport=995', 'pop3s'],
    ['service=imap\tlport=143', 'imap'],
    ['service=imap\tlport=993', 'imaps'],
  ]) {
    for (const { line, login, password } of failures) {
      const answer = await frontEnd.login(++id, 'PLAIN', login, password, `${parameters}\trip=${from}`);
      assert.match(answer ?? '', /^FAIL\t/);
      await assertTold(`vchkpw-${name}: ${line}`, `front end: ${parameters}`);
    }
  }
});
