import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type DotQmailInstruction,
  dotQmailNames,
  dotQmailText,
  parseDotQmail,
  serializeDotQmail,
} from '../../../src/formats/dot-qmail/dot-qmail.js';
import { contentOf, loadRecording, type Step } from '../../support/recording.js';

function parse(text: string): DotQmailInstruction[] {
  return parseDotQmail(Buffer.from(text, 'latin1')).map(({ text: _text, end: _end, number: _number, ...line }) => line);
}

test('lines as qmail-local reads them', () => {
  const rows: [text: string, instructions: DotQmailInstruction[], why: string][] = [
    ['', [], 'an empty file has no lines; the default delivery is for the caller'],
    ['\n', [{ kind: 'blank-first-line' }], 'defers'],
    [' \t\n./a\n', [{ kind: 'blank-first-line' }, { kind: 'mbox', path: './a' }], 'also when it has only blanks'],
    ['\0x\n', [{ kind: 'blank-first-line' }], 'a NUL ends the line'],
    ['#\n\n', [{ kind: 'comment' }, { kind: 'blank' }], 'later blank lines do nothing'],
    ['./Maildir/  \t\n', [{ kind: 'maildir', path: './Maildir/' }], 'trailing blanks are dropped'],
    ['/a b/\n', [{ kind: 'maildir', path: '/a b/' }], 'a path may hold blanks'],
    ['./mbox', [{ kind: 'mbox', path: './mbox' }], 'a last line without LF'],
    [
      './a\0b/\n',
      [{ kind: 'maildir', path: './a' }],
      'the path ends at a NUL, the slash is looked for at the end of the line',
    ],
    ['| cat >x \n', [{ kind: 'program', command: ' cat >x' }], 'a program; blanks at its start stay'],
    ['|\n', [{ kind: 'program', command: '' }], 'an empty program'],
    ['&a@b\n', [{ kind: 'forward', address: 'a@b' }], 'an address'],
    ['& a@b\n', [{ kind: 'forward', address: ' a@b' }], 'the blank is part of the address'],
    ['&\n', [{ kind: 'forward', address: '' }], 'a lone & forwards to the empty address'],
    ['<a@b>\n', [{ kind: 'forward', address: '<a@b>' }], 'brackets are kept'],
    [' ./x/\n', [{ kind: 'forward', address: ' ./x/' }], 'a leading blank makes it an address'],
    ['&a@b\r\n', [{ kind: 'forward', address: 'a@b\r' }], 'CR is part of the line'],
    ['./Maildir/\r\n', [{ kind: 'mbox', path: './Maildir/\r' }], 'DOS line ends turn a Maildir into an mbox'],
    ['+list\n+lists\n+\n', [{ kind: 'list' }, { kind: 'ignored' }, { kind: 'ignored' }], 'only +list means something'],
  ];
  for (const [text, instructions, why] of rows) assert.deepEqual(parse(text), instructions, why);
});

test('lines are numbered from 1', () => {
  assert.deepEqual(
    parseDotQmail(Buffer.from('#\n\n&a\n')).map((line) => line.number),
    [1, 2, 3],
  );
});

test('the files for an extension, in the order in which qmail-local looks (formats/qmail.md 6.2)', () => {
  const rows: [dash: string, extension: string, suffixes: string[], why: string][] = [
    ['', '', ['', 'default'], 'a user'],
    ['-', 'foo', ['-foo', '-default'], 'one word'],
    ['-', 'a-b-c', ['-a-b-c', '-a-b-default', '-a-default', '-default'], 'longest first'],
    ['-', 'a-', ['-a-', '-a-default', '-default'], 'a dash at the end'],
    ['-', '', ['-', '-default'], 'nothing after the dash'],
    ['-', 'J.Doe', ['-j:doe', '-default'], 'dots and capitals'],
    ['-', '../x', ['-::/x', '-default'], 'no way up'],
    ['-', '\xc4', ['-\xc4', '-default'], 'only ASCII is folded'],
  ];
  for (const [dash, extension, suffixes, why] of rows)
    assert.deepEqual(
      dotQmailNames(dash, extension).map((name) => name.suffix),
      suffixes,
      why,
    );
});

test('DEFAULT: what `default` stands for, with its case and dots', () => {
  const defaults = (extension: string): (string | undefined)[] =>
    dotQmailNames('-', extension).map((name) => name.default);
  assert.deepEqual(defaults('Foo-Bar.Baz'), [undefined, 'Bar.Baz', 'Foo-Bar.Baz']);
  assert.deepEqual(
    defaults('x-Default'),
    ['Default', 'Default', 'x-Default'],
    'set by the file itself when its name ends so',
  );
});

test('the recorded files of delivery/dot-qmail-syntax mean what was done with them', () => {
  const steps: readonly Step[] = loadRecording('delivery', 'dot-qmail-syntax').steps;
  const written = new Map<string, DotQmailInstruction['kind'][]>();
  for (const [path, entry] of Object.entries(Object.assign({}, ...steps.map((step) => step.write ?? {})))) {
    const name = /\/\.qmail-([^/]*)$/.exec(path)?.[1];
    if (name === undefined || entry === null) continue;
    const bytes = contentOf(typeof entry === 'string' ? { text: entry } : (entry as object));
    written.set(
      name,
      parseDotQmail(bytes).map((line) => line.kind),
    );
  }
  const did = (name: string): string | undefined => {
    const step = steps.find((candidate) => candidate.run?.[4]?.endsWith(`-${name}`));
    return /^did .*$/m.exec(String(step?.stdout ?? ''))?.[0];
  };
  let compared = 0;
  for (const [name, kinds] of written) {
    const report = did(name);
    if (report === undefined || kinds.length === 0) continue;
    const count = (...wanted: string[]): number => kinds.filter((kind) => wanted.includes(kind)).length;
    assert.equal(report, `did ${count('maildir', 'mbox')}+${count('forward')}+${count('program')}`, name);
    compared++;
  }
  assert.ok(compared >= 8, `${compared} compared`);
  assert.equal(written.get('first')?.[0], 'blank-first-line');
  assert.equal(written.get('firstspace')?.[0], 'blank-first-line');
});

test('property: written back as read; an instruction that is written is read as the same one', () => {
  const unit = fc.constantFrom('#', '&', '|', '+', '.', '/', ' ', '\t', '\n', '\r', '\0', 'a', '@', '\xff');
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      const lines = parseDotQmail(Buffer.from(text, 'latin1'));
      assert.equal(serializeDotQmail(lines).toString('latin1'), text);
    }),
  );
  const word = fc.string({ unit: fc.constantFrom('a', '@', '.', '-', '\xe9', '"'), minLength: 1 });
  const instruction: fc.Arbitrary<DotQmailInstruction> = fc.oneof(
    word.map((text) => ({ kind: 'forward' as const, address: text })),
    word.map((text) => ({ kind: 'program' as const, command: text })),
    word.map((text) => ({ kind: 'maildir' as const, path: `./${text}/` })),
    word.map((text) => ({ kind: 'mbox' as const, path: `/${text}` })),
    fc.constantFrom<DotQmailInstruction>({ kind: 'comment' }, { kind: 'list' }, { kind: 'ignored' }),
  );
  fc.assert(
    fc.property(instruction, (wanted) => {
      assert.deepEqual(parse(`${dotQmailText(wanted)}\n`), [wanted]);
    }),
  );
});
