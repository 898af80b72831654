// The authentication protocol as Postfix, Exim and Dovecot's own programs speak it: the handshake, every mechanism, every failure, many requests at once.

import assert from 'node:assert/strict';
import test from 'node:test';
import type { LoginGate } from '../../../src/auth/guessing/gate.js';
import { AuthClient } from '../../support/auth-client.js';
import { authPlace } from '../../support/auth-socket.js';
import { saslMechanisms } from '../../support/sasl-client.js';

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const plain = (user: string, password: string): string => base64(`\0${user}\0${password}`);
const joe = plain('joe@example.jp', 'joe pw');

test('the greeting: everything at once, mechanisms with their traits, another cookie each time', async (t) => {
  const place = await authPlace(t);
  const { client, greeting } = await AuthClient.greeted(place.socket);
  t.after(() => client.destroy());
  assert.deepEqual(
    greeting.map((line) => line.replace(/^(SPID|COOKIE)\t.*/, '$1')),
    [
      'VERSION\t1\t2',
      'MECH\tPLAIN\tplaintext',
      'MECH\tLOGIN\tplaintext',
      'MECH\tCRAM-MD5\tdictionary\tactive',
      'MECH\tDIGEST-MD5\tdictionary\tactive\tmutual-auth',
      'MECH\tSCRAM-SHA-1\tmutual-auth',
      'MECH\tSCRAM-SHA-256\tmutual-auth',
      'SPID',
      'CUID\t1',
      'COOKIE',
      'DONE',
    ],
  );
  const second = await AuthClient.greeted(place.socket);
  t.after(() => second.client.destroy());
  const cookies = [greeting, second.greeting].map((lines) => lines.find((line) => /^COOKIE\t[0-9a-f]{32}$/.test(line)));
  assert.notEqual(cookies[0], undefined);
  assert.notEqual(cookies[0], cookies[1]);
  assert.ok(second.greeting.includes('CUID\t2'));
});

test('without clear passwords on the host only PLAIN and LOGIN are offered, and nothing else is begun', async (t) => {
  const place = await authPlace(t, { hasClearPasswords: () => false });
  const { client, greeting } = await AuthClient.greeted(place.socket);
  t.after(() => client.destroy());
  assert.deepEqual(
    greeting.filter((line) => line.startsWith('MECH')),
    ['MECH\tPLAIN\tplaintext', 'MECH\tLOGIN\tplaintext'],
  );
  assert.equal(await client.ask('AUTH\t1\tCRAM-MD5'), 'FAIL\t1\treason=Unsupported authentication mechanism');
  assert.equal(await client.ask(`AUTH\t2\tPLAIN\tresp=${joe}`), 'OK\t2\tuser=joe@example.jp');
});

test('every mechanism, good and bad, over one connection', async (t) => {
  const place = await authPlace(t);
  const client = await place.client();
  let id = 0;
  for (const mechanism of saslMechanisms) {
    assert.equal(
      await client.login(++id, mechanism, 'joe@example.jp', 'joe pw'),
      `OK\t${id}\tuser=joe@example.jp`,
      mechanism,
    );
    assert.equal(await client.login(++id, mechanism, 'joe@example.jp', 'wrong'), `FAIL\t${id}`, mechanism);
    assert.equal(await client.login(++id, mechanism, 'nobody@example.jp', 'joe pw'), `FAIL\t${id}`, mechanism);
    assert.equal(await client.login(++id, mechanism, 'joe@nowhere.example', 'joe pw'), `FAIL\t${id}`, mechanism);
    const hashed = await client.login(++id, mechanism, 'hashed@example.jp', 'secret');
    const isPlain = mechanism === 'PLAIN' || mechanism === 'LOGIN';
    assert.equal(
      hashed,
      isPlain ? `OK\t${id}\tuser=hashed@example.jp` : `FAIL\t${id}`,
      `${mechanism} needs a clear password`,
    );
  }
  assert.match(place.log(), /vchkpw-smtp: password fail joe@example\.jp:192\.0\.2\.9\n/);
  assert.match(place.log(), /vchkpw-smtp: vpopmail user not found nobody@example\.jp:192\.0\.2\.9\n/);
  assert.doesNotMatch(place.log(), / auth:/);
});

test('the name that comes back is the account\u2019s: case, %, an alias domain', async (t) => {
  const client = await (await authPlace(t)).client();
  for (const [index, name] of ['JOE@Example.JP', 'joe%example.jp', 'joe@alias.example'].entries())
    assert.equal(await client.login(index + 1, 'PLAIN', name, 'joe pw'), `OK\t${index + 1}\tuser=joe@example.jp`, name);
});

test('services: NO_SMTP closes smtp and submission, not the others; the log names each', async (t) => {
  const place = await authPlace(t);
  const client = await place.client();
  const rows: readonly [string, 'OK' | 'FAIL', string][] = [
    ['service=smtp', 'FAIL', 'smtp'],
    ['service=SMTP', 'FAIL', 'smtp'],
    ['service=submission', 'FAIL', 'submission'],
    ['service=smtp\tlport=587', 'FAIL', 'submission'],
    ['service=smtp\tlport=465', 'FAIL', 'smtps'],
    ['service=imap', 'OK', 'imap'],
    ['service=pop3', 'OK', 'pop3'],
    ['service=sieve', 'OK', 'imap'],
    ['', 'OK', 'imap'],
  ];
  for (const [index, [parameters, result, name]] of rows.entries()) {
    const id = index + 1;
    const line = await client.login(id, 'PLAIN', 'nosmtp@example.jp', 'secret', `rip=192.0.2.9\t${parameters}`);
    const closed = `FAIL\t${id}\treason=this account may not use this service\tuser_disabled\tcode=user_disabled`;
    assert.equal(line, result === 'OK' ? `OK\t${id}\tuser=nosmtp@example.jp` : closed, parameters);
    await client.login(100 + id, 'PLAIN', 'nosmtp@example.jp', 'wrong', `rip=192.0.2.9\t${parameters}`);
    const shown = place.log().trimEnd().split('\n').at(-1) ?? '';
    assert.ok(shown.startsWith(`vchkpw-${name}: password fail nosmtp@example.jp:192.0.2.9`), shown);
  }
});

test('what stands behind rip= goes into the log only when it is an address', async (t) => {
  const place = await authPlace(t);
  const client = await place.client();
  await client.login(1, 'PLAIN', 'joe@example.jp', 'wrong', 'service=smtp\trip=1.2.3.4 forged\tlip=::1');
  await client.login(2, 'PLAIN', 'joe@example.jp', 'wrong', 'service=smtp\trip=::ffff:192.0.2.9');
  assert.match(place.log(), /password fail joe@example\.jp:\n.*password fail joe@example\.jp:192\.0\.2\.9\n/);
});

test('initial responses: none, empty, broken; base64 with junk is a clean failure', async (t) => {
  const client = await (await authPlace(t)).client();
  const initial = 'FAIL\tN\treason=Invalid base64 data in initial response\tcode=invalid_base64';
  const continued = 'FAIL\tN\treason=Invalid base64 data in continued response\tcode=invalid_base64';
  const rows: readonly [string, string[], string][] = [
    ['PLAIN without one gets an empty challenge', ['AUTH\tN\tPLAIN', `CONT\tN\t${joe}`], 'OK\tN\tuser=joe@example.jp'],
    ['resp= of an old client is none', ['AUTH\tN\tPLAIN\tresp=', `CONT\tN\t${joe}`], 'OK\tN\tuser=joe@example.jp'],
    ['resp== is an empty one: no PLAIN message', ['AUTH\tN\tPLAIN\tresp=='], 'FAIL\tN'],
    ['junk', ['AUTH\tN\tPLAIN\tresp=AGpv!'], initial],
    ['a length that cannot be', ['AUTH\tN\tPLAIN\tresp=AGpvZ'], initial],
    ['junk in a continuation', ['AUTH\tN\tPLAIN', 'CONT\tN\tAGpv!'], continued],
    [
      'LOGIN with the name at once',
      [`AUTH\tN\tLOGIN\tresp=${base64('joe@example.jp')}`, `CONT\tN\t${base64('joe pw')}`],
      'OK\tN\tuser=joe@example.jp',
    ],
    ['LOGIN with an empty name', ['AUTH\tN\tLOGIN', 'CONT\tN\t'], 'FAIL\tN'],
    ['a NUL in the password', [`AUTH\tN\tPLAIN\tresp=${base64('\0joe@example.jp\0joe\0pw')}`], 'FAIL\tN'],
    [
      'somebody else\u2019s identity',
      [`AUTH\tN\tPLAIN\tresp=${base64('hashed@example.jp\0joe@example.jp\0joe pw')}`],
      'FAIL\tN',
    ],
    ['a mechanism that there is not', ['AUTH\tN\tGSSAPI'], 'FAIL\tN\treason=Unsupported authentication mechanism'],
    [
      'channel binding, which nobody has here',
      ['AUTH\tN\tSCRAM-SHA-256-PLUS'],
      'FAIL\tN\treason=Unsupported authentication mechanism',
    ],
    ['a continuation of nothing', ['CONT\tN\tAA=='], 'FAIL\tN\treason=Authentication request timed out'],
  ];
  for (const [index, [why, lines, answer]] of rows.entries()) {
    const withId = (text: string): string => text.replace('\tN', `\t${index + 1}`);
    let last: string | undefined;
    for (const line of lines) last = await client.ask(withId(line));
    assert.equal(last, withId(answer), why);
  }
});

test('final-resp-ok: the last words of the mechanism come with OK', async (t) => {
  const client = await (await authPlace(t)).client();
  for (const [index, mechanism] of (['DIGEST-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN'] as const).entries()) {
    const line = await client.login(index + 1, mechanism, 'joe@example.jp', 'joe pw', 'service=smtp\tfinal-resp-ok');
    const [ok, id, user, response = ''] = line?.split('\t') ?? [];
    assert.deepEqual([ok, id, user], ['OK', `${index + 1}`, 'user=joe@example.jp']);
    const words = Buffer.from(response.replace(/^resp=/, ''), 'base64').toString();
    assert.match(words, mechanism === 'PLAIN' ? /^$/ : mechanism === 'DIGEST-MD5' ? /^rspauth=[0-9a-f]{32}$/ : /^v=/);
  }
});

test('many requests at once, each with its own answer; cancelled ones have none', async (t) => {
  const place = await authPlace(t, { limits: { atWork: 3, waiting: 5 } });
  const client = await place.client();
  const lines: string[] = [];
  for (let id = 1; id <= 40; id++)
    lines.push(`AUTH\t${id}\tPLAIN\tservice=smtp\tresp=${id % 2 ? joe : plain('joe@example.jp', `wrong ${id}`)}`);
  client.send(...lines);
  const answers = new Set<string>();
  for (let id = 1; id <= 40; id++) answers.add((await client.line()) ?? 'closed');
  for (let id = 1; id <= 40; id++)
    assert.ok(answers.has(id % 2 ? `OK\t${id}\tuser=joe@example.jp` : `FAIL\t${id}`), `${id}`);

  client.send('AUTH\t50\tLOGIN');
  assert.equal(await client.line(), `CONT\t50\t${base64('Username:')}`);
  client.send('CANCEL\t50', 'CANCEL\t4711');
  assert.equal(await client.ask('CONT\t50\tAAAA'), 'FAIL\t50\treason=Authentication request timed out');
  assert.equal(await client.ask('AUTH\t50\tLOGIN'), `CONT\t50\t${base64('Username:')}`, 'the id is free again');
  client.send(`AUTH\t51\tPLAIN\tresp=${joe}`, 'CONT\t51\tAAAA');
  assert.equal(await client.line(), 'FAIL\t51\treason=Unexpected continuation');
  // Postfix never uses the id of an exchange again that its client gave up.
  for (let id = 60; id < 70; id++) assert.match((await client.ask(`AUTH\t${id}\tLOGIN`)) ?? '', /^CONT/);
  assert.equal(
    await client.ask('CONT\t60\tAAAA'),
    'FAIL\t60\treason=Authentication request timed out',
    'the oldest gave way',
  );
  assert.match((await client.ask(`CONT\t69\t${base64('joe@example.jp')}`)) ?? '', /^CONT/);
});

test('a request that is left alone is forgotten', async (t) => {
  const client = await (await authPlace(t, { limits: { requestMs: 20 } })).client();
  assert.match((await client.ask('AUTH\t1\tLOGIN')) ?? '', /^CONT/);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(await client.ask('CONT\t1\tAAAA'), 'FAIL\t1\treason=Authentication request timed out');
});

const broken: readonly [string, string[]][] = [
  ['another version', ['VERSION\t2\t0']],
  ['a request before VERSION', [`AUTH\t1\tPLAIN\tresp=${joe}`]],
  ['an unknown command', ['VERSION\t1\t0', 'PING']],
  ['VERSION twice', ['VERSION\t1\t0', 'VERSION\t1\t0']],
  ['an id that is in use', ['VERSION\t1\t0', 'AUTH\t1\tLOGIN', 'AUTH\t1\tLOGIN']],
  ['a line that is too long', ['VERSION\t1\t0', `AUTH\t1\tPLAIN\tsession=${'x'.repeat(17_000)}`]],
  ['a line without end', [`VERSION\t1\t0\nAUTH\t1\tPLAIN\tsession=${'x'.repeat(40_000)}`]],
  ['SMTP', ['EHLO front.example']],
];
for (const [reason, lines] of broken) {
  test(`a front end that breaks the protocol is cut off, with one line in the log: ${reason}`, async (t) => {
    const place = await authPlace(t);
    const client = await AuthClient.open(place.socket);
    t.after(() => client.destroy());
    client.send(...lines);
    let last: string | undefined;
    for (let line = await client.line(); line !== undefined; line = await client.line()) last = line;
    assert.match(last ?? '', /^(?:DONE|CONT\t)/);
    assert.match(place.log(), /^warning: auth: a front end broke the protocol: [ -~]+\n$/);
  });
}

test('trouble of ours: Postfix and Exim see the connection end, which is "later"; newer clients are told; other requests are answered first', async (t) => {
  const place = await authPlace(t);
  const cdb = `${place.files.directory('example.jp')}/vpasswd.cdb`;
  const old = await place.client(0);
  assert.equal(await old.login(1, 'PLAIN', 'joe@example.jp', 'joe pw'), 'OK\t1\tuser=joe@example.jp');
  place.files.write(cdb, 'no cdb');
  assert.equal(await old.login(2, 'PLAIN', 'joe@example.jp', 'joe pw'), undefined);
  const newer = await place.client(2);
  assert.equal(await newer.login(1, 'PLAIN', 'joe@example.jp', 'joe pw'), 'FAIL\t1\ttemp\tcode=temp_fail');
  assert.equal(await newer.login(2, 'PLAIN', 'joe@nowhere.example', 'x'), 'FAIL\t2', 'what can be answered is');
  assert.match(place.log(), /vpasswd\.cdb/);
});

test('the limits against guessing go by the client behind the front end, and by the account', async (t) => {
  const seen: object[] = [];
  const gate: LoginGate = {
    async enter(attempt) {
      seen.push(attempt);
      return { isAdmitted: true, standing: 'clean', over() {} };
    },
  };
  const client = await (await authPlace(t, { gate })).client();
  await client.login(1, 'PLAIN', 'JOE@Example.JP', 'x', 'service=smtp\trip=192.0.2.9\tlip=192.0.2.1');
  await client.login(2, 'CRAM-MD5', 'joe@example.jp', 'x', 'service=imap\trip=2001:DB8:0:0::9');
  assert.deepEqual(seen, [
    { service: 'smtp', address: '192.0.2.9', account: 'joe@example.jp' },
    { service: 'imap', address: '2001:db8::9', account: 'joe@example.jp' },
  ]);
});

test('an attempt that is put off is no wrong password', async (t) => {
  const gate: LoginGate = { enter: async () => ({ isAdmitted: false, retrySeconds: 60 }) };
  const place = await authPlace(t, { gate });
  assert.equal(await (await place.client(0)).login(1, 'PLAIN', 'joe@example.jp', 'joe pw'), undefined);
  assert.match((await (await place.client(2)).login(1, 'PLAIN', 'joe@example.jp', 'joe pw')) ?? '', /code=temp_fail$/);
});

test('drain: what is being worked on is answered, idle connections and unfinished exchanges end', async (t) => {
  let goOn: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let entered: () => void = () => {};
  const isAtWork = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const gate: LoginGate = {
    async enter() {
      entered();
      await held;
      return { isAdmitted: true, standing: 'clean', over() {} };
    },
  };
  const place = await authPlace(t, { gate });
  const [idle, unfinished, busy] = [await place.client(), await place.client(), await place.client()];
  assert.match((await unfinished.ask('AUTH\t1\tLOGIN')) ?? '', /^CONT/);
  busy.send(`AUTH\t1\tPLAIN\tservice=smtp\tresp=${joe}`);
  await isAtWork;
  const drained = place.server.drain();
  assert.equal(await idle.line(), undefined);
  assert.equal(await unfinished.line(), undefined);
  goOn();
  assert.equal(await busy.line(), 'OK\t1\tuser=joe@example.jp');
  assert.equal(await busy.line(), undefined);
  for (const client of [idle, unfinished, busy]) client.destroy();
  await drained;
});

test('a client that has closed its side still gets its answer', async (t) => {
  const place = await authPlace(t);
  const client = await place.client();
  client.socket.end(`AUTH\t1\tPLAIN\tservice=smtp\tresp=${joe}\n`);
  assert.equal(await client.line(), 'OK\t1\tuser=joe@example.jp');
});

test('USER says where the mail of an account is, for a Dovecot that opens it itself', async (t) => {
  const place = await authPlace(t);
  const client = await place.client();
  const home = `${place.files.directory('example.jp')}/joe`;
  const [uid, gid] = process.getuid?.() === 0 ? [6020, 6020] : [process.getuid?.(), process.getgid?.()];
  const joeIs = `joe@example.jp\tuid=${uid}\tgid=${gid}\thome=${home}\tquota_rule=*:bytes=1000000:messages=20`;
  assert.equal(await client.ask('USER\t1\tjoe@example.jp\tservice=lmtp'), `USER\t1\t${joeIs}`);
  assert.equal(await client.ask('USER\t2\tJOE@alias.example'), `USER\t2\t${joeIs}`);
  assert.doesNotMatch((await client.ask('USER\t3\thashed@example.jp')) ?? '', /quota_rule/);
  for (const [index, name] of ['nobody@example.jp', 'joe@nowhere.example', 'a:b', '', '@example.jp'].entries())
    assert.equal(await client.ask(`USER\t${10 + index}\t${name}`), `NOTFOUND\t${10 + index}`, name);
  place.files.write(`${place.files.directory('example.jp')}/vpasswd.cdb`, 'no cdb');
  assert.equal(await client.ask('USER\t20\tjoe@example.jp'), 'FAIL\t20\ttemp\tcode=temp_fail');
});
