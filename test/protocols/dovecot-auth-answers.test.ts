import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseClientCommand, serializeAnswer } from '../../src/protocols/dovecot-auth.js';
import { type AuthAnswer, parseAnswer, plainLogin, userLookUp } from '../../src/protocols/dovecot-auth-answers.js';

/** Latin-1 text. */
const text = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

test('what the client sends is what the server reads', () => {
  fc.assert(
    fc.property(text, text, text, (user, password, name) => {
      const auth = parseClientCommand(
        plainLogin(7, 'imap', { rip: '::1', lip: '', session: name }, user, password).slice(0, -1),
        2,
      );
      assert.ok(auth.kind === 'auth');
      assert.deepEqual([auth.id, auth.mechanism, auth.service], [7, 'PLAIN', 'imap']);
      assert.equal(auth.parameters.get('rip'), '::1');
      assert.equal(auth.parameters.get('session') ?? '', name);
      assert.equal(auth.parameters.has('lip'), false);
      assert.equal(Buffer.from(auth.initialResponse ?? '', 'base64').toString('latin1'), `\0${user}\0${password}`);
      assert.deepEqual(parseClientCommand(userLookUp(8, name, 'imap').slice(0, -1), 2), { kind: 'user', id: 8, name });
    }),
  );
});

test('what the server sends is what the client reads', () => {
  const read = (answer: Parameters<typeof serializeAnswer>[0]): AuthAnswer | undefined =>
    parseAnswer(serializeAnswer(answer).slice(0, -1));
  fc.assert(
    fc.property(text, text, (user, home) => {
      assert.equal(read({ kind: 'ok', id: 1, user })?.parameters.get('user'), user);
      const found = read({ kind: 'user', id: 2, name: user, fields: { uid: '89', home } });
      assert.deepEqual([found?.verb, found?.id, found?.argument], ['USER', 2, user]);
      assert.deepEqual(Object.fromEntries(found?.parameters ?? []), { uid: '89', home });
    }),
  );
  assert.equal(read({ kind: 'fail', id: 3, code: 'temp_fail' })?.parameters.has('temp'), true);
  assert.equal(read({ kind: 'not-found', id: 4 })?.verb, 'NOTFOUND');
});

test('lines that answer nothing', () => {
  for (const line of [
    'VERSION\t1\t2',
    'MECH\tPLAIN\tplaintext',
    'SPID\t1',
    'COOKIE\tabc',
    'DONE',
    '',
    'OK',
    'OK\tx',
    'PING\t1',
  ])
    assert.equal(parseAnswer(line), undefined, line);
});
