import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CorruptFileError } from '../../../src/errors.js';
import {
  assignEntries,
  assignFindings,
  assignLine,
  assignRecords,
  assignText,
  domainKey,
  findAssignment,
  parseAssign,
  parseAssignmentValue,
  refusedByNewu,
  serializeAssign,
} from '../../../src/formats/controls/users-assign.js';
import { contentOf, type Entry, loadRecording, recordingNames } from '../../support/recording.js';

const example = `+:alias:7790:2108:/var/qmail/alias:-::
+joe-:joe:1001:1001:/home/joe:-::
+Ann+:ann:1002:1002:/home/ann:-:pre-:
=joe:joe:1001:1001:/home/joe:::
=Mixed.Case:ann:1002:1002:/home/ann:-:ext:extra:stuff
.
`;

function parse(text: string): ReturnType<typeof parseAssign> {
  return parseAssign(Buffer.from(text, 'latin1'));
}

/** A users/cdb in memory: the first record of a key counts. */
function finder(text: string): (key: string) => Buffer | undefined {
  const records = assignRecords(parse(text));
  return (key) => records.find((record) => record.key.toString('latin1') === key)?.data;
}

test('the records that qmail-newu makes', () => {
  const fields = (data: Buffer): string[] => data.toString('latin1').split('\0');
  const records = assignRecords(parse(example)).map(({ key, data }) => [key.toString('latin1'), fields(data)]);
  assert.deepEqual(records, [
    ['!', ['alias', '7790', '2108', '/var/qmail/alias', '-', '']],
    ['!joe-', ['joe', '1001', '1001', '/home/joe', '-', '']],
    ['!ann+', ['ann', '1002', '1002', '/home/ann', '-', 'pre-']],
    ['!joe\0', ['joe', '1001', '1001', '/home/joe', '', '']],
    ['!mixed.case\0', ['ann', '1002', '1002', '/home/ann', '-', 'ext']],
    ['', ['-+']],
  ]);
});

test('the last bytes of wildcards keep the case of the source, each once', () => {
  const last = assignRecords(parse('+a-:u:1:1:/h:::\n+B:u:1:1:/h:::\n+c-:u:1:1:/h:::\n=dx:u:1:1:/h:::\n.\n')).at(-1);
  assert.equal(last?.data.toString('latin1'), '-B');
});

test('what qmail-newu refuses, as recorded', () => {
  let refused = 0;
  for (const name of ['newu-good', 'newu-bad']) {
    let assign: Buffer | undefined;
    for (const step of loadRecording('users', name).steps) {
      const written = step.write?.['/var/qmail/users/assign'];
      if (written === null) assign = undefined;
      else if (written !== undefined) assign = contentOf(typeof written === 'string' ? { text: written } : written);
      if (step.run?.[0] !== '/var/qmail/bin/qmail-newu' || assign === undefined) continue;
      assert.equal(refusedByNewu(parseAssign(assign)) === undefined, step.exit === 0, assign.toString('latin1'));
      if (step.exit !== 0) refused++;
    }
  }
  assert.equal(refused, 11);
});

test('findings carry the line and what is wrong', () => {
  const rows: [text: string, line: number, severity: 'error' | 'warning', told: RegExp][] = [
    ['=a:b:1:1:/h:-::\n\n.\n', 2, 'error', /blank line/],
    ['# comment\n.\n', 1, 'error', /no comments/],
    ['=a:b:1:1:/h:-:\n.\n', 1, 'error', /seven colons, this line has 6/],
    [':a:b:1:1:/h:-::\n.\n', 1, 'error', /begins with a colon/],
    ['=a\0b:b:1:1:/h:-::\n.\n', 1, 'error', /NUL/],
    ['=a:b:1:1:/h:-::\n', 1, 'error', /no line with a dot/],
    ['', 1, 'error', /no line with a dot/],
    ['=a:b:x:1:/h:-::\n.\n', 1, 'error', /not a number/],
    ['=a:b:1:1:h:-::\n.\n', 1, 'error', /not an absolute path/],
    ['+A:b:1:1:/h:-::\n.\n', 1, 'error', /never matches/],
    ['=a:b:1:1:/h:-::\n=A:c:1:1:/h:-::\n.\n', 2, 'warning', /line 1 already/],
    ['=a:b:1:1:/h:-::\r\n.\r\n', 1, 'warning', /CR LF/],
    ['xa:b:1:1:/h:-::\n.\n', 1, 'warning', /counts as a simple one/],
    ['=a:b:0:0:/h:-::\n.\n', 1, 'error', /root/],
    ['.\n=a:b:1:1:/h:-::\n', 2, 'warning', /after the line with the dot/],
  ];
  for (const [text, line, severity, told] of rows) {
    const found = assignFindings(parse(text)).filter((finding) => told.test(finding.text));
    assert.deepEqual(
      found.map((finding) => [finding.line, finding.severity]),
      [[line, severity]],
      JSON.stringify(text),
    );
  }
  assert.deepEqual(
    assignFindings(parse('+example.jp-:example.jp:6020:6020:/home/vpopmail/domains/example.jp:-::\n.\n')),
    [],
  );
});

test("qmail-lspawn's search", () => {
  const find = finder(example);
  const rows: [local: string, user: string | undefined, extension: string, why: string][] = [
    ['joe', 'joe', '', 'the simple line beats all'],
    ['JOE', 'joe', '', 'names are folded'],
    ['joe-Foo-Bar', 'joe', 'Foo-Bar', 'a wildcard; the rest keeps its case'],
    ['joe-', 'joe', '', 'a wildcard matches its bare prefix'],
    ['ANN+X', 'ann', 'pre-X', "what follows is appended to the line's extension"],
    ['mixed.CASE', 'ann', 'ext', 'a simple line has its own extension'],
    ['nobody', 'alias', 'nobody', 'the empty prefix catches the rest'],
    ['', 'alias', '', 'even the empty local part'],
  ];
  for (const [local, user, extension, why] of rows) {
    const found = findAssignment(find, local, 'users/cdb');
    assert.deepEqual([found?.user, found?.extension], [user, extension], why);
  }
  const longest = finder('+a-:one:1:1:/h:-::\n+a-b-:two:2:2:/h:-::\n.\n');
  assert.deepEqual(findAssignment(longest, 'a-b-c', 'users/cdb'), {
    user: 'two',
    uid: 2,
    gid: 2,
    directory: '/h',
    dash: '-',
    extension: 'c',
    name: 'a-b-',
    isWildcard: true,
  });
  assert.equal(findAssignment(longest, 'b-a-c', 'users/cdb'), undefined, 'no wildcard, no empty prefix');
  assert.equal(
    findAssignment(finder('+A:u:1:1:/h:-::\n.\n'), 'abc', 'x'),
    undefined,
    'a prefix that ends in a capital never matches',
  );
});

test('only keys that can match are looked up', () => {
  const asked: string[] = [];
  const find = finder(example);
  const watched = (key: string): Buffer | undefined => {
    asked.push(key);
    return find(key);
  };
  findAssignment(watched, 'a-b+c', 'users/cdb');
  assert.deepEqual(asked, ['', '!a-b+c\0', '!a-b+', '!a-', '!']);
});

test('a broken users/cdb is never "no such user"', () => {
  assert.throws(
    () => findAssignment(() => undefined, 'joe', 'users/cdb'),
    CorruptFileError,
    'no record with an empty key',
  );
  const find = (key: string): Buffer => Buffer.from(key === '' ? '-' : 'joe\0x');
  assert.throws(() => findAssignment(find, 'joe', 'users/cdb'), CorruptFileError, 'too few fields');
});

test('values', () => {
  const value = (...fields: string[]): ReturnType<typeof parseAssignmentValue> =>
    parseAssignmentValue(Buffer.from(fields.join('\0'), 'latin1'));
  const assignment = { user: 'u', uid: 12, gid: 13, directory: '/h', dash: '-', extension: 'e' };
  assert.deepEqual(value('u', '12x', '13', '/h', '-', 'e'), assignment, 'numbers end where the digits end');
  assert.equal(value('u', 'x', '1', '/h', '-', ''), undefined, 'uid is no number');
  assert.equal(value('u', '1', '1', '/h', '-'), undefined, 'a field is missing');
});

test("a domain is found under its wildcard's key; an alias domain gives the real one", () => {
  const find = finder('+alias.example-:real.example:6020:6020:/home/vpopmail/domains/real.example:-::\n.\n');
  const data = find(domainKey('ALIAS.example'));
  assert.equal(data && parseAssignmentValue(data)?.user, 'real.example');
});

test('property: lines are written back as they were read, and entries from their fields', () => {
  const text = fc.string({ unit: fc.constantFrom('=', '+', ':', '.', '\n', '\r', '\0', 'a', 'B', '-', '0', '#', ' ') });
  fc.assert(
    fc.property(text, (content) => {
      const document = parse(content);
      assert.equal(serializeAssign(document).toString('latin1'), content);
      for (const entry of assignEntries(document)) assert.equal(assignText(entry), entry.text);
      assignFindings(document);
      assignRecords(document);
    }),
  );
});

test('property: an entry that is written is read as the same entry', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'Z', '9', '-', '/', ' ', '\xe9') });
  const entry = fc.record({
    mark: fc.constantFrom('=', '+'),
    name: word,
    user: word,
    uid: fc.nat().map(String),
    gid: fc.nat().map(String),
    directory: word,
    dash: word,
    extension: word,
    rest: word,
  });
  fc.assert(
    fc.property(entry, (fields) => {
      const text = assignText(fields);
      assert.deepEqual(assignLine(text), { kind: 'assignment', text, end: '\n', ...fields });
    }),
  );
});

test('recorded assignments are read whole', () => {
  let seen = 0;
  for (const name of recordingNames('vpopmail')) {
    const recording = loadRecording('vpopmail', name);
    const states: (Entry | null | undefined)[] = [
      recording.before['/var/qmail/users/assign'],
      ...recording.steps.map((step) => step.changed?.['/var/qmail/users/assign']),
    ];
    for (const state of states) {
      if (!state?.text?.includes('example')) continue;
      for (const entry of assignEntries(parse(state.text))) assert.equal(assignText(entry), entry.text);
      seen++;
    }
  }
  assert.ok(seen > 100, `${seen} files`);
});
