import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseVpasswd, type VpasswdRecord } from '../../../src/formats/vpopmail/vpasswd.js';
import {
  findRecord,
  insertRecords,
  nameOfLine,
  parseVpasswdText,
  recordsOf,
  removeRecord,
  replaceRecord,
  serializeVpasswdText,
  storedNumber,
  type VpasswdText,
  wholeRecord,
} from '../../../src/formats/vpopmail/vpasswd-lines.js';

const text = (content: string): VpasswdText => parseVpasswdText(Buffer.from(content, 'latin1'));
const shown = (lines: VpasswdText): string => serializeVpasswdText(lines).toString('latin1');
const record = (name: string): VpasswdRecord => ({
  name,
  passwd: 'h',
  uid: '1',
  gid: '0',
  gecos: name,
  dir: `/${name}`,
  quota: 'NOQUOTA',
  clearPasswd: 'c',
});
const line = (name: string): string => `${name}:h:1:0:${name}:/${name}:NOQUOTA:c\n`;

describe('vpasswd as lines', () => {
  const insertions: readonly (readonly [string, string, readonly string[], string])[] = [
    ['into an empty file', '', ['joe'], line('joe')],
    [
      'before the first greater name',
      `${line('ann')}${line('zoe')}`,
      ['joe'],
      `${line('ann')}${line('joe')}${line('zoe')}`,
    ],
    ['at the end', line('ann'), ['joe'], `${line('ann')}${line('joe')}`],
    ['by bytes, not by letters', `${line('Zoe')}${line('_x')}`, ['ann'], `${line('Zoe')}${line('_x')}${line('ann')}`],
    [
      'into disorder, which stays',
      `${line('postmaster')}${line('zed')}${line('ann')}`,
      ['max'],
      `${line('max')}${line('postmaster')}${line('zed')}${line('ann')}`,
    ],
    ['past a comment and a blank line', `# zzz\n\n${line('zoe')}`, ['joe'], `# zzz\n\n${line('joe')}${line('zoe')}`],
    ['after a last line without its LF', line('ann').slice(0, -1), ['joe'], `${line('ann')}${line('joe')}`],
    [
      'several, in any order',
      `${line('b')}${line('d')}`,
      ['e', 'a', 'c'],
      ['a', 'b', 'c', 'd', 'e'].map(line).join(''),
    ],
  ];
  for (const [why, before, names, after] of insertions) {
    it(`inserts ${why}`, () => assert.equal(shown(insertRecords(text(before), names.map(record))), after));
  }

  it('many at once end where they would one after another', () => {
    const name = fc.stringMatching(/^[a-z]{1,3}$/);
    fc.assert(
      fc.property(fc.array(name), fc.uniqueArray(name), (there, added) => {
        const fresh = added.filter((one) => !there.includes(one));
        const before = text(there.map(line).join(''));
        let single = before;
        for (const one of fresh) single = insertRecords(single, [record(one)]);
        assert.equal(shown(insertRecords(before, fresh.map(record))), shown(single));
      }),
    );
  });

  it('replaces and removes every line of a name, and nothing else', () => {
    const before = text(`# joe\n${line('joe')}joey:x\njoe:old\n${line('zoe')}`);
    assert.equal(
      shown(replaceRecord(before, 'joe', record('joe'))),
      `# joe\n${line('joe')}joey:x\n${line('joe')}${line('zoe')}`,
    );
    assert.equal(shown(removeRecord(before, 'joe')), `# joe\njoey:x\n${line('zoe')}`);
  });

  it('reads a record as vpopmail does: missing fields empty, the rest of the line in the last', () => {
    const empty = { gecos: '', dir: '', quota: '', clearPasswd: '' };
    assert.deepEqual(wholeRecord('joe', 'h:1'), { name: 'joe', passwd: 'h', uid: '1', gid: '', ...empty });
    assert.equal(wholeRecord('joe', 'h:1:0:g:/d:q:a:b:c').clearPasswd, 'a:b:c');
    assert.equal(findRecord(text('joe:h:1:0:g:/d:q:c\r\n'), 'joe')?.clearPasswd, 'c\r', 'a DOS line');
    assert.equal(findRecord(text('joey:h\n'), 'joe'), undefined);
  });

  it('lists what has seven fields', () => {
    const names = [...recordsOf(text(`# c\n\nshort:h:1:0\n${line('joe')}seven:h:1:0:g:/d:q\n`))].map(
      ({ name }) => name,
    );
    assert.deepEqual(names, ['joe', 'seven']);
    assert.equal(nameOfLine({ text: 'no colon', end: '\n' }), undefined);
  });

  it('writes numbers as vpopmail does', () => {
    const rows = { '0': '0', '2048': '2048', abc: '0', '-1': '-1', '4294967295': '-1', '99999999999': '1215752191' };
    for (const [field, stored] of Object.entries(rows)) assert.equal(storedNumber(field), stored, field);
  });

  it('keeps every byte but for the LF at the end', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const given = Buffer.from(bytes);
        const end = given.length > 0 && given.at(-1) !== 0x0a ? '\n' : '';
        assert.equal(shown(parseVpasswdText(given)), given.toString('latin1') + end);
        assert.equal(parseVpasswdText(given).lines.length, parseVpasswd(given).lines.length);
      }),
    );
  });
});
