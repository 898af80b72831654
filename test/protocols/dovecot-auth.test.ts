import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AuthProtocolError,
  type ClientCommand,
  escapeValue,
  parseClientCommand,
  serializeAnswer,
  serializeGreeting,
  unescapeValue,
} from '../../src/protocols/dovecot-auth.js';

const auth = {
  kind: 'auth',
  id: 1,
  mechanism: 'PLAIN',
  service: '',
  parameters: new Map(),
  initialResponse: undefined,
} as const;

const good: readonly [string, string, number | undefined, ClientCommand][] = [
  ['Postfix 3.7', 'VERSION\t1\t0', undefined, { kind: 'version', minor: 0 }],
  ['Dovecot 2.4', 'VERSION\t1\t4', undefined, { kind: 'version', minor: 4 }],
  ['fields that are new', 'VERSION\t1\t9\tx', undefined, { kind: 'version', minor: 9 }],
  ['CPID', 'CPID\t20032', 0, { kind: 'pid' }],
  [
    'what Postfix sends',
    'AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=127.0.0.1\trip=192.0.2.9\tsecured\tresp=AGEAYg==',
    0,
    {
      ...auth,
      service: 'smtp',
      parameters: new Map([
        ['nologin', ''],
        ['lip', '127.0.0.1'],
        ['rip', '192.0.2.9'],
        ['secured', ''],
      ]),
      initialResponse: 'AGEAYg==',
    },
  ],
  ['no response', 'AUTH\t1\tPLAIN', 0, auth],
  ['an empty response of an old client is none', 'AUTH\t1\tPLAIN\tresp=', 1, auth],
  ['an empty response of a new one', 'AUTH\t1\tPLAIN\tresp=', 2, { ...auth, initialResponse: '' }],
  ['AUTH PLAIN =, as Postfix sends it', 'AUTH\t1\tPLAIN\tresp==', 0, { ...auth, initialResponse: '' }],
  ['a mechanism in any case', 'AUTH\t4294967295\tcram-md5', 0, { ...auth, id: 4294967295, mechanism: 'CRAM-MD5' }],
  [
    'escapes in values, and = in them',
    'AUTH\t1\tPLAIN\tsession=a\x01tb\x011c\tlocal_name=x=y',
    0,
    {
      ...auth,
      parameters: new Map([
        ['session', 'a\tb\x01c'],
        ['local_name', 'x=y'],
      ]),
    },
  ],
  ['CONT', 'CONT\t2\tAGEAYg==', 0, { kind: 'continue', id: 2, response: 'AGEAYg==' }],
  ['CONT of nothing', 'CONT\t2\t', 0, { kind: 'continue', id: 2, response: '' }],
  ['CANCEL', 'CANCEL\t2', 0, { kind: 'cancel', id: 2 }],
];
for (const [reason, line, minor, command] of good)
  test(reason, () => assert.deepEqual(parseClientCommand(line, minor), command));

const bad: readonly [string, string, number | undefined][] = [
  ['another major version', 'VERSION\t2\t0', undefined],
  ['no minor version', 'VERSION\t1', undefined],
  ['a version that is no number', 'VERSION\tx\ty', undefined],
  ['AUTH before VERSION', 'AUTH\t1\tPLAIN', undefined],
  ['an unknown command', 'PING', 0],
  ['a command in small letters', 'auth\t1\tPLAIN', 0],
  ['an empty line', '', 0],
  ['CPID 0', 'CPID\t0', 0],
  ['CPID without a number', 'CPID', 0],
  ['id 0', 'AUTH\t0\tPLAIN', 0],
  ['an id too large', 'AUTH\t4294967296\tPLAIN', 0],
  ['an id that is no number', 'CONT\tx\tAA==', 0],
  ['no mechanism', 'AUTH\t1', 0],
  ['a mechanism that cannot be one', 'AUTH\t1\tPL AIN', 0],
  ['something behind resp=', 'AUTH\t1\tPLAIN\tresp=AA==\tsecured', 0],
  ['CONT without data', 'CONT\t2', 0],
  ['another protocol', 'EHLO front.example', undefined],
];
for (const [reason, line, minor] of bad)
  test(`refused: ${reason}`, () => assert.throws(() => parseClientCommand(line, minor), AuthProtocolError));

test('the greeting has the order that Postfix and Dovecot want: VERSION, MECH, then the rest, DONE', () => {
  const greeting = {
    mechanisms: [
      { name: 'PLAIN', traits: ['plaintext'] },
      { name: 'DIGEST-MD5', traits: ['dictionary', 'active', 'mutual-auth'] },
    ],
    pid: 20058,
    connection: 1,
    cookie: 'c623060d5caab6973eae40f0ed706b65',
  } as const;
  assert.deepEqual(serializeGreeting(greeting).split('\n'), [
    'VERSION\t1\t2',
    'MECH\tPLAIN\tplaintext',
    'MECH\tDIGEST-MD5\tdictionary\tactive\tmutual-auth',
    'SPID\t20058',
    'CUID\t1',
    'COOKIE\tc623060d5caab6973eae40f0ed706b65',
    'DONE',
    '',
  ]);
});

test('answers, as formats/dovecot.md 6.3 has them', () => {
  const rows = [
    [{ kind: 'continue', id: 2, challenge: Buffer.alloc(0) }, 'CONT\t2\t\n'],
    [{ kind: 'continue', id: 2, challenge: Buffer.from('Username:') }, 'CONT\t2\tVXNlcm5hbWU6\n'],
    [{ kind: 'ok', id: 1, user: 'erin@example.test' }, 'OK\t1\tuser=erin@example.test\n'],
    [{ kind: 'ok', id: 1, user: 'a', response: Buffer.from('v=x') }, 'OK\t1\tuser=a\tresp=dj14\n'],
    [{ kind: 'fail', id: 3 }, 'FAIL\t3\n'],
    [{ kind: 'fail', id: 3, user: 'a\tb', reason: 'no\nway' }, 'FAIL\t3\tuser=a\x01tb\treason=no\x01nway\n'],
    [{ kind: 'fail', id: 3, code: 'temp_fail' }, 'FAIL\t3\ttemp\tcode=temp_fail\n'],
    [{ kind: 'fail', id: 3, code: 'invalid_base64' }, 'FAIL\t3\tcode=invalid_base64\n'],
  ] as const;
  for (const [answer, line] of rows) assert.equal(serializeAnswer(answer), line);
});

test('a value that was escaped comes back, and has no separator in it', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (array) => {
      const value = Buffer.from(array).toString('latin1');
      assert.doesNotMatch(escapeValue(value), /[\0\t\n\r]/);
      assert.equal(unescapeValue(escapeValue(value)), value);
    }),
  );
});

test('any line: a command or an AuthProtocolError', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(
      'AUTH',
      'CONT',
      'CANCEL',
      'VERSION',
      'CPID',
      '\t',
      '1',
      'PLAIN',
      'resp=',
      'secured',
      '\x01',
      '\x01t',
    ),
  );
  const line = fc.array(word).map((words) => words.join(''));
  fc.assert(
    fc.property(line, fc.constantFrom(undefined, 0, 2), (text, minor) => {
      try {
        parseClientCommand(text, minor);
      } catch (error) {
        assert.ok(error instanceof AuthProtocolError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
