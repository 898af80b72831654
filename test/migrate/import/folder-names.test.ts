import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namesHere, pathThere } from '../../../migrate/imap/folder-names.js';

describe('names of folders of another IMAP server', () => {
  const rows: readonly [why: string, path: string, delimiter: string, prefix: string, name: string][] = [
    ['INBOX in any case', 'Inbox', '/', '', 'INBOX'],
    ['levels', 'Work/Proj', '/', '', 'Work.Proj'],
    ['a prefix before all but INBOX', 'INBOX.Work.Proj', '.', 'INBOX.', 'Work.Proj'],
    ['below INBOX, where there is no prefix', 'INBOX/Sub', '/', '', 'INBOX.Sub'],
    ['below INBOX, behind a prefix', 'INBOX.INBOX.Sub', '.', 'INBOX.', 'INBOX.Sub'],
    ['outside of the prefix', 'Shared.Work', '.', 'INBOX.', 'Shared.Work'],
    ['a dot that parts no levels there', 'v1.2/Notes', '/', '', 'v1_2.Notes'],
    ['a slash that parts no levels there', 'a/b.c', '.', '', 'a_b.c'],
    ['no levels at all', 'a.b', '', '', 'a_b'],
    ['text beyond ASCII', 'Work/日本語', '/', '', 'Work.&ZeVnLIqe-'],
    ['an ampersand', 'R&D', '/', '', 'R&-D'],
    ['empty levels', 'Work//Proj/', '/', '', 'Work.Proj'],
    ['the parent of a directory', '../../etc', '/', '', '__.__.etc'],
    ['control characters', 'a\rb\0', '/', '', 'a_b_'],
    ['a tilde at the beginning', '~joe/x', '/', '', '_joe.x'],
  ];
  for (const [why, path, delimiter, prefix, name] of rows)
    it(`here: ${why}`, () => assert.equal(namesHere([{ path, delimiter }], prefix).get(path), name));

  it('here: two that would be one are two, the one that is possible with its own name, however they are listed', () => {
    const paths = ['v1.2', 'v1_2', 'v1/2', 'V1_2'];
    const expected = { v1_2: 'v1_2', 'v1.2': 'v1_2_2', 'v1/2': 'v1.2', V1_2: 'V1_2' };
    for (const listed of [paths, [...paths].reverse()]) {
      const names = namesHere(
        listed.map((path) => ({ path, delimiter: '/' })),
        '',
      );
      assert.deepEqual(Object.fromEntries([...names].sort()), Object.fromEntries(Object.entries(expected).sort()));
    }
  });

  const there: readonly [why: string, name: string, delimiter: string, prefix: string, path: string][] = [
    ['levels', 'Work.Proj', '/', '', 'Work/Proj'],
    ['a prefix', 'Work.Proj', '.', 'INBOX.', 'INBOX.Work.Proj'],
    ['below INBOX, behind a prefix', 'INBOX.Sub', '.', 'INBOX.', 'INBOX.INBOX.Sub'],
    ['no levels at all', 'Work.Proj', '', '', 'Work.Proj'],
    ['the delimiter in a name', 'Work.a\\b', '\\', '', 'Work\\a_b'],
    ['modified UTF-7', 'Work.&ZeVnLIqe-', '/', '', 'Work/日本語'],
    ['what is no modified UTF-7', 'R&D', '/', '', 'R&D'],
  ];
  for (const [why, name, delimiter, prefix, path] of there)
    it(`there: ${why}`, () => assert.equal(pathThere(name, delimiter, prefix), path));
});
