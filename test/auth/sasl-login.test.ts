// SASL up to the login, as every server has it: what is offered to whom, each mechanism against accounts on disk, how exchanges end, and bytes at random.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type LoginGate, openGate } from '../../src/auth/guessing/gate.js';
import { Logins } from '../../src/auth/logins.js';
import { PasswordChecker } from '../../src/auth/password.js';
import { type SaslAnswer, type SaslClient, SaslLogin } from '../../src/auth/sasl/sasl-login.js';
import { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { TrustedPeers } from '../../src/net/trusted-peers.js';
import { mechanismNames } from '../../src/protocols/sasl/mechanisms.js';
import { openHost } from '../../src/stores/host.js';
import { applyWrite, buildTree, loadRecording, newRoot, removeRoot } from '../support/recording.js';
import { saslTalk } from '../support/sasl-client.js';

const binding = { type: 'tls-exporter', data: Buffer.from('k'.repeat(32)) };
const remote = { remoteIp: '192.0.2.7', localIp: '192.0.2.1' };
const client: SaslClient = {
  service: 'submission',
  origin: remote,
  isSecure: true,
  channelBindings: () => new Map([[binding.type, binding.data]]),
};
const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');

interface Place {
  readonly root: string;
  readonly sasl: SaslLogin;
  readonly log: string[];
}

interface PlaceOptions {
  readonly gate?: LoginGate;
  readonly trusted?: readonly string[];
  readonly offersChallenges?: boolean;
}

/** joe has the password secret99, in clear too. */
function place(t: TestContext, { gate = openGate, trusted = [], offersChallenges = true }: PlaceOptions = {}): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  buildTree(loadRecording('vpopmail', 'login-flags').before, root);
  const log: string[] = [];
  const host = openHost(
    new Layout({ root }),
    lineLog((line) => log.push(line.trimEnd())),
  );
  const logins = new Logins({ host, passwords: new PasswordChecker(), gate, key: Buffer.alloc(32), logSuccess: true });
  const options = { host, logins, trusted: new TrustedPeers(trusted), offersChallenges: () => offersChallenges };
  return { root, log, sasl: new SaslLogin(options) };
}

/** A whole exchange of a client that knows the mechanism. */
async function talk(
  { sasl }: Place,
  mechanism: (typeof mechanismNames)[number],
  password: string,
  user = 'joe@example.jp',
): Promise<SaslAnswer> {
  const isPlus = mechanism.endsWith('-PLUS');
  const mine = saslTalk(mechanism, user, password, isPlus ? { binding } : {});
  const exchange = sasl.exchange(client);
  let answer = await exchange.begin(mechanism, mine.initial?.toString('base64'));
  while (answer.kind === 'challenge')
    answer = await exchange.step(mine.answer(Buffer.from(answer.base64, 'base64')).toString('base64'));
  return answer;
}

for (const mechanism of mechanismNames) {
  const method = mechanism === 'LOGIN' ? 'PLAIN' : mechanism.replace('-PLUS', '');
  test(`${mechanism} lets joe in, and nobody else`, async (t) => {
    const here = place(t);
    const answer = await talk(here, mechanism, 'secret99');
    assert.ok(answer.kind === 'success', JSON.stringify(answer));
    assert.equal(answer.login.address, 'joe@example.jp');
    assert.equal(answer.login.mechanism, mechanism);
    assert.equal(answer.login.byClearPassword, method !== 'PLAIN');
    assert.deepEqual(here.log, [`vchkpw-submission: (${method}) login success joe@example.jp:192.0.2.7`]);
    const wrong = { kind: 'failure', why: 'wrong' };
    assert.deepEqual(await talk(here, mechanism, 'wrong'), wrong);
    assert.deepEqual(await talk(here, mechanism, 'secret99', 'nosuch@example.jp'), wrong);
    assert.deepEqual(await talk(here, mechanism, 'secret99', 'joe@nosuch.example'), wrong);
    assert.deepEqual(here.log.slice(1), [
      'vchkpw-submission: password fail joe@example.jp:192.0.2.7',
      'vchkpw-submission: vpopmail user not found nosuch@example.jp:192.0.2.7',
      'vchkpw-submission: vpopmail user not found joe@nosuch.example:192.0.2.7',
    ]);
  });
}

const line = (flags: number, clear: string): string =>
  `joe:$1$CU3ftpMr$K0XzRscAPONMg6gVTqRlH/:1:${flags}:joe:/home/vpopmail/domains/example.jp/joe:NOQUOTA${clear}\n`;

function setAccount({ root }: Place, text: string): void {
  const domain = '/home/vpopmail/domains/example.jp';
  applyWrite({ [`${domain}/vpasswd`]: text, [`${domain}/vpasswd.cdb`]: null }, root);
}

test('an account without a clear password is refused by mechanisms that need one, as a wrong password is', async (t) => {
  const here = place(t);
  for (const clear of ['', ':']) {
    setAccount(here, line(0, clear));
    for (const mechanism of ['CRAM-MD5', 'DIGEST-MD5', 'SCRAM-SHA-1'] as const)
      for (const password of ['secret99', ''])
        assert.deepEqual(await talk(here, mechanism, password), { kind: 'failure', why: 'wrong' }, mechanism);
    assert.equal((await talk(here, 'PLAIN', 'secret99')).kind, 'success');
  }
});

test('an account that is closed to SMTP is told apart, since its password is right', async (t) => {
  const here = place(t);
  const noSmtp = 0x800;
  setAccount(here, line(noSmtp, ':secret99'));
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256'] as const) {
    assert.deepEqual(await talk(here, mechanism, 'secret99'), { kind: 'failure', why: 'closed' });
    assert.deepEqual(await talk(here, mechanism, 'wrong'), { kind: 'failure', why: 'wrong' });
  }
  assert.equal(here.log[0], 'vchkpw-submission: smtp access denied joe@example.jp:192.0.2.7');
});

const offers: readonly {
  readonly name: string;
  readonly client: Partial<SaslClient>;
  readonly options?: PlaceOptions;
  readonly offered: readonly string[];
}[] = [
  { name: 'TLS', client: {}, offered: mechanismNames },
  { name: 'TLS without channel bindings', client: { channelBindings: undefined }, offered: mechanismNames.slice(0, 6) },
  { name: 'TLS, hashes alone', client: {}, options: { offersChallenges: false }, offered: ['PLAIN', 'LOGIN'] },
  { name: 'in clear', client: { isSecure: false, channelBindings: undefined }, offered: mechanismNames.slice(2, 6) },
  {
    name: 'in clear, hashes alone',
    client: { isSecure: false, channelBindings: undefined },
    options: { offersChallenges: false },
    offered: [],
  },
  ...[
    { name: 'in clear of a trusted network', origin: remote, trusted: ['192.0.2.0/28'] },
    { name: 'in clear on loopback', origin: { remoteIp: '127.0.0.2', localIp: '127.0.0.1' } },
    { name: 'in clear on loopback, IPv6', origin: { remoteIp: '::1', localIp: '::1' } },
    { name: "in clear from the host's own address", origin: { remoteIp: '192.0.2.1', localIp: '192.0.2.1' } },
    { name: 'through a unix socket', origin: { remoteIp: undefined, localIp: undefined } },
    { name: 'TLS at a trusted proxy', origin: { ...remote, isTlsAtProxy: true } },
  ].map(({ name, origin, trusted = [] }) => ({
    name,
    client: { origin, isSecure: false, channelBindings: undefined },
    options: { trusted, offersChallenges: false },
    offered: ['PLAIN', 'LOGIN'],
  })),
];
for (const { name, client: some, options, offered } of offers) {
  test(`offered, ${name}: ${offered.join(' ') || 'nothing'}; what is not offered is not begun`, async (t) => {
    const { sasl } = place(t, options);
    const who = { ...client, ...some };
    assert.deepEqual(sasl.mechanisms(who), offered);
    for (const mechanism of mechanismNames) {
      const answer = await sasl.exchange(who).begin(mechanism.toLowerCase());
      const isBegun = !(answer.kind === 'failure' && answer.why === 'unsupported');
      assert.equal(isBegun, offered.includes(mechanism), mechanism);
    }
  });
}

test('an exchange: initial responses, cancelling, junk, and nothing after the end', async (t) => {
  const { sasl } = place(t);
  const plain = base64('\0joe@example.jp\0secret99');
  const rows: readonly (readonly [string, readonly (string | undefined)[], string])[] = [
    ['at once', [plain], 'success'],
    ['asked for', [undefined, plain], 'success'],
    ['an empty initial response', ['='], 'malformed'],
    ['junk at once', ['%'], 'malformed'],
    ['junk later', [undefined, 'x y'], 'malformed'],
    ['cancelled', [undefined, '*'], 'cancelled'],
    ['an empty line', [undefined, ''], 'malformed'],
    ['after the end', [plain, plain], 'malformed'],
    ['after cancelling', [undefined, '*', plain], 'malformed'],
  ];
  for (const [name, [initial, ...lines], end] of rows) {
    const exchange = sasl.exchange(client);
    let answer = await exchange.begin('PLAIN', initial);
    for (const text of lines) answer = await exchange.step(text ?? '');
    assert.equal(answer.kind === 'failure' ? answer.why : answer.kind, end, name);
  }
  assert.deepEqual(await sasl.exchange(client).step(plain), { kind: 'failure', why: 'malformed' }, 'before it begins');
  assert.deepEqual(await sasl.exchange(client).begin('NTLM'), { kind: 'failure', why: 'unsupported' });
});

test('trouble of ours is temporary, is told to the log, and counts for nobody', async (t) => {
  const outcomes: string[] = [];
  const gate: LoginGate = {
    enter: async () => ({ isAdmitted: true, standing: 'clean', over: (outcome) => outcomes.push(outcome) }),
  };
  const here = place(t, { gate });
  await talk(here, 'PLAIN', 'wrong');
  await talk(here, 'PLAIN', 'secret99');
  for (const name of ['vpasswd', 'vpasswd.cdb'])
    rmSync(path.join(here.root, 'home/vpopmail/domains/example.jp', name), { force: true });
  assert.deepEqual(await talk(here, 'CRAM-MD5', 'secret99'), { kind: 'failure', why: 'temporary' });
  assert.deepEqual(outcomes, ['wrong', 'right', 'undecided']);
  assert.match(here.log.at(-1) ?? '', /^warning: submission: 192\.0\.2\.7: temporary trouble with the user database/);
});

test('who is put off is not looked at', async (t) => {
  const here = place(t, { gate: { enter: async () => ({ isAdmitted: false, retrySeconds: 8 }) } });
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-1'] as const)
    assert.deepEqual(await talk(here, mechanism, 'secret99'), { kind: 'failure', why: 'put off', retrySeconds: 8 });
  assert.deepEqual(here.log, []);
});

test('the gate hears of an account by one name, however it is written, and of the same wrong password by one digest', async (t) => {
  const heard: string[] = [];
  const gate: LoginGate = {
    enter: async ({ account, address, service }) => ({
      isAdmitted: true,
      standing: 'clean',
      over: (outcome, fingerprint) => heard.push([service, address, account, outcome, fingerprint ?? '-'].join(' ')),
    }),
  };
  const here = place(t, { gate });
  for (const user of ['joe@example.jp', 'JOE%Example.JP', 'joe/alias.example.jp'])
    await talk(here, 'PLAIN', 'wrong', user);
  assert.equal(new Set(heard).size, 1, heard.join('\n'));
  assert.match(heard[0] ?? '', /^submission 192\.0\.2\.7 joe@example\.jp wrong [A-Za-z0-9+/]{16}$/);
  await talk(here, 'PLAIN', 'wronger');
  await talk(here, 'CRAM-MD5', 'wrong');
  assert.notEqual(heard.at(-2), heard[0]);
  assert.match(heard.at(-1) ?? '', / -$/);
});

test('no lines whatever do more than fail', async (t) => {
  const { sasl, log } = place(t);
  const octets = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64'));
  const likely = fc.constantFrom(
    '',
    '=',
    '*',
    base64('\0joe@example.jp\0wrong'),
    base64('joe@example.jp'),
    base64('n,,n=joe,r=a'),
  );
  const text = fc.oneof(octets, likely, fc.string({ unit: 'binary', maxLength: 40 }));
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constantFrom(...mechanismNames), fc.string()),
      fc.option(text, { nil: undefined }),
      fc.array(text, { maxLength: 4 }),
      async (mechanism, initial, lines) => {
        const exchange = sasl.exchange(client);
        let answer = await exchange.begin(mechanism, initial);
        for (const one of lines) {
          const isOver = answer.kind !== 'challenge';
          answer = await exchange.step(one);
          if (isOver) assert.deepEqual(answer, { kind: 'failure', why: one === '*' ? 'cancelled' : 'malformed' });
          assert.notEqual(answer.kind, 'success');
        }
      },
    ),
    { numRuns: 500 },
  );
  assert.deepEqual(
    log.filter((text) => text.startsWith('alert')),
    [],
  );
});
