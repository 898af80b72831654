import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseVdelivermail, vdelivermailText } from '../../../src/formats/dot-qmail/vdelivermail-command.js';

const program = '/home/vpopmail/bin/vdelivermail';

test('lines that are vdelivermail with two words', () => {
  const rows: [command: string, args: [string, string], why: string][] = [
    [` ${program} '' bounce-no-mailbox`, ['', 'bounce-no-mailbox'], "vadddomain's line"],
    [` ${program} "" delete`, ['', 'delete'], 'double quotes'],
    [`${program} '' delete  \t`, ['', 'delete'], 'no blank in front, blanks behind'],
    [`\t${program}\t''\tdelete`, ['', 'delete'], 'TABs'],
    [` ${program} '' a@b.example`, ['', 'a@b.example'], 'an address'],
    [` ${program} '' '&a@b.example'`, ['', '&a@b.example'], 'an address with a quoted &'],
    [` ${program} '' \\&a@b.example`, ['', '&a@b.example'], 'an escaped &'],
    [
      ` ${program} '' /home/vpopmail/domains/x.example/joe`,
      ['', '/home/vpopmail/domains/x.example/joe'],
      'a directory',
    ],
    [` ${program} '' '|prog $X'`, ['', '|prog $X'], 'quoted, a program is one word'],
    [` ${program} '' "a b\\"c\\\\d\\e"`, ['', 'a b"c\\d\\e'], 'backslashes within double quotes'],
    [` ${program} '' de'le'"te"`, ['', 'delete'], 'parts of a word'],
    [` ${program} '' a#b~c@d`, ['', 'a#b~c@d'], 'a hash or tilde within a word'],
    [` ${program} x delete`, ['x', 'delete'], 'another first argument'],
    [` '${program}' '' delete`, ['', 'delete'], 'a quoted program'],
  ];
  for (const [command, args, why] of rows) assert.deepEqual(parseVdelivermail(command), { program, args }, why);
  assert.equal(parseVdelivermail(" /opt/v/vdelivermail '' delete")?.program, '/opt/v/vdelivermail', 'any directory');
  assert.equal(parseVdelivermail("vdelivermail '' delete")?.program, 'vdelivermail', 'found on the PATH');
  assert.equal(parseVdelivermail(` ${program} '' delete\r`)?.args[1], 'delete\r', 'CR is part of the word, as for sh');
});

test('everything else is an ordinary program', () => {
  const rows: [command: string, why: string][] = [
    ['', 'nothing'],
    [` ${program}`, 'no arguments'],
    [` ${program} ''`, 'one argument'],
    [` ${program} '' delete x`, 'three arguments'],
    [` ${program} delete`, 'sh sees one argument'],
    [` ${program} '' $EXT@other.example`, 'a variable: a domain forwarded'],
    [` ${program} '' "$EXT@other.example"`, 'also within double quotes'],
    [` ${program} '' \`cat x\``, 'a command substitution'],
    [` ${program} '' "\`x\`"`, 'also within double quotes'],
    [` ${program} '' delete | cat`, 'a pipe'],
    [` ${program} '' delete; true`, 'a list'],
    [` ${program} '' delete && true`, 'a conditional'],
    [` ${program} '' delete > /tmp/x`, 'a redirection'],
    [` ${program} '' delete 2>&1`, 'a redirection within a word'],
    [` ${program} '' a*`, 'a pattern'],
    [` ${program} '' a?`, 'a pattern'],
    [` ${program} '' [ab]`, 'a pattern'],
    [` ${program} '' {a,b}`, 'braces'],
    [` ${program} '' ~joe`, 'a home directory'],
    [` ${program} '' #x`, 'a comment'],
    [` X=1 ${program} ''`, 'an assignment'],
    [` X=/vdelivermail '' delete`, 'an assignment that ends in the name'],
    [` ${program} '' 'delete`, 'an unclosed quote'],
    [` ${program} '' "delete`, 'an unclosed double quote'],
    [` ${program} '' delete\\`, 'a backslash at the end'],
    [` preline ${program} '' delete`, 'another program first'],
    [" /home/vpopmail/bin/xvdelivermail '' delete", 'another name'],
    [` (${program} '' delete)`, 'a subshell'],
    [` ${program} '' delete\n`, 'a second line'],
  ];
  for (const [command, why] of rows) assert.equal(parseVdelivermail(command), undefined, why);
});

test('property: what is taken apart here, sh takes apart the same way', () => {
  const unit = fc.constantFrom("'", '"', '\\', ' ', '\t', 'a', '&', '$', '#', '~', '=', '|', '*', '@', '{', '!', ';');
  const tail = fc.string({ unit, maxLength: 12 });
  const recognised: { command: string; args: readonly [string, string] }[] = [];
  fc.assert(
    fc.property(tail, (text) => {
      const command = `/x/vdelivermail ${text}`;
      const found = parseVdelivermail(command);
      if (found !== undefined) recognised.push({ command, args: found.args });
    }),
    { numRuns: 20_000 },
  );
  assert.ok(recognised.length > 50, `${recognised.length} recognised`);
  // One shell for all: a function of that name prints its words, each ended by a NUL.
  const script = recognised.map(({ command }) => command.replace('/x/vdelivermail', 'words')).join('\n');
  const shell = spawnSync('sh', [
    '-c',
    `words() { printf '%s\\0' "$#" "$@"; }\ncd /nonexistent 2>/dev/null\n${script}\n`,
  ]);
  const told = shell.stdout.toString('latin1');
  assert.equal(told, recognised.map(({ args }) => `2\0${args[0]}\0${args[1]}\0`).join(''));
});

test('property: a line that is written is recognised', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', "'", '"', '$', ' ', '&', '/', '@', '#', '\\', '-'), minLength: 1 }),
      (argument) => {
        const command = vdelivermailText(program, argument).slice(1);
        assert.deepEqual(parseVdelivermail(command)?.args, ['', argument]);
      },
    ),
  );
  assert.equal(vdelivermailText(program, 'bounce-no-mailbox'), `| ${program} '' bounce-no-mailbox`);
  assert.equal(
    vdelivermailText(program, '&a@b'),
    `| ${program} '' '&a@b'`,
    'sh would put the command into the background',
  );
});
