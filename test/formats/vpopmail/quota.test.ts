import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  exceeds,
  isUnlimited,
  normaliseQuota,
  parseQuota,
  percentUsed,
  quotaLineFor,
  serializeQuota,
} from '../../../src/formats/vpopmail/quota.js';
import { parseVpasswd, vpasswdRecords } from '../../../src/formats/vpopmail/vpasswd.js';
import { contentOf, loadRecording } from '../../support/recording.js';

test('what is stored is what vadduser -q stored, but for G and T (vpopmail/adduser-quota)', () => {
  const differs = new Map([
    ['1G', '1073741824S'],
    ['1T', '1099511627776S'],
  ]);
  let seen = 0;
  for (const step of loadRecording('vpopmail', 'adduser-quota').steps) {
    const [program, option, quota, address] = step.run ?? [];
    const vpasswd = step.changed?.['/home/vpopmail/domains/example.jp/vpasswd'];
    if (!program?.endsWith('/vadduser') || option !== '-q' || quota === undefined || !vpasswd) continue;
    const name = address?.split('@')[0];
    const stored = vpasswdRecords(parseVpasswd(contentOf(vpasswd))).find((record) => record.name === name)?.quota;
    // An empty argument sets no quota at all; a negative one is refused and leaves the quota as it was.
    if (quota === '') continue;
    if (quota.startsWith('-')) assert.equal(normaliseQuota(quota), undefined, quota);
    else assert.equal(normaliseQuota(quota), differs.get(quota) ?? stored, quota);
    seen++;
  }
  assert.equal(seen, 28);
});

test('forms of a quota', () => {
  const rows: [input: string, stored: string | undefined, why: string][] = [
    ['10MS,1000C', '10485760S,1000C', 'both kinds'],
    ['1000C,10MB', '10485760S,1000C', 'in any order'],
    ['10mbs', '10485760S', 'case does not matter for a size'],
    ['500c', '500S', 'a count has a capital C'],
    ['1C,2C', '2C', 'a later part of a kind overrides'],
    ['2gb', '2147483648S', 'G means G'],
    ['1TB,5C', '1099511627776S,5C', 'T means T'],
    ['9999999T', '9223372036854775807S', 'never above the largest number that the originals hold'],
    ['ABC', '', 'no number'],
    ['1,000', '', 'the later part is zero'],
    ['-5C', undefined, 'a negative count'],
  ];
  for (const [input, stored, why] of rows) assert.equal(normaliseQuota(input), stored, `${input}: ${why}`);
});

test('the line of a maildirsize that delivery makes is in bytes', () => {
  for (const [stored, line] of [
    ['5M', '5242880S'],
    ['1000', '1000S'],
    ['1K,5C', '1024S,5C'],
    ['2000S,5C', '2000S,5C'],
  ] as const)
    assert.equal(quotaLineFor(stored), line);
});

test('what delivery goes by', () => {
  assert.deepEqual(parseQuota('10485760S,1000C'), { sizeBytes: 10485760, count: 1000 });
  assert.deepEqual(parseQuota('2C'), { count: 2 });
  assert.deepEqual(parseQuota('5G'), { sizeBytes: 5 * 2 ** 30 }, 'written by hand');
  for (const text of ['NOQUOTA', 'NOPE', '', '0S', '0S,0C', 'abc', '-5S'])
    assert.ok(isUnlimited(parseQuota(text)), text);
  assert.ok(!isUnlimited(parseQuota('1C')));
});

test('over and nearly over', () => {
  const quota = { sizeBytes: 1000, count: 5 };
  assert.equal(exceeds({ bytes: 1000, count: 5 }, quota), false, 'exactly full is not over');
  assert.equal(exceeds({ bytes: 1001, count: 1 }, quota), true);
  assert.equal(exceeds({ bytes: 1, count: 6 }, quota), true);
  assert.equal(exceeds({ bytes: 1e9, count: 1e9 }, {}), false);
  assert.equal(percentUsed({ bytes: 899, count: 1 }, quota), 89, 'whole percent, cut');
  assert.equal(percentUsed({ bytes: 1, count: 5 }, quota), 100, 'the limit that is nearer');
  assert.equal(percentUsed({ bytes: -10, count: 0 }, quota), 0);
  assert.equal(percentUsed({ bytes: 10, count: 10 }, {}), 0);
});

test('property: the stored form is stable, and nothing throws', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (sizeBytes, count) => {
      const quota = { ...(sizeBytes > 0 && { sizeBytes }), ...(count > 0 && { count }) };
      const stored = serializeQuota(quota);
      assert.deepEqual(parseQuota(stored), quota);
      assert.equal(normaliseQuota(stored), stored);
    }),
  );
  const unit = fc.constantFrom('1', '9', '0', 'S', 'C', 'M', 'g', 'K', ',', '-', '+', ' ', 'B', 'x');
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      parseQuota(text);
      const stored = normaliseQuota(text);
      if (stored !== undefined) assert.equal(normaliseQuota(stored), stored, 'normal already');
    }),
  );
});
