import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  flagsOf,
  hostInName,
  isMessageName,
  parseMaildirBase,
  parseMaildirName,
  serializeMaildirName,
  sizedName,
  UniqueNames,
  withFlags,
} from '../../../src/formats/maildir/maildir-name.js';

test('names of every writer', () => {
  type Row = [
    name: string,
    base: string,
    info: string | undefined,
    seconds: number | undefined,
    more: object,
    why: string,
  ];
  const none = { microseconds: undefined, sizeBytes: undefined, wireSizeBytes: undefined };
  const rows: Row[] = [
    [
      '1795487598.38.mail.example.gr.jp,S=168',
      '1795487598.38.mail.example.gr.jp,S=168',
      undefined,
      1795487598,
      { ...none, sizeBytes: 168 },
      'vdelivermail',
    ],
    [
      '1795487656.27.mail.example.gr.jp',
      '1795487656.27.mail.example.gr.jp',
      undefined,
      1795487656,
      none,
      'qmail-local',
    ],
    [
      '1795485529.M972479P30976.vm,S=133,W=141:2,FS',
      '1795485529.M972479P30976.vm,S=133,W=141',
      '2,FS',
      1795485529,
      { microseconds: 972479, sizeBytes: 133, wireSizeBytes: 141 },
      'Dovecot',
    ],
    [
      '1795485529.I1a2bV801M5P77.h\\057o\\072st',
      '1795485529.I1a2bV801M5P77.h\\057o\\072st',
      undefined,
      1795485529,
      { ...none, microseconds: 5 },
      'the uniqueness patch',
    ],
    ['1795480005.e:mid.x:2,S', '1795480005.e', 'mid.x:2,S', 1795480005, none, 'a colon within'],
    ['odd,S=12x,W=', 'odd,S=12x,W=', undefined, undefined, none, 'sizes that are no numbers'],
    [
      '1.2.h,W=9,X=1,S=8',
      '1.2.h,W=9,X=1,S=8',
      undefined,
      1,
      { ...none, sizeBytes: 8, wireSizeBytes: 9 },
      'any order, unknown keys',
    ],
    ['1.2.h,S=99999999999999999', '1.2.h,S=99999999999999999', undefined, 1, none, 'a size that no file has'],
    ['1.2.h,S=1,S=2', '1.2.h,S=1,S=2', undefined, 1, { ...none, sizeBytes: 1 }, 'the first of two'],
    ['1.2M3.h', '1.2M3.h', undefined, 1, { ...none, microseconds: 3 }, 'pid first, as here'],
    ['1.2.M3', '1.2.M3', undefined, 1, none, 'M in the host is no microseconds'],
  ];
  for (const [name, base, info, unixSeconds, more, why] of rows) {
    assert.deepEqual(parseMaildirName(name), { base, info }, why);
    const unique = base.split(',')[0];
    assert.deepEqual(parseMaildirBase(base), { unique, unixSeconds, ...more }, why);
  }
});

test('which entries are messages', () => {
  for (const name of ['1.2.h', 'x', ':2,S', '1.2.h:2,']) assert.ok(isMessageName(name), name);
  for (const name of ['', '.', '..', '.hidden', 'a\nb', 'a\rb']) assert.ok(!isMessageName(name), JSON.stringify(name));
});

test('flags, as Dovecot changes them (formats/dovecot.md 1.5)', () => {
  const rows: [name: string, flags: string, letters: string, changed: string, why: string][] = [
    ['b:2,PS', 'PS', 'DFPS', 'b:2,DFPS', 'in ASCII order'],
    ['b:2,S,extra', 'S', 'DFS', 'b:2,DFS,extra', 'a second comma group stays'],
    ['b:2,SaZ', 'SaZ', 'DFSZa', 'b:2,DFSZa', 'keywords after capitals'],
    ['b:1,foo', '', 'DF', 'b:2,DF', 'another info has no flags'],
    ['b', '', 'FD', 'b:2,DF', 'no info'],
    ['b:2,TS', 'TS', 'TTS', 'b:2,ST', 'order and repeats of other writers'],
    ['b:2,', '', '', 'b:2,', 'no flags'],
    ['1795480005.e:mid.x:2,S', 'S', 'F', '1795480005.e:mid.x:2,F', 'what stands before the flags stays'],
    ['b,S=5:2,S', 'S', '', 'b,S=5:2,', 'the base stays'],
  ];
  for (const [name, flags, letters, changed, why] of rows) {
    assert.equal(flagsOf(name), flags, why);
    assert.equal(withFlags(name, letters), changed, why);
  }
});

test("the host's name in a file name", () => {
  assert.equal(hostInName('mail.example.gr.jp'), 'mail.example.gr.jp');
  assert.equal(hostInName('a/b:c,d'), 'a\\057b\\072c\\054d', 'what a name may not hold');
  assert.equal(hostInName('a b\n\xe9'), 'a\\040b\\012\\351');
  assert.equal(hostInName('x'.repeat(64)), 'x'.repeat(32), 'cut as vdelivermail does');
});

test('a name as it is written into tmp and new', () => {
  const names = new UniqueNames({ pid: 90251, hostName: 'mail.example.gr.jp' }, () => 1795487598_038_012);
  const unique = names.next();
  assert.equal(unique, '1795487598.90251M38012.mail.example.gr.jp');
  assert.equal(sizedName(unique, 168), '1795487598.90251M38012.mail.example.gr.jp,S=168');
  const base = parseMaildirBase(sizedName(unique, 168));
  assert.deepEqual([base.unixSeconds, base.microseconds, base.sizeBytes], [1795487598, 38012, 168]);
});

test('the longest usual name has 70 characters, the limit of a UIDL', () => {
  const names = new UniqueNames({ pid: 4194304, hostName: 'h'.repeat(40) }, () => 1795487598_999_000);
  assert.equal(sizedName(names.next(), 999_999_999).length, 70);
});

test('names rise while the clock stands still, and stay unique when it is set back', () => {
  let now = 1_000_000_000_000;
  const names = new UniqueNames({ pid: 1, hostName: 'h' }, () => now);
  assert.equal(names.next(), '1000000.1M0.h');
  assert.equal(names.next(), '1000000.1M1.h', 'the same instant');
  now -= 500_000;
  assert.equal(names.next(), '1000000.1M2.h', 'half a second back');
  now -= 3_600_000_000;
  assert.equal(names.next(), '996399.1M500000Q1.h', 'an hour back: the new time, counted');
  assert.equal(names.next(), '996399.1M500000Q2.h');
  now += 3_600_600_000;
  assert.equal(names.next(), '1000000.1M100000.h', 'past the old time');
});

test('property: no two names of processes of a host are equal, whatever the clock does', () => {
  const clock = fc.array(fc.integer({ min: -5_000_000, max: 5_000_000 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(fc.array(clock, { minLength: 1, maxLength: 3 }), (clocks) => {
      const seen = new Set<string>();
      let total = 0;
      for (const [pid, steps] of clocks.entries()) {
        let now = 1_700_000_000_000_000;
        const names = new UniqueNames({ pid, hostName: 'h' }, () => now);
        for (const step of steps) {
          seen.add(names.next());
          now += step;
          total++;
        }
      }
      assert.equal(seen.size, total);
    }),
  );
});

test('property: names come back as they were, and changing flags keeps the base', () => {
  const unit = fc.constantFrom(':', ',', '.', '2', 'S', '=', 'W', 'M', '9', 'a', '\n', '\xff');
  fc.assert(
    fc.property(fc.string({ unit }), fc.string({ unit: fc.constantFrom('S', 'T', 'F', 'a', 'z') }), (name, flags) => {
      assert.equal(serializeMaildirName(parseMaildirName(name)), name);
      const changed = withFlags(name, flags);
      assert.equal(parseMaildirName(changed).base, parseMaildirName(name).base);
      assert.deepEqual(new Set(flagsOf(changed)), new Set(flags));
      assert.equal(withFlags(changed, flags), changed);
      parseMaildirBase(name);
    }),
  );
});
