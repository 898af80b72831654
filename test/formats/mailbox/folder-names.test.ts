import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  directoriesOfFolder,
  directoryOfNewFolder,
  folderNameProblem,
  folderOfDirectory,
} from '../../../src/formats/mailbox/folder-names.js';
import { decodeModifiedUtf7, encodeModifiedUtf7 } from '../../../src/formats/mailbox/modified-utf7.js';

const texts: readonly [encoded: string, text: string, why: string][] = [
  ['&ZeVnLIqe-', '日本語', 'three letters'],
  ['R&-D', 'R&D', 'an ampersand'],
  ['Entw&APw-rfe', 'Entwürfe', 'a letter inside'],
  ['&2D3eAA-', '😀', 'a pair of surrogates'],
  ['~peter/mail/&U,BTFw-/&ZeVnLIqe-', '~peter/mail/台北/日本語', "RFC 3501's example"],
];
for (const [encoded, text, why] of texts) {
  test(`modified UTF-7: ${why}`, () => {
    assert.equal(encodeModifiedUtf7(text), encoded);
    assert.equal(decodeModifiedUtf7(encoded), text);
  });
}

const notEncoded: readonly [name: string, why: string][] = [
  ['foo&bar', 'no end of the shifted part'],
  ['&AGE-', 'a letter that needs no encoding'],
  ['&ZeVn', 'cut off'],
  ['&ZeVn-&LIqe-', 'two parts where one would do'],
  ['Entw\xfcrfe', '8-bit'],
  ['&ZeVnLIq-', 'half a letter'],
];
for (const [name, why] of notEncoded)
  test(`not modified UTF-7: ${why}`, () => assert.equal(decodeModifiedUtf7(name), undefined));

test('every text comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) =>
      assert.equal(decodeModifiedUtf7(encodeModifiedUtf7(text)), text),
    ),
  );
});

/** Dovecot 2.3.19.1's answers to CREATE (formats/dovecot.md 1.2); undefined: OK. */
const names: readonly [name: string, problem: string | undefined][] = [
  ['x/y', "Mailbox name must not have '/' characters"],
  ['a..b', 'Has adjacent hierarchy separators'],
  ['.x', 'Begins with hierarchy separator'],
  ['~home', "Begins with '~'"],
  ['foo&bar', 'Mailbox name is not valid mUTF-7'],
  ['cur', undefined],
  ['a%b*', undefined],
  ['q"uo\\te', undefined],
  ['INBOX.sub', undefined],
  ['&ZeVnLIqe-', undefined],
  ['', 'Name is empty'],
  ['a'.repeat(255), 'Mailbox name is too long'],
  ['&AAo-', 'Mailbox name has control characters'],
];
for (const [name, problem] of names)
  test(`the name ${JSON.stringify(name.slice(0, 20))}`, () => assert.equal(folderNameProblem(name), problem));

const directories: readonly [directory: string, name: string | undefined, why: string][] = [
  ['.Work.Proj', 'Work.Proj', 'two levels'],
  ['.&ZeVnLIqe-', '&ZeVnLIqe-', 'modified UTF-7'],
  ['.\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e', '&ZeVnLIqe-', 'UTF-8, as Courier 5 writes it'],
  ['.lat\xfcin', 'lat&APw-in', 'Latin-1'],
  ['.foo&bar', 'foo&-bar', 'an ampersand that nobody encoded'],
  ['..DOVECOT-TRASHED', undefined, 'what Dovecot is removing'],
  ['.', undefined, 'the directory itself'],
  ['..', undefined, 'the one above'],
  ['cur', undefined, 'no dot'],
];
for (const [directory, name, why] of directories) {
  test(`a directory: ${why}`, () => {
    assert.equal(folderOfDirectory(directory), name);
    if (name !== undefined)
      assert.ok(directoriesOfFolder(name).includes(directory), JSON.stringify(directoriesOfFolder(name)));
  });
}

test('a new folder is found where it was made', () => {
  const level = fc.string({ minLength: 1, maxLength: 20 }).map(encodeModifiedUtf7);
  fc.assert(
    fc.property(
      fc.array(level, { minLength: 1, maxLength: 3 }),
      fc.constantFrom('modified-utf-7' as const, 'utf-8' as const),
      (levels, spelling) => {
        const name = levels.join('.');
        if (folderNameProblem(name) !== undefined) return;
        const directory = directoryOfNewFolder(name, spelling);
        assert.ok(directoriesOfFolder(name).includes(directory));
        assert.equal(folderOfDirectory(directory), name);
      },
    ),
    { examples: [[['&-- '], 'utf-8']] },
  );
});
