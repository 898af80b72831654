import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { PermanentError } from '../../../src/errors.js';
import {
  addAliasLine,
  aliasesOf,
  aliasLines,
  aliasNames,
  changeAlias,
  deleteAlias,
  removeAliasLine,
  replaceCatchAll,
} from '../../../src/stores/domains/aliases.js';
import { newRoot, removeRoot } from '../../support/recording.js';

const isRoot = process.getuid?.() === 0;
const owner = isRoot ? { uid: 6020, gid: 6020 } : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

interface Domain {
  readonly directory: string;
  readonly uid: number;
  readonly gid: number;
  write(name: string, text: string): void;
  read(name: string): string;
  names(): string[];
}

function domain(t: TestContext): Domain {
  const directory = newRoot();
  t.after(() => removeRoot(directory));
  return {
    directory,
    ...owner,
    write: (name, text) => writeFileSync(path.join(directory, name), text, 'latin1'),
    read: (name) => readFileSync(path.join(directory, name), 'latin1'),
    names: () => readdirSync(directory).sort(),
  };
}

test('a line is added: a new file, then at the end, as it is', async (t) => {
  const here = domain(t);
  await addAliasLine(here, 'first.last', 'joe@example.jp');
  await addAliasLine(here, 'first.last', '&ann@example.jp');
  await addAliasLine(here, 'first.last', '');
  assert.equal(here.read('.qmail-first:last'), 'joe@example.jp\n&ann@example.jp\n\n');
  assert.deepEqual(here.names(), ['.qmail-first:last'], 'and nothing beside it');
  const status = statSync(path.join(here.directory, '.qmail-first:last'));
  assert.deepEqual([status.mode & 0o777, status.uid, status.gid], [0o600, owner.uid, owner.gid]);
});

test('a file that others may read is closed when a line is added', async (t) => {
  const here = domain(t);
  here.write('.qmail-hand', 'a@b\n');
  chmodSync(path.join(here.directory, '.qmail-hand'), 0o644);
  await addAliasLine(here, 'hand', 'c@d');
  const status = statSync(path.join(here.directory, '.qmail-hand'));
  assert.deepEqual([status.mode & 0o777, status.uid], [0o600, owner.uid]);
});

test('a last line without line feed is ended first', async (t) => {
  const here = domain(t);
  here.write('.qmail-cut', 'a@b');
  await addAliasLine(here, 'cut', 'c@d');
  assert.equal(here.read('.qmail-cut'), 'a@b\nc@d\n');
});

test('names and lines that no alias can have', async (t) => {
  const here = domain(t);
  const rows: [name: string, line: string, why: string][] = [
    ['', 'a@b', 'no name'],
    ['../evil', 'a@b', 'leads out of the directory'],
    ['a/b', 'a@b', 'a slash'],
    ['a b', 'a@b', 'a blank'],
    ['a\nb', 'a@b', 'a line feed'],
    ['x'.repeat(250), 'a@b', 'too long for a file name'],
    ['ok', 'a@b\n|rm -rf /', 'a line that is two'],
    ['ok', 'a\0b', 'a NUL'],
  ];
  for (const [name, line, why] of rows) await assert.rejects(addAliasLine(here, name, line), PermanentError, why);
  assert.deepEqual(here.names(), []);
});

test('the listing: sorted without regard to case, without default, links only of lists', async (t) => {
  const here = domain(t);
  for (const name of ['b', 'A', 'c:d', 'default', 'joe-default']) here.write(`.qmail-${name}`, 'x@y\n');
  mkdirSync(path.join(here.directory, '.qmail-directory'));
  mkdirSync(path.join(here.directory, 'list'));
  writeFileSync(path.join(here.directory, 'list/editor'), '|ezmlm-send list\n');
  for (const name of ['list', 'list-default', 'list-owner', 'gone'])
    symlinkSync(name === 'gone' ? 'list/nothing' : 'list/editor', path.join(here.directory, `.qmail-${name}`));
  here.write('.qmail-', 'x@y\n');
  here.write('vpasswd', '');
  assert.deepEqual(await aliasNames(here), ['A', 'b', 'c.d', 'gone', 'joe-default', 'list']);
  const found = await aliasesOf(here);
  assert.deepEqual(
    found.map(({ name, lines }) => [name, ...lines].join(' ')),
    ['A x@y', 'b x@y', 'c.d x@y', 'joe-default x@y', 'list |ezmlm-send list'],
  );
});

test('a link is not written through', async (t) => {
  const here = domain(t);
  here.write('elsewhere', 'kept\n');
  symlinkSync('elsewhere', path.join(here.directory, '.qmail-link'));
  await assert.rejects(addAliasLine(here, 'link', 'a@b'), PermanentError);
  await assert.rejects(
    changeAlias(here, 'link', () => ['a@b']),
    PermanentError,
  );
  assert.equal(here.read('elsewhere'), 'kept\n');
  assert.ok(await deleteAlias(here, 'link'), 'but the link itself can go');
  assert.equal(here.read('elsewhere'), 'kept\n');
});

test('lines are removed that are exactly the given one, and the file with its last', async (t) => {
  const here = domain(t);
  here.write('.qmail-x', '# note\na@b\na@bc\na@b\n');
  assert.equal(await removeAliasLine(here, 'x', 'a@b'), true);
  assert.equal(here.read('.qmail-x'), '# note\na@bc\n', 'not what begins so');
  assert.equal(await removeAliasLine(here, 'x', 'a@b'), false);
  await removeAliasLine(here, 'x', '# note');
  await removeAliasLine(here, 'x', 'a@bc');
  assert.deepEqual(here.names(), []);
  assert.equal(await removeAliasLine(here, 'x', 'a@b'), false, 'no alias at all');
  assert.equal(await deleteAlias(here, 'x'), false);
  assert.equal(aliasLines(here, 'x'), undefined);
});

test('a line that another program appends while a file is replaced is not lost', async (t) => {
  const here = domain(t);
  here.write('.qmail-x', 'a@b\n');
  await changeAlias(here, 'x', (lines) => {
    appendFileSync(path.join(here.directory, '.qmail-x'), 'theirs@example.jp\n');
    return [...lines, 'ours@example.jp'];
  });
  assert.equal(here.read('.qmail-x'), 'a@b\nours@example.jp\ntheirs@example.jp\n');
});

test('race: many add and remove lines of one alias at once, and an original appends', async (t) => {
  const here = domain(t);
  const writer = async (name: string): Promise<void> => {
    for (let index = 0; index < 20; index++) {
      await addAliasLine(here, 'busy', `${name}-${index}@example.jp`);
      if (index % 2 === 1) await removeAliasLine(here, 'busy', `${name}-${index}@example.jp`);
    }
  };
  const original = async (): Promise<void> => {
    for (let index = 0; index < 20; index++) {
      appendFileSync(path.join(here.directory, '.qmail-busy'), `original-${index}@example.jp\n`);
      await new Promise(setImmediate);
    }
  };
  await Promise.all([writer('a'), writer('b'), writer('c'), original()]);
  const lines = here.read('.qmail-busy').split('\n').slice(0, -1);
  const even = Array.from({ length: 10 }, (_, index) => 2 * index);
  const expected = ['a', 'b', 'c'].flatMap((name) => even.map((index) => `${name}-${index}@example.jp`));
  assert.deepEqual(lines.filter((line) => !line.startsWith('original')).sort(), expected.sort());
  const theirs = new Set(lines.filter((line) => line.startsWith('original')));
  assert.equal(theirs.size, 20);
  assert.deepEqual(here.names(), ['.qmail-busy']);
});

test('the catch-all is replaced whole', async (t) => {
  const here = domain(t);
  await replaceCatchAll(here, "| /home/vpopmail/bin/vdelivermail '' delete");
  assert.equal(here.read('.qmail-default'), "| /home/vpopmail/bin/vdelivermail '' delete\n");
  await assert.rejects(replaceCatchAll(here, 'a\nb'), PermanentError);
  assert.deepEqual(here.names(), ['.qmail-default']);
  assert.ok(existsSync(here.directory));
});
