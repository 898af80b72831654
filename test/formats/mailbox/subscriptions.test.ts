import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  parseCourierSubscriptions,
  parseSubscriptions,
  serializeSubscriptions,
} from '../../../src/formats/mailbox/subscriptions.js';
import { recordedFilesNamed } from './recorded-files.js';

const parse = (text: string) => parseSubscriptions(Buffer.from(text, 'latin1'));

const rows: readonly [text: string, version: 1 | 2, names: readonly string[], why: string][] = [
  ['V\t2\n\nWork\tProj\n&ZeVnLIqe-\nINBOX\n', 2, ['Work.Proj', '&ZeVnLIqe-', 'INBOX'], 'version 2'],
  ['Work.Proj\nINBOX\n', 1, ['Work.Proj', 'INBOX'], 'version 1'],
  ['', 1, [], 'an empty file'],
  ['V\t2\n\n', 2, [], 'version 2 without names'],
  ['V\t2\n\na\x01tb\n', 2, ['a\tb'], 'an escaped TAB'],
  ['V\t2\n\na\na\ninbox\nINBOX\n', 2, ['a', 'INBOX'], 'names that are there twice'],
  ['a\n\nb', 1, ['a', 'b'], 'an empty line, and no LF at the end'],
];
for (const [text, version, names, why] of rows)
  test(`Dovecot's file: ${why}`, () => assert.deepEqual(parse(text), { version, names }));

test('written and read again', () => {
  const level = fc.stringMatching(/^[\x01-\x2d\x2f-\x7e]{1,10}$/);
  const name = fc.array(level, { minLength: 1, maxLength: 3 }).map((levels) => levels.join('.'));
  fc.assert(
    fc.property(fc.uniqueArray(name), (all) => {
      const names = all.filter((text) => text.toUpperCase() !== 'INBOX');
      assert.deepEqual(parseSubscriptions(serializeSubscriptions({ version: 2, names })), { version: 2, names });
    }),
  );
});

test("Courier's file: the prefix goes, UTF-8 becomes modified UTF-7", () => {
  const text = 'INBOX\nINBOX.Work\ninbox.Entw\u00fcrfe\nINBOX.&ZeVnLIqe-\n#shared.x\n\nINBOX.\nINBOX.Work\n';
  assert.deepEqual(parseCourierSubscriptions(Buffer.from(text)), ['INBOX', 'Work', 'Entw&APw-rfe', '&ZeVnLIqe-']);
});

test("Courier's recorded files", () => {
  const found = recordedFilesNamed('courierimapsubscribed').map(({ bytes }) =>
    parseCourierSubscriptions(bytes).join(' '),
  );
  assert.ok(found.includes('INBOX &ZeVnLIqe-'));
  assert.ok(found.includes('Sent Work.Projects Gone'));
});
