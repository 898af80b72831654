import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { makeCdb } from '../../../src/formats/databases/cdb.js';
import {
  accountNumber,
  parseVpasswd,
  parseVpasswdData,
  serializeVpasswd,
  vpasswdCdbRecords,
  vpasswdFindings,
  vpasswdLine,
  vpasswdRecords,
  vpasswdText,
} from '../../../src/formats/vpopmail/vpasswd.js';

const joe = 'joe:$1$abcdefgh$ghzAEyFQw8Gil.G/AoF0b/:1:2:joe:/home/vpopmail/domains/example.org/joe:NOQUOTA:joepw';
const three = `anna:$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/:1:0:Anna:/home/vpopmail/domains/example.org/anna:10485760S,1000C:password
${joe}
postmaster::1:0:Postmaster:/home/vpopmail/domains/example.org/postmaster:NOQUOTA:
`;

function parse(text: string): ReturnType<typeof parseVpasswd> {
  return parseVpasswd(Buffer.from(text, 'latin1'));
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('the test vector of formats/vpopmail.md 13.1: vpasswd and its cdb', () => {
  const document = parse(three);
  assert.equal(sha256(serializeVpasswd(document)), 'd838d24d41cd547c1c79ea570a1d55d462d84990a88db905ecf2506e198fee85');
  const cdb = makeCdb(vpasswdCdbRecords(document));
  assert.equal(cdb.length, 2410);
  assert.equal(sha256(cdb), 'c5a3823d3e2b4d5536733ce676c7725ba5796e150554259106d889035adabb77');
});

test('fields under the names of the manual', () => {
  const [anna, second, postmaster] = vpasswdRecords(parse(three));
  assert.deepEqual(anna, {
    name: 'anna',
    passwd: '$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/',
    uid: '1',
    gid: '0',
    gecos: 'Anna',
    dir: '/home/vpopmail/domains/example.org/anna',
    quota: '10485760S,1000C',
    clearPasswd: 'password',
  });
  assert.equal(second?.gid, '2');
  assert.equal(postmaster?.clearPasswd, '', 'an empty eighth field is one');
});

test('a record of the cdb is the account without its name', () => {
  const data = (text: string): ReturnType<typeof parseVpasswdData> =>
    parseVpasswdData('joe', Buffer.from(text, 'latin1'));
  assert.deepEqual(data(joe.slice(4)), vpasswdRecords(parse(`${joe}\n`))[0]);
  assert.equal(data('x:1:0:g:/d:NOQUOTA')?.clearPasswd, undefined, 'seven fields: a build without clear passwords');
  assert.equal(
    data('x:1:0:g:/d:NOQUOTA:clear99:extra:fields')?.clearPasswd,
    'clear99:extra:fields',
    'it may hold colons',
  );
  assert.equal(data('x:1:0:g:/d:NOQUOTA:pw\r')?.clearPasswd, 'pw', 'a DOS line end is no part of the password');
  assert.equal(data('x:1:0:g:/d:NOQUOTA\r')?.quota, 'NOQUOTA', 'nor of the quota');
  assert.equal(data('x:1:0'), undefined, 'too few fields');
  assert.equal(data(''), undefined);
});

test('lines that are no accounts are kept, left out and reported', () => {
  const rows: [text: string, records: string[], cdbKeys: string[], told: [number, RegExp][], why: string][] = [
    [`${joe}\n\n`, ['joe'], ['joe'], [[2, /blank line/]], 'a blank line'],
    [`# comment\n${joe}\n`, ['joe'], ['joe'], [[1, /no colon/]], 'a comment'],
    ['a:x:1:0\n', [], ['a'], [[1, /seven fields, this line has 4/]], 'the cdb has short lines too, as in vpopmail'],
    [joe, ['joe'], [], [[1, /no line feed/]], 'vpopmail leaves an unended last line out of the cdb'],
    [`${joe}\r\n`, ['joe'], ['joe'], [[1, /DOS/]], 'a DOS line end'],
    [`${joe}\n${joe}\n`, ['joe', 'joe'], ['joe', 'joe'], [[2, /line 1 already/]], 'a name twice'],
    ['Joe:x:1:0:j:/d:NOQUOTA:\n', ['Joe'], ['Joe'], [[1, /capital letters/]], 'looked up in lower case only'],
    ['../x:x:1:0:j:/d:NOQUOTA:\n', ['../x'], ['../x'], [[1, /no name/]], 'leads out of the domain'],
    ['a:x:1:0:j:d:NOQUOTA:\n', ['a'], ['a'], [[1, /absolute path/]], 'a relative home'],
    ['a:x:1:def:j:/d:NOQUOTA:\n', ['a'], ['a'], [[1, /plain number/]], 'flags that are no number'],
    ['a:\0:1:0:j:/d:NOQUOTA:\n', ['a'], ['a'], [[1, /NUL/]], 'a NUL'],
    [`a:x:1:0:${'g'.repeat(300)}:/d:NOQUOTA:\n`, ['a'], ['a'], [[1, /bytes/]], "too long for the originals' buffer"],
  ];
  for (const [text, records, cdbKeys, told, why] of rows) {
    const document = parse(text);
    assert.equal(serializeVpasswd(document).toString('latin1'), text, why);
    assert.deepEqual(
      vpasswdRecords(document).map((record) => record.name),
      records,
      why,
    );
    assert.deepEqual(
      vpasswdCdbRecords(document).map((record) => record.key.toString('latin1')),
      cdbKeys,
      why,
    );
    const findings = vpasswdFindings(document);
    assert.deepEqual(
      findings.map((finding) => finding.line),
      told.map(([line]) => line),
      why,
    );
    for (const [index, [, pattern]] of told.entries()) assert.match(findings[index]?.text ?? '', pattern, why);
  }
  assert.deepEqual(vpasswdFindings(parse(three)), [], 'nothing is wrong with a good file');
});

test('numbers as vpopmail takes them (vpopmail/vpasswd-odd-lines)', () => {
  const rows: [text: string, value: number, why: string][] = [
    ['0', 0, ''],
    ['300000', 300000, ''],
    ['abc', 0, 'no digits'],
    ['', 0, 'nothing'],
    ['12abc', 12, 'digits at the start'],
    [' +5', 5, 'blank and sign'],
    ['-1', 4294967295, 'unsigned'],
    ['99999999999', 1215752191, 'cut to 32 bits, as recorded'],
    ['99999999999999999999', 4294967295, 'the largest long, cut'],
    ['-99999999999999999999', 0, 'the smallest long, cut'],
  ];
  for (const [text, value, why] of rows) assert.equal(accountNumber(text), value, `${text} ${why}`);
});

test('property: every file is written back as it was read', () => {
  const text = fc.string({ unit: fc.constantFrom(':', '\n', '\r', '\0', 'a', 'Z', '/', '.', ' ', '9', '\xff') });
  fc.assert(
    fc.property(text, (content) => {
      const document = parse(content);
      assert.equal(serializeVpasswd(document).toString('latin1'), content);
      for (const line of document.lines) {
        if (line.kind === 'record') assert.equal(vpasswdText(line.record), line.text.replace(/\r$/, ''));
      }
      vpasswdFindings(document);
      vpasswdCdbRecords(document);
    }),
  );
});

test('property: a record that is written is read as the same record', () => {
  const field = fc.string({ unit: fc.constantFrom('a', 'Z', '/', '.', ' ', '$', '9', '\xe9') });
  const record = fc.record(
    {
      name: field,
      passwd: field,
      uid: field,
      gid: field,
      gecos: field,
      dir: field,
      quota: field,
      clearPasswd: fc.option(
        fc.tuple(field, field).map((parts) => parts.join(':')),
        { nil: undefined },
      ),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(record, (fields) => {
      const line = vpasswdLine(vpasswdText(fields));
      assert.deepEqual(line.kind === 'record' && line.record, fields);
    }),
  );
});
