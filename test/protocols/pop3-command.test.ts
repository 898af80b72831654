import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseApop, parseMessageArgument, parsePop3Command } from '../../src/protocols/pop3-command.js';

const commands: readonly [line: string, verb: string, argument: string, why: string][] = [
  ['STAT', 'STAT', '', 'no argument'],
  ['stat', 'STAT', '', 'any case'],
  ['list ', 'LIST', '', 'a space and nothing behind it'],
  ['RETR  1', 'RETR', '1', 'several spaces'],
  ['PASS  two words ', 'PASS', 'two words ', 'spaces in front are lost, those behind are not'],
  ['PASS \t', 'PASS', '\t', 'a tab is no space'],
  [' NOOP', '', 'NOOP', 'a space in front leaves no verb'],
  ['', '', '', 'an empty line'],
  ['STAT\0', 'STAT', '', 'a NUL ends the line'],
  ['PASS x\0y', 'PASS', 'x', 'also within an argument'],
  ['USER ann\xe9', 'USER', 'ann\xe9', 'bytes above 127 stay'],
];

for (const [line, verb, argument, why] of commands) {
  test(`${JSON.stringify(line)}: ${why}`, () => assert.deepEqual(parsePop3Command(line), { verb, argument }));
}

const numbers: readonly [argument: string, expected: [number, number | undefined] | undefined, why: string][] = [
  ['1', [1, undefined], 'one number'],
  ['1 20', [1, 20], 'two'],
  ['1  20 ', [1, 20], 'spaces between and behind'],
  ['1x', [1, undefined], 'the digits at the start count'],
  ['1x 2', [1, undefined], 'and nothing else does then'],
  ['1 2y', [1, 2], 'the digits of the second word'],
  ['1 x', [1, undefined], 'no digits: as if it were not there'],
  ['0', [0, undefined], 'zero is a number'],
  ['007', [7, undefined], 'zeros in front'],
  ['', undefined, 'nothing'],
  ['x', undefined, 'a letter'],
  ['-1', undefined, 'a sign'],
  ['99999999999999999999', [Number.POSITIVE_INFINITY, undefined], 'more messages than there can be'],
];

for (const [argument, expected, why] of numbers) {
  test(`message ${JSON.stringify(argument)}: ${why}`, () => {
    const parsed = parseMessageArgument(argument);
    assert.deepEqual(parsed && [parsed.number, parsed.lines], expected);
  });
}

test('APOP needs a name and what follows it', () => {
  assert.deepEqual(parseApop('ann@example.jp abc'), { name: 'ann@example.jp', digest: 'abc' });
  assert.deepEqual(parseApop('ann  abc '), { name: 'ann', digest: ' abc ' });
  assert.deepEqual(parseApop('ann '), { name: 'ann', digest: '' });
  assert.equal(parseApop('ann'), undefined);
  assert.equal(parseApop(''), undefined);
});
