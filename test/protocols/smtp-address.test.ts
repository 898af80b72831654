import assert from 'node:assert/strict';
import test from 'node:test';
import { declaredSize, parsePath, replaceLiteral } from '../../src/protocols/smtp-address.js';

const rows: [reason: string, argument: string, address: string, parameters: string][] = [
  ['in brackets', 'FROM:<a@b>', 'a@b', ''],
  ['without brackets', 'FROM:a@b', 'a@b', ''],
  ['the guide: a space after the colon', 'FROM: noel@example.gr.jp', 'noel@example.gr.jp', ''],
  ['bare with parameters', 'FROM: a@b SIZE=3', 'a@b', 'SIZE=3'],
  ['parameters behind brackets', 'FROM:<a@b> SIZE=3 BODY=8BITMIME', 'a@b', ' SIZE=3 BODY=8BITMIME'],
  ['the word is not checked', '<a@b>', 'a@b', ''],
  ['another word', 'a:<a@b> x', 'a@b', ' x'],
  ['a name before the bracket', 'FROM:Noel <noel@example.gr.jp> junk', 'noel@example.gr.jp', ' junk'],
  ['nothing', '', '', ''],
  ['a colon and nothing', 'FROM:', '', ''],
  ['no colon and no bracket: empty', 'noel@example.gr.jp', '', 'noel@example.gr.jp'],
  ['the null sender', 'FROM:<>', '', ''],
  ['source route', 'TO:<@h1,@h2:u@d>', 'u@d', ''],
  ['source route without brackets', 'TO:@h1:u@d', 'u@d', ''],
  ['source route alone', 'TO:<@h1>', '', ''],
  ['only an at sign', 'FROM:<@>', '', ''],
  ['quotes', 'TO:<"a b"@d>', 'a b@d', ''],
  ['a backslash', 'TO:<a\\ b@d>', 'a b@d', ''],
  ['a quoted terminator', 'TO:<"a>b"@d> x', 'a>b@d', ' x'],
  ['an escaped terminator', 'TO:<a\\>b@d>', 'a>b@d', ''],
  ['an escaped quote', 'TO:<a\\"b@d> x', 'a"b@d', ' x'],
  ['a quoted space without brackets', 'TO:"a b"@d x', 'a b@d', 'x'],
  ['an open quote takes the rest', 'TO:<"u@d>', 'u@d>', ''],
  ['no closing bracket', 'TO:<u@d', 'u@d', ''],
  ['a backslash at the end', 'TO:<u@d\\', 'u@d', ''],
  ['the second bracket is data', 'TO:<a<b@d>', 'a<b@d', ''],
  ['many spaces', 'FROM:   <a@b>', 'a@b', ''],
  ['no domain', 'TO:<postmaster>', 'postmaster', ''],
  ['8-bit bytes', 'TO:<t\xe9st@d>', 't\xe9st@d', ''],
  ['a CR that was left is part of a bare address', 'TO:u@d\r', 'u@d\r', ''],
];

for (const [reason, argument, address, parameters] of rows) {
  test(`address: ${reason}`, () => assert.deepEqual(parsePath(argument), { address, parameters }));
}

const literals: [reason: string, address: string, replaced: string][] = [
  ['mine', 'test@[127.0.0.1]', 'test@mail.example'],
  ['not mine', 'test@[192.0.2.7]', 'test@[192.0.2.7]'],
  ['not closed', 'test@[127.0.0.1', 'test@[127.0.0.1'],
  ['something behind', 'test@[127.0.0.1].x', 'test@[127.0.0.1].x'],
  ['no at sign', '[127.0.0.1]', '[127.0.0.1]'],
  ['numbers modulo 256', 'test@[383.256.0.1]', 'test@mail.example'],
  ['a number missing', 'test@[127.0.0]', 'test@[127.0.0]'],
  ['the last at sign counts', 'a@[127.0.0.1]@[127.0.0.1]', 'a@[127.0.0.1]@mail.example'],
];

for (const [reason, address, replaced] of literals) {
  test(`address literal: ${reason}`, () =>
    assert.equal(
      replaceLiteral(address, 'mail.example', (ip) => ip === '127.0.0.1'),
      replaced,
    ));
}

test('SIZE is read where it is a number of its own', () => {
  assert.equal(declaredSize(' SIZE=1000 BODY=8BITMIME'), 1000);
  assert.equal(declaredSize(' body=8bitmime size=7'), 7);
  assert.equal(declaredSize(''), undefined);
  assert.equal(declaredSize(' SIZE='), undefined);
  assert.equal(declaredSize(' SIZE=12x'), undefined);
  assert.equal(declaredSize(' XSIZE=12'), undefined);
});
