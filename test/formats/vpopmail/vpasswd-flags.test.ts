import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { accountNumber, parseVpasswd, vpasswdRecords } from '../../../src/formats/vpopmail/vpasswd.js';
import {
  type AccountFlag,
  accountFlags,
  flagBits,
  hasFlag,
  parseFlags,
  serializeFlags,
  withFlag,
} from '../../../src/formats/vpopmail/vpasswd-flags.js';
import { contentOf, loadRecording } from '../../support/recording.js';

test('the letter of vmoduser sets the flag of that name (vpopmail/moduser-flags)', () => {
  const flagOfLetter: Record<string, AccountFlag> = {
    d: 'NO_PASSWD_CHNG',
    p: 'NO_POP',
    w: 'NO_WEBMAIL',
    i: 'NO_IMAP',
    b: 'BOUNCE_MAIL',
    r: 'NO_RELAY',
    u: 'NO_DIALUP',
    '0': 'V_USER0',
    '1': 'V_USER1',
    '2': 'V_USER2',
    '3': 'V_USER3',
    s: 'NO_SMTP',
    a: 'QA_ADMIN',
    o: 'V_OVERRIDE',
    f: 'NO_SPAMASSASSIN',
    F: 'DELETE_SPAM',
    S: 'SA_ADMIN',
    E: 'SA_EXPERT',
    m: 'NO_MAILDROP',
  };
  const told: [string, string][] = [];
  for (const step of loadRecording('vpopmail', 'moduser-flags').steps) {
    const [, clear, option, address] = step.run ?? [];
    const vpasswd = step.changed?.['/home/vpopmail/domains/example.jp/vpasswd'];
    if (clear !== '-x' || address !== 'joe@example.jp' || option === undefined || !vpasswd) continue;
    const joe = vpasswdRecords(parseVpasswd(contentOf(vpasswd))).find((account) => account.name === 'joe');
    told.push([option.slice(1), [...parseFlags(accountNumber(joe?.gid ?? '')).flags].join()]);
  }
  assert.deepEqual(Object.fromEntries(told), flagOfLetter);
});

test('words and names', () => {
  assert.equal(flagBits('NO_POP', 'BOUNCE_MAIL'), 0x12);
  assert.equal(withFlag(0x12, 'NO_POP', false), 0x10);
  assert.equal(withFlag(0xffffffff, 'NO_POP', false), 0xfffffffd, 'unsigned');
  assert.deepEqual(parseFlags(0x80000003), {
    flags: new Set(['NO_PASSWD_CHNG', 'NO_POP']),
    unknownBits: 0x80000000,
  });
  assert.equal(new Set(accountFlags.map(([, bit]) => bit)).size, 19, 'every flag has a bit of its own');
});

test('property: a word is the same after it was taken apart; changing a flag changes only its bit', () => {
  const flag = fc.constantFrom(...accountFlags);
  fc.assert(
    fc.property(fc.nat(0xffffffff), flag, fc.boolean(), (word, [name, bit], isSet) => {
      assert.equal(serializeFlags(parseFlags(word)), word);
      const changed = withFlag(word, name, isSet);
      assert.equal(hasFlag(changed, name), isSet);
      assert.equal((changed | bit) >>> 0, (word | bit) >>> 0);
    }),
  );
});
