// The mechanisms as state machines: what each says and takes, how exchanges end, and that no bytes whatever bring one out of step.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseDirectives } from '../../../src/protocols/sasl/digest-md5-response.js';
import {
  decodeBase64,
  decodeInitialResponse,
  type MechanismName,
  type SaslContext,
  type SaslMechanism,
  type SaslStep,
} from '../../../src/protocols/sasl/exchange.js';
import { mechanismNames, offeredMechanisms, startMechanism } from '../../../src/protocols/sasl/mechanisms.js';
import { saslTalk } from '../../support/sasl-client.js';

const binding = Buffer.from('k'.repeat(32));
const plainContext: SaslContext = {
  nonce: 'servernonce',
  host: 'mx.example',
  unixSeconds: 1_700_000_000,
  service: 'smtp',
};
const context: SaslContext = { ...plainContext, channelBindings: new Map([['tls-exporter', binding]]) };
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const malformed: SaslStep = { kind: 'failure', why: 'malformed' };
const refused: SaslStep = { kind: 'failure', why: 'refused' };
const refusedSince = (reason: string): SaslStep => ({ kind: 'failure', why: 'refused', reason });
const forOther = refusedSince('it is to act for somebody else');
const inBetween = 'somebody is between it and this host';

/** Goes on until something is to be decided, or the exchange has ended. */
function untilCheck(mechanism: SaslMechanism, user = 'u@d.example', password = 'pw'): SaslStep {
  const isPlus = mechanism.name.endsWith('-PLUS');
  const talk = saslTalk(
    mechanism.name,
    user,
    password,
    isPlus ? { binding: { type: 'tls-exporter', data: binding } } : {},
  );
  let step = mechanism.begin(talk.initial);
  while (step.kind === 'say') step = mechanism.answer(talk.answer(step.bytes));
  return step;
}

for (const name of mechanismNames) {
  const provesItself = /^DIGEST|^SCRAM/.test(name);
  const start = (): SaslMechanism => startMechanism(name, name.endsWith('-PLUS') ? context : plainContext);

  test(`${name}: the login is asked about once, and succeeds when it is right`, () => {
    const mechanism = start();
    const check = untilCheck(mechanism);
    assert.equal(check.kind, 'check');
    assert.equal(check.kind === 'check' && check.attempt.login, 'u@d.example');
    const end = mechanism.decided({ ok: true, serverProof: 'proof' });
    if (!provesItself) return assert.deepEqual(end, { kind: 'success' });
    assert.ok(end.kind === 'say' && end.isLast);
    assert.match(end.bytes.toString(), /^(rspauth|v)=proof$/);
    assert.deepEqual(mechanism.answer(Buffer.alloc(0)), { kind: 'success' });
    assert.deepEqual(mechanism.answer(Buffer.alloc(0)), malformed);
  });

  test(`${name}: a wrong one is refused, whatever follows`, () => {
    const mechanism = start();
    untilCheck(mechanism);
    assert.deepEqual(mechanism.decided({ ok: false }), refused);
    assert.deepEqual(mechanism.decided({ ok: true }), malformed);
    assert.deepEqual(mechanism.answer(bytes('x')), malformed);
  });

  test(`${name}: nobody is let in whom nothing was decided about`, () => {
    const mechanism = start();
    assert.deepEqual(mechanism.decided({ ok: true }), malformed);
    const other = start();
    untilCheck(other);
    assert.deepEqual(other.answer(Buffer.alloc(0)), malformed, 'more is sent before it is decided');
    assert.deepEqual(other.decided({ ok: true }), malformed);
  });
}

const plainMessages: readonly (readonly [string, string, SaslStep])[] = [
  ['no NUL', 'u', malformed],
  ['one NUL', '\0u', malformed],
  ['no name', '\0\0p', malformed],
  ['three NULs', '\0u\0p\0x', malformed],
  ['nothing', '', malformed],
  ['for somebody else', 'x\0u\0p', forOther],
  ['for oneself', 'u\0u\0p', { kind: 'check', attempt: { login: 'u', proof: { password: 'p' } } }],
  ['an empty password', '\0u\0', { kind: 'check', attempt: { login: 'u', proof: { password: '' } } }],
  ['bytes above 127', '\0u\0p\xe4\xff', { kind: 'check', attempt: { login: 'u', proof: { password: 'p\xe4\xff' } } }],
];
for (const [name, message, step] of plainMessages) {
  test(`PLAIN: ${name}`, () => assert.deepEqual(startMechanism('PLAIN', context).begin(bytes(message)), step));
}

test('an initial response is no more than the first answer, and refused where the server begins', () => {
  for (const name of ['CRAM-MD5', 'DIGEST-MD5'] as const)
    assert.deepEqual(startMechanism(name, plainContext).begin(bytes('x')), malformed, name);
  const login = startMechanism('LOGIN', plainContext);
  assert.deepEqual(login.begin(Buffer.alloc(0)), { kind: 'say', bytes: bytes('Username:') });
});

const scramFirsts: readonly (readonly [string, MechanismName, SaslContext, string, 'say' | SaslStep])[] = [
  ['no binding', 'SCRAM-SHA-1', plainContext, 'n,,n=u,r=abc', 'say'],
  ['the client has none that we have', 'SCRAM-SHA-1', plainContext, 'y,,n=u,r=abc', 'say'],
  [
    'our offer was taken out of the list',
    'SCRAM-SHA-1',
    context,
    'y,,n=u,r=abc',
    refusedSince(`the client was not shown the -PLUS mechanisms of this host: ${inBetween}`),
  ],
  ['a binding without -PLUS', 'SCRAM-SHA-1', context, 'p=tls-exporter,,n=u,r=abc', malformed],
  ['-PLUS without a binding', 'SCRAM-SHA-1-PLUS', context, 'n,,n=u,r=abc', malformed],
  [
    'a binding that we have not',
    'SCRAM-SHA-1-PLUS',
    context,
    'p=tls-unique,,n=u,r=abc',
    refusedSince('there is no tls-unique of this connection'),
  ],
  ['for somebody else', 'SCRAM-SHA-1', plainContext, 'n,a=x,n=u,r=abc', forOther],
  ['for oneself', 'SCRAM-SHA-1', plainContext, 'n,a=u,n=u,r=abc', 'say'],
  ['an extension that must be understood', 'SCRAM-SHA-1', plainContext, 'n,,m=x,n=u,r=abc', malformed],
  ['no name', 'SCRAM-SHA-1', plainContext, 'n,,n=,r=abc', malformed],
  ['a name with a bare =', 'SCRAM-SHA-1', plainContext, 'n,,n=a=b,r=abc', malformed],
  ['a name with a comma and =', 'SCRAM-SHA-1', plainContext, 'n,,n=a=2Cb=3D,r=abc', 'say'],
  ['no nonce', 'SCRAM-SHA-1', plainContext, 'n,,n=u,r=', malformed],
  ['a NUL', 'SCRAM-SHA-1', plainContext, 'n,,n=u\0,r=abc', malformed],
];
for (const [name, mechanism, given, message, expected] of scramFirsts) {
  test(`SCRAM's first message: ${name}`, () => {
    const step = startMechanism(mechanism, given).begin(bytes(message));
    if (expected === 'say') assert.equal(step.kind, 'say');
    else assert.deepEqual(step, expected);
  });
}

test('SCRAM: the salt of a name is always the same, whether it exists or not, and another for another', () => {
  const salt = (name: string): string => {
    const step = startMechanism('SCRAM-SHA-256', plainContext).begin(bytes(`n,,n=${name},r=abc`));
    return /s=([^,]*)/.exec(step.kind === 'say' ? step.bytes.toString() : '')?.[1] ?? '';
  };
  assert.equal(salt('nosuch@d.example'), salt('NoSuch@d.example'));
  assert.notEqual(salt('nosuch@d.example'), salt('other@d.example'));
});

test('SCRAM-PLUS: a login that was passed on over another connection is refused', () => {
  const mechanism = startMechanism('SCRAM-SHA-256-PLUS', context);
  const talk = saslTalk('SCRAM-SHA-256-PLUS', 'u', 'pw', {
    binding: { type: 'tls-exporter', data: bytes('j'.repeat(32)) },
  });
  const step = mechanism.begin(talk.initial);
  assert.deepEqual(
    step.kind === 'say' && mechanism.answer(talk.answer(step.bytes)),
    refusedSince(`the client is at the end of another TLS connection than this one: ${inBetween}`),
  );
});

const offers: readonly (readonly [string, Parameters<typeof offeredMechanisms>[0], string])[] = [
  [
    'TLS, clear passwords',
    { mayPasswordBeSent: true, hasClearPasswords: true, hasChannelBinding: true },
    mechanismNames.join(' '),
  ],
  ['TLS, hashes alone', { mayPasswordBeSent: true, hasClearPasswords: false, hasChannelBinding: true }, 'PLAIN LOGIN'],
  [
    'clear passwords, no TLS',
    { mayPasswordBeSent: false, hasClearPasswords: true, hasChannelBinding: false },
    'CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256',
  ],
  ['hashes alone, no TLS', { mayPasswordBeSent: false, hasClearPasswords: false, hasChannelBinding: false }, ''],
];
for (const [name, conditions, expected] of offers) {
  test(`offered with ${name}: ${expected || 'nothing'}`, () =>
    assert.equal(offeredMechanisms(conditions).join(' '), expected));
}

test('no bytes whatever throw, end in a success, or go on after the end', () => {
  const octets = fc.uint8Array({ maxLength: 120 }).map((some) => Buffer.from(some));
  const likely = fc.constantFrom(
    ...[
      'n,,n=u,r=abc',
      'c=biws,r=abc',
      '\0u\0p',
      'u 00000000000000000000000000000000',
      'username="u"',
      '',
      '=',
      ',',
    ].map(bytes),
  );
  const pieces = fc.array(fc.oneof(octets, likely), { maxLength: 5 }).map((some) => Buffer.concat(some));
  const answers = fc.array(fc.oneof(pieces, fc.constant('decide' as const)), { maxLength: 5 });
  fc.assert(
    fc.property(
      fc.constantFrom(...mechanismNames),
      fc.option(pieces, { nil: undefined }),
      answers,
      (name, initial, sent) => {
        const mechanism = startMechanism(name, context);
        let step = mechanism.begin(initial);
        for (const one of sent) {
          const isOver = step.kind === 'failure';
          step = one === 'decide' ? mechanism.decided({ ok: false }) : mechanism.answer(one);
          if (isOver) assert.deepEqual(step, malformed);
          assert.notEqual(step.kind, 'success');
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test('no text whatever throws in the parsers; base64 is taken strictly', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      parseDirectives(text);
      const decoded = decodeBase64(text);
      if (decoded !== undefined)
        assert.equal(decoded.toString('base64').replace(/=+$/, '').length, text.replace(/=+$/, '').length);
      decodeInitialResponse(text);
    }),
    { numRuns: 3000 },
  );
  for (const text of ['a', 'YQ', 'YQ=', 'YQ===', 'Y Q=', 'YQ==YQ==', 'YQ-_'])
    assert.equal(decodeBase64(text), undefined, text);
  assert.deepEqual(decodeInitialResponse('='), Buffer.alloc(0));
});
