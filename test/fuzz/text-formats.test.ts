// Damaged files: every recorded text file cut short at every byte, with bytes changed at random, and files of random bytes. No parser of a text format may
// throw, and each gives back what it read. Large hostile files are read in one go, so a parser that takes quadratic time would be noticed by whoever
// waits for this test.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  assignFindings,
  assignRecords,
  parseAssign,
  parseAssignmentValue,
  serializeAssign,
} from '../../src/formats/controls/users-assign.js';
import { parseAccountDotQmail, serializeAccountDotQmail } from '../../src/formats/dot-qmail/account-dot-qmail.js';
import { parseDotQmail, parseVdelivermail, serializeDotQmail } from '../../src/formats/dot-qmail/dot-qmail.js';
import {
  isSound,
  maildirsizeUsage,
  parseMaildirsize,
  serializeMaildirsize,
} from '../../src/formats/maildir/maildirsize.js';
import { parseDirControl } from '../../src/formats/vpopmail/dir-control.js';
import {
  limitsFindings,
  parseDomainLimits,
  parseLimitsDocument,
  serializeLimitsDocument,
} from '../../src/formats/vpopmail/domain-limits.js';
import { parseIpAliasMap, serializeIpAliasMap } from '../../src/formats/vpopmail/ip-alias-map.js';
import { parseOpenSmtp, relayRules, serializeOpenSmtp } from '../../src/formats/vpopmail/open-smtp.js';
import {
  parseVpasswd,
  parseVpasswdData,
  serializeVpasswd,
  vpasswdCdbRecords,
  vpasswdFindings,
} from '../../src/formats/vpopmail/vpasswd.js';
import { deliveredToLines } from '../../src/mail/header.js';
import { contentOf, type Entry, loadRecording, recordingNames } from '../support/recording.js';

/** Reads a file with a parser and everything that is asked of its document; gives back what would be written. */
const readers: Record<string, (bytes: Buffer) => Buffer> = {
  vpasswd: (bytes) => {
    const document = parseVpasswd(bytes);
    vpasswdFindings(document);
    vpasswdCdbRecords(document);
    return serializeVpasswd(document);
  },
  assign: (bytes) => {
    const document = parseAssign(bytes);
    assignFindings(document);
    assignRecords(document);
    return serializeAssign(document);
  },
  'qmail-local': (bytes) => {
    const lines = parseDotQmail(bytes);
    for (const line of lines) if (line.kind === 'program') parseVdelivermail(line.command);
    return serializeDotQmail(lines);
  },
  vdelivermail: (bytes) => serializeAccountDotQmail(parseAccountDotQmail(bytes)),
  maildirsize: (bytes) => {
    const document = parseMaildirsize(bytes);
    isSound(document);
    const { bytes: sum, count } = maildirsizeUsage(document);
    assert.ok(Number.isFinite(sum) && Number.isFinite(count));
    return serializeMaildirsize(document);
  },
  limits: (bytes) => {
    const document = parseLimitsDocument(bytes);
    limitsFindings(document);
    parseDomainLimits(bytes);
    return serializeLimitsDocument(document);
  },
  'ip-alias-map': (bytes) => serializeIpAliasMap(parseIpAliasMap(bytes)),
  'open-smtp': (bytes) => {
    const document = parseOpenSmtp(bytes);
    relayRules(document);
    return serializeOpenSmtp(document);
  },
  'values and headers': (bytes) => {
    parseDirControl(bytes);
    parseAssignmentValue(bytes);
    parseVpasswdData('joe', bytes);
    deliveredToLines(bytes);
    return bytes;
  },
};

/** Some recorded text files of each kind that the readers are for. */
function samples(): Buffer[] {
  const wanted = /\/(vpasswd|assign|maildirsize|open-smtp|ip_alias_map|vlimits\.default|\.dir-control|\.qmail[^/]*)$/;
  const found = new Map<string, Buffer>();
  for (const [kind, name] of [...recordingNames('vpopmail'), 'dot-qmail-syntax', 'maildirsize-states'].map((n) => [
    recordingNames('vpopmail').includes(n) ? 'vpopmail' : 'delivery',
    n,
  ])) {
    const recording = loadRecording(kind ?? '', name ?? '');
    const files: [string, Entry | string | null][] = [
      ...Object.entries(recording.before),
      ...recording.steps.flatMap((step) => Object.entries({ ...step.changed, ...step.write })),
    ];
    for (const [file, entry] of files) {
      const last = wanted.exec(file)?.[1];
      if (last === undefined || entry === null) continue;
      const bytes = contentOf(typeof entry === 'string' ? { text: entry } : entry);
      if (bytes.length < 1500) found.set(`${last} ${bytes.length % 7}`, bytes);
    }
  }
  return [...found.values()];
}

const recorded = samples();

test('recorded files cut short at every byte', () => {
  assert.ok(recorded.length > 30, `${recorded.length} samples`);
  for (const sample of recorded) {
    for (let length = 0; length <= sample.length; length++) {
      const cut = sample.subarray(0, length);
      for (const [name, read] of Object.entries(readers)) assert.ok(read(cut).equals(cut), `${name}, ${length} bytes`);
    }
  }
});

test('property: recorded files with bytes changed at random', () => {
  const change = fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(0, 9, 10, 13, 32, 35, 46, 58)));
  fc.assert(
    fc.property(fc.constantFrom(...recorded), fc.array(change, { maxLength: 20 }), (sample, changes) => {
      const bytes = Buffer.from(sample);
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      for (const [name, read] of Object.entries(readers)) assert.ok(read(bytes).equals(bytes), name);
    }),
    { numRuns: 1000 },
  );
});

test('property: random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (array) => {
      const bytes = Buffer.from(array);
      for (const [name, read] of Object.entries(readers)) assert.ok(read(bytes).equals(bytes), name);
    }),
    { numRuns: 1000 },
  );
});

test('large hostile files', () => {
  for (const unit of [' ', ':', '\n', '\0', '9', 'a:', '\t\n', '.\n', '| \n', "'", '\\', ',S=', 'x'.repeat(1000)]) {
    const bytes = Buffer.from(unit.repeat(Math.ceil(100_000 / unit.length)));
    for (const [name, read] of Object.entries(readers)) assert.ok(read(bytes).equals(bytes), `${name} ${unit}`);
  }
});
