import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  effectiveFlags,
  limitsFindings,
  limitsFlagMask,
  limitsOf,
  noLimits,
  parseDomainLimits,
  parseLimitsDocument,
  serializeDomainLimits,
  serializeLimitsDocument,
} from '../../../src/formats/vpopmail/domain-limits.js';
import { flagBits } from '../../../src/formats/vpopmail/vpasswd-flags.js';
import { contentOf, loadRecording } from '../../support/recording.js';

function parse(text: string): ReturnType<typeof parseDomainLimits> {
  return parseDomainLimits(Buffer.from(text, 'latin1'));
}

test('forms of a line', () => {
  const rows: [text: string, expected: Partial<ReturnType<typeof parse>>, why: string][] = [
    ['', {}, 'an empty file limits nothing'],
    ['maxpopaccounts: 10\n', { maxpopaccounts: 10 }, "the tools' form"],
    [
      'maxpopaccounts\t\t-1\nmaxaliases 3',
      { maxpopaccounts: -1, maxaliases: 3 },
      "the default file's form, no last LF",
    ],
    ['quota:50\rdefault_quota : 7\n', { quota: 50, default_quota: 7 }, 'CR ends a line too'],
    ['disable_pop 0\n', { disable_pop: true }, 'presence sets it'],
    ['#disable_pop\n # disable_imap\n disable_smtp\n', {}, 'comments, and a blank in front'],
    ['maxpopaccounts abc\n', { maxpopaccounts: 0 }, 'no number is zero, as recorded'],
    ['quota 1\nquota 2\n', { quota: 2 }, 'the last line counts'],
    ['unknown_word 5\n', {}, 'unknown keys'],
  ];
  for (const [text, expected, why] of rows) assert.deepEqual(parse(text), { ...noLimits, ...expected }, why);
});

test('only the first 2048 bytes are read', () => {
  const padding = `#${'x'.repeat(2037)}\n`;
  assert.equal(parse(`${padding}quota 12345\n`).quota, 123, 'the line that is cut is read up to there');
  assert.equal(parse(`${padding}##########\nquota 1\n`).quota, 0);
  const findings = limitsFindings(parseLimitsDocument(Buffer.from(`${padding}quota 12345\n`)));
  assert.match(findings[0]?.text ?? '', /first 2048 bytes/);
  assert.equal(findings[0]?.line, 2);
});

test('what vmoddomlimits writes, and reads of its own (vpopmail/moddomlimits)', () => {
  let seen = 0;
  for (const step of loadRecording('vpopmail', 'moddomlimits').steps) {
    for (const [path, entry] of Object.entries(step.changed ?? {})) {
      if (!/\/(\.qmailadmin-limits|vlimits\.default)$/.test(path) || entry === null || entry.size === undefined)
        continue;
      const bytes = contentOf(entry);
      assert.equal(serializeDomainLimits(parseDomainLimits(bytes)).toString(), bytes.toString(), path);
      seen++;
    }
  }
  assert.ok(seen >= 8, `${seen} files`);
});

test('the flags that limits set', () => {
  const limits = { ...noLimits, disable_pop: true, disable_external_relay: true, delete_spam: true };
  assert.equal(limitsFlagMask(limits), flagBits('NO_POP', 'NO_RELAY', 'DELETE_SPAM'));
  assert.equal(effectiveFlags(flagBits('NO_IMAP'), limits), flagBits('NO_IMAP', 'NO_POP', 'NO_RELAY', 'DELETE_SPAM'));
  assert.equal(effectiveFlags(flagBits('V_OVERRIDE'), limits), flagBits('V_OVERRIDE'), 'not subject to limits');
  assert.equal(effectiveFlags(flagBits('NO_IMAP'), undefined), flagBits('NO_IMAP'), 'no limits can be read');
  const all = parse(
    'disable_pop\ndisable_imap\ndisable_dialup\ndisable_password_changing\ndisable_webmail\ndisable_external_relay\ndisable_smtp\ndisable_spamassassin\ndelete_spam\ndisable_maildrop\n',
  );
  assert.equal(limitsFlagMask(all), 0x4c86f);
});

test('findings', () => {
  const text = '# fine\nmaxpopaccounts 5\ndisable_pop 0\n quota 5\nmaxpopacounts 5\n';
  const findings = limitsFindings(parseLimitsDocument(Buffer.from(text)));
  assert.deepEqual(
    findings.map((finding) => finding.line),
    [3, 4, 5],
  );
});

test('property: a file is written back as it was read; limits that are written are read', () => {
  const unit = fc.constantFrom('disable_pop', 'quota', ':', ' ', '\t', '\n', '\r', '#', '5', '-', 'x', '\xff', '\0');
  fc.assert(
    fc.property(
      fc.array(unit).map((parts) => parts.join('')),
      (text) => {
        const document = parseLimitsDocument(Buffer.from(text, 'latin1'));
        assert.equal(serializeLimitsDocument(document).toString('latin1'), text);
        const limits = limitsOf(document);
        assert.deepEqual(parseDomainLimits(serializeDomainLimits(limits)), limits);
        limitsFindings(document);
      },
    ),
  );
});
