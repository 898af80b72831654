// Messages that are anything: reading their structure and fields has a result, the same whatever pieces they come in, within the message; and long ones of any monotony end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseRfc5322Date } from '../../src/mail/dates.js';
import { baseSubject } from '../../src/protocols/imap/base-subject.js';
import { formatBodyStructure, formatEnvelope } from '../../src/protocols/imap/envelope.js';
import { parseAddresses } from '../../src/protocols/mime/addresses.js';
import { Charsets } from '../../src/protocols/mime/charset.js';
import {
  parseContentDisposition,
  parseContentLanguage,
  parseContentType,
} from '../../src/protocols/mime/content-fields.js';
import { decodeHeaderText } from '../../src/protocols/mime/encoded-words.js';
import { filterFields } from '../../src/protocols/mime/header-lines.js';
import { messageIdsOf } from '../../src/protocols/mime/message-ids.js';
import { previewOf } from '../../src/protocols/mime/preview.js';
import { searchableHeader } from '../../src/protocols/mime/searchable-header.js';
import { type MimePart, parseStructure, StructureParser } from '../../src/protocols/mime/structure.js';
import { transferDecoder } from '../../src/protocols/mime/transfer-encoding.js';

const charsets = new Charsets();

/** Everything that is done with a text that a message may hold. */
const readers: Readonly<Record<string, (text: string) => unknown>> = {
  structure: (text) => told(parseStructure(Buffer.from(text, 'latin1'))),
  body: (text) => told(parseStructure(Buffer.from(`Content-Type: multipart/mixed; boundary=b\n\n${text}`, 'latin1'))),
  type: (text) => told(parseStructure(Buffer.from(`Content-Type: ${text}\n\n`, 'latin1'))),
  addresses: parseAddresses,
  words: (text) => decodeHeaderText(text, charsets),
  contentType: parseContentType,
  disposition: parseContentDisposition,
  language: parseContentLanguage,
  ids: messageIdsOf,
  date: parseRfc5322Date,
  subject: baseSubject,
  preview: (text) => previewOf(text, false),
  html: (text) => previewOf(text, true),
  header: (text) => searchableHeader(Buffer.from(text, 'latin1'), charsets),
  parameters: (text) => searchableHeader(Buffer.from(`Content-Disposition: attachment; ${text}`, 'latin1'), charsets),
  fields: (text) => filterFields(Buffer.from(text, 'latin1'), new Set(['a']), true),
  base64: (text) => decoded('base64', text),
  quotedPrintable: (text) => decoded('quoted-printable', text),
};

function told(part: MimePart): string {
  return formatEnvelope(part.fields) + formatBodyStructure(part, true);
}

function decoded(encoding: string, text: string): Buffer {
  const decoder = transferDecoder(encoding);
  assert.ok(decoder);
  return Buffer.concat([decoder.write(Buffer.from(text, 'latin1')), decoder.end()]);
}

const units = [
  ...' |\n|\r\n|\t|(|)|"|\\|<|>|@|,|;|:|=|[|]|a|-|*|%|&|&#|\0|\xff|\r|\x1b$B'.split('|'),
  ...'=?|?=|=?utf-8?q?a?=|=?utf-8?q?a?= |=?utf-8?b?YQ==?=\n |re:|re: |[a]|(fwd)| (fwd)|[fwd:|a |a=|a*0=b;|a=b;|<@|a<|:;|g:|@a,|<a@b> |"a|\\"'.split(
    '|',
  ),
  ...[
    "a*0*=utf-8''b;",
    '--b\n',
    '--b--\n',
    '\n-',
    '\n--',
    '<!--',
    '<script',
    '<a',
    '> ',
    '>\n',
    '=20',
    '= ',
    '=\n',
    ' \n',
    'a: b\n',
    ':\n',
  ],
  '--b\nContent-Type: multipart/mixed; boundary=b\n\n',
  'Content-Type: message/rfc822\n\n',
];
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(...units),
      fc.uint8Array({ maxLength: 5 }).map((array) => Buffer.from(array).toString('latin1')),
    ),
    { maxLength: 40 },
  )
  .map((pieces) => pieces.join(''));

test('any text is read as something', () => {
  fc.assert(
    fc.property(text, (each) => {
      for (const read of Object.values(readers)) read(each);
    }),
    { numRuns: 1500 },
  );
});

test('the structure is the same whatever pieces a message comes in, and lies within it', () => {
  fc.assert(
    fc.property(text, fc.array(fc.nat(200)), (each, cuts) => {
      const message = Buffer.from(`Content-Type: multipart/mixed; boundary=b\n\n${each}`, 'latin1');
      const whole = parseStructure(message);
      const parser = new StructureParser();
      const places = [0, ...cuts.filter((cut) => cut < message.length).sort((a, b) => a - b), message.length];
      for (const [index, cut] of places.slice(1).entries()) parser.write(message.subarray(places[index], cut));
      assert.deepEqual(parser.end(), whole);
      mustBeWithin(whole, 0, message.length);
    }),
    { numRuns: 1500 },
  );
});

function mustBeWithin(part: MimePart, from: number, to: number): void {
  const end = part.start + part.header.bytes + part.body.bytes;
  assert.ok(part.start >= from && end <= to, `${part.start} to ${end} in ${from} to ${to}`);
  for (const child of part.children) mustBeWithin(child, part.start, Math.max(end, part.start));
}

test('a long text of one thing is read in a time that grows with it', { timeout: 120_000 }, () => {
  const bytes = 20_000;
  for (const unit of units)
    for (const tail of ['', 'x\n'])
      for (const read of Object.values(readers)) read(unit.repeat(Math.ceil(bytes / unit.length)) + tail);
});
