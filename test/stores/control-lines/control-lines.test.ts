// stores/control-lines: domains in qmail's files. What the recordings show is replayed in test/cli/recordings; here is what they do not show.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ConfigurationError } from '../../../src/errors.js';
import { tryLock } from '../../../src/files/locks/lock.js';
import { bufferSource, cdbFind } from '../../../src/formats/databases/cdb.js';
import { Layout } from '../../../src/layout.js';
import {
  type AssignedDomain,
  confirmDomain,
  domainLine,
  insertDomain,
  isCutByOriginals,
  removeDomains,
} from '../../../src/stores/control-lines/assign-file.js';
import {
  insertRecipientHost,
  recompileMoreRcptHosts,
  removeRecipientHosts,
  withdrawRecipientHost,
} from '../../../src/stores/control-lines/recipient-hosts.js';
import {
  insertVirtualDomain,
  removeFromLocals,
  removeVirtualDomains,
} from '../../../src/stores/control-lines/virtual-domains-file.js';
import { applyWrite, newRoot, removeRoot } from '../../support/recording.js';

function hostOf(t: TestContext, files: Readonly<Record<string, string>>): Layout {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  fs.mkdirSync(layout.controlDirectory, { recursive: true });
  fs.mkdirSync(path.dirname(layout.assign), { recursive: true });
  applyWrite(Object.fromEntries(Object.entries(files).map(([name, text]) => [`/var/qmail/${name}`, text])), root);
  return layout;
}

function read(layout: Layout, name: string): string | undefined {
  const file = path.join(layout.qmail, name);
  return fs.existsSync(file) ? fs.readFileSync(file, 'latin1') : undefined;
}

function keyIn(file: string, key: string): boolean {
  return fs.existsSync(file) && cdbFind(bufferSource(fs.readFileSync(file)), key, file) !== undefined;
}

function domainOf(name: string, directory = `/home/vpopmail/domains/${name}`): AssignedDomain {
  return { name, realDomain: name, uid: 89, gid: 89, directory };
}

const line = (name: string): string => `${domainLine(domainOf(name))}\n`;

describe('users/assign', () => {
  const rows: [string, string | undefined, string][] = [
    ['no file', undefined, `${line('a.jp')}.\n`],
    ['an empty file', '', `${line('a.jp')}.\n`],
    ['only the end', '.\n', `${line('a.jp')}.\n`],
    ['an end without its LF', `${line('b.jp')}.`, `${line('a.jp')}${line('b.jp')}.\n`],
    ['no end', line('b.jp'), `${line('a.jp')}${line('b.jp')}.\n`],
    ['several ends', '.\n.\n', `${line('a.jp')}.\n`],
    ['an end with more in its line', '. end\n', `${line('a.jp')}. end\n`],
    ['lines behind the end stay behind it', `${line('b.jp')}.\nnotes\n`, `${line('a.jp')}${line('b.jp')}.\nnotes\n`],
    ['a local user in order', '=Aaa:u:1:1:/h:::\n.\n', `=Aaa:u:1:1:/h:::\n${line('a.jp')}.\n`],
    ['DOS line ends stay', '+0.jp-:0.jp:1:1:/h:-::\r\n.\n', `+0.jp-:0.jp:1:1:/h:-::\r\n${line('a.jp')}.\n`],
  ];
  for (const [why, before, after] of rows) {
    it(`a domain is added: ${why}`, async (t) => {
      const layout = hostOf(t, before === undefined ? {} : { 'users/assign': before });
      assert.equal(await insertDomain(layout, domainOf('a.jp')), 'inserted');
      assert.equal(read(layout, 'users/assign'), after);
      assert.ok(keyIn(layout.usersCdb, '!a.jp-'));
      assert.deepEqual(fs.readdirSync(path.dirname(layout.assign)).sort(), ['assign', 'assign.lock', 'cdb']);
    });
  }

  it('the same line again is there already, and the database is made of it', async (t) => {
    const layout = hostOf(t, { 'users/assign': `${line('a.jp')}.\n` });
    assert.equal(await insertDomain(layout, domainOf('a.jp')), 'there');
    assert.equal(read(layout, 'users/assign'), `${line('a.jp')}.\n`);
    assert.ok(keyIn(layout.usersCdb, '!a.jp-'));
  });

  it('another line of the name is not doubled: the first would win', async (t) => {
    const before = `${domainLine(domainOf('a.jp', '/elsewhere'))}\n.\n`;
    const layout = hostOf(t, { 'users/assign': before });
    assert.equal(await insertDomain(layout, domainOf('a.jp')), 'taken');
    assert.equal(read(layout, 'users/assign'), before);
  });

  it('a file that qmail-newu refuses is left alone, and its line is named', async (t) => {
    const before = `${line('b.jp')}\n.\n`;
    const layout = hostOf(t, { 'users/assign': before });
    for (const change of [() => insertDomain(layout, domainOf('a.jp')), () => removeDomains(layout, ['b.jp'], 'b.jp')])
      await assert.rejects(change, (error) => error instanceof ConfigurationError && /assign:\d: /.test(error.message));
    assert.equal(read(layout, 'users/assign'), before);
  });

  it('a database that cannot be made: the text is put back', async (t) => {
    const before = `${line('b.jp')}.\n`;
    const layout = hostOf(t, { 'users/assign': before });
    fs.mkdirSync(layout.usersCdb);
    await assert.rejects(() => insertDomain(layout, domainOf('a.jp')), /unable to move users\/cdb\.tmp/);
    assert.equal(read(layout, 'users/assign'), before);
    assert.deepEqual(fs.readdirSync(path.dirname(layout.assign)).sort(), ['assign', 'assign.lock', 'cdb']);
  });

  it('removal takes the lines of one real domain, however they are written', async (t) => {
    const dos = `${domainLine(domainOf('a.jp'))}\r\n`;
    const alias = `${domainLine({ ...domainOf('b.jp'), realDomain: 'a.jp' })}\n`;
    const other = `${domainLine({ ...domainOf('b.jp'), realDomain: 'c.jp' })}\n`;
    const layout = hostOf(t, { 'users/assign': `${dos}${alias}${other}${line('c.jp')}=a.jp-:x:1:1:/h:::\n.\n` });
    assert.equal(await removeDomains(layout, ['a.jp', 'b.jp'], 'a.jp'), 2);
    assert.equal(read(layout, 'users/assign'), `${other}${line('c.jp')}=a.jp-:x:1:1:/h:::\n.\n`);
    assert.deepEqual([keyIn(layout.usersCdb, '!a.jp-'), keyIn(layout.usersCdb, '!c.jp-')], [false, true]);
  });

  it('a database that another program put back is made again', async (t) => {
    const layout = hostOf(t, { 'users/assign': '.\n' });
    await insertDomain(layout, domainOf('a.jp'));
    const old = fs.readFileSync(layout.usersCdb);
    await insertDomain(layout, domainOf('b.jp'));
    fs.writeFileSync(layout.usersCdb, old);
    await confirmDomain(layout, 'b.jp');
    assert.ok(keyIn(layout.usersCdb, '!b.jp-'));
  });

  it('a line that the originals would cut', () => {
    const longest = 'x'.repeat(96);
    assert.equal(isCutByOriginals(domainOf(longest)), true);
    assert.equal(isCutByOriginals(domainOf('example.jp')), false);
    const fitting = domainOf('a.jp', `/${'d'.repeat(298 - domainLine(domainOf('a.jp', '/')).length)}`);
    assert.deepEqual([domainLine(fitting).length, isCutByOriginals(fitting)], [298, false]);
  });
});

describe('rcpthosts and morercpthosts', () => {
  const hosts = (count: number): string =>
    Array.from({ length: count }, (_, at) => `h${String(at).padStart(2, '0')}.jp\n`).join('');

  it('the fiftieth line still goes to rcpthosts, the next to morercpthosts', async (t) => {
    const layout = hostOf(t, { 'control/rcpthosts': hosts(49) });
    assert.equal(await insertRecipientHost(layout, 'a.jp'), 'rcpthosts');
    assert.equal(await insertRecipientHost(layout, 'b.jp'), 'morercpthosts');
    assert.equal(read(layout, 'control/morercpthosts'), 'b.jp\n');
    assert.ok(keyIn(layout.control('morercpthosts.cdb'), 'b.jp'));
  });

  it('without compiling, the database waits for the last of many', async (t) => {
    const layout = hostOf(t, { 'control/rcpthosts': hosts(50) });
    await insertRecipientHost(layout, 'a.jp', { compile: false });
    assert.equal(read(layout, 'control/morercpthosts.cdb'), undefined);
    await insertRecipientHost(layout, 'b.jp');
    assert.ok(keyIn(layout.control('morercpthosts.cdb'), 'a.jp'));
  });

  it('two names removed from morercpthosts at once: the database follows', async (t) => {
    const layout = hostOf(t, { 'control/rcpthosts': 'x.jp\n', 'control/morercpthosts': 'a.jp\nb.jp\nc.jp\n' });
    await recompileMoreRcptHosts(layout);
    await removeRecipientHosts(layout, ['a.jp', 'b.jp']);
    const cdb = layout.control('morercpthosts.cdb');
    assert.deepEqual(
      [read(layout, 'control/morercpthosts'), keyIn(cdb, 'a.jp'), keyIn(cdb, 'c.jp')],
      ['c.jp\n', false, true],
    );
    await removeRecipientHosts(layout, ['c.jp']);
    assert.deepEqual([read(layout, 'control/morercpthosts'), fs.existsSync(cdb)], [undefined, false]);
  });

  it('names in both lists leave both', async (t) => {
    const layout = hostOf(t, { 'control/rcpthosts': 'a.jp\nx.jp\n', 'control/morercpthosts': 'b.jp\ny.jp\n' });
    await removeRecipientHosts(layout, ['a.jp', 'b.jp']);
    assert.deepEqual([read(layout, 'control/rcpthosts'), read(layout, 'control/morercpthosts')], ['x.jp\n', 'y.jp\n']);
  });

  it('an absent rcpthosts, which takes everything, is not made by a removal', async (t) => {
    const layout = hostOf(t, {});
    await removeRecipientHosts(layout, ['a.jp']);
    assert.deepEqual([read(layout, 'control/rcpthosts'), read(layout, 'control/morercpthosts')], [undefined, '']);
  });

  it('what was inserted is taken back, one line of two', async (t) => {
    const layout = hostOf(t, { 'control/rcpthosts': 'a.jp\n' });
    const list = await insertRecipientHost(layout, 'a.jp');
    assert.equal(read(layout, 'control/rcpthosts'), 'a.jp\na.jp\n');
    await withdrawRecipientHost(layout, 'a.jp', list);
    assert.equal(read(layout, 'control/rcpthosts'), 'a.jp\n');
    assert.equal(await insertRecipientHost(layout, 'a.jp', { onlyIfMissing: true }), 'there');
    await withdrawRecipientHost(layout, 'a.jp', 'there');
    assert.equal(read(layout, 'control/rcpthosts'), 'a.jp\n');
  });
});

describe('virtualdomains and locals', () => {
  it('only the lines that vpopmail writes are removed', async (t) => {
    const layout = hostOf(t, { 'control/virtualdomains': 'a.jp:somebody\nu@a.jp:a.jp\n' });
    await insertVirtualDomain(layout, 'a.jp');
    await insertVirtualDomain(layout, 'a.jp', { onlyIfMissing: true });
    assert.equal(read(layout, 'control/virtualdomains'), 'a.jp:somebody\na.jp:a.jp\nu@a.jp:a.jp\n');
    await removeVirtualDomains(layout, ['a.jp']);
    assert.equal(read(layout, 'control/virtualdomains'), 'a.jp:somebody\nu@a.jp:a.jp\n');
  });

  const rows: [string, string | undefined, string, string | undefined][] = [
    ['a name', 'a.jp\nb.jp\n', 'a.jp', 'b.jp\n'],
    ['a name as qmail reads it', '# A.jp\nA.JP \nb.jp', 'a.jp', '# A.jp\nb.jp\n'],
    ['an absent file means the name in me, which stays', undefined, 'a.jp', undefined],
    ['an absent file, and the domain is that very name', undefined, 'mx.jp', ''],
  ];
  for (const [why, before, domain, after] of rows) {
    it(`removed from locals: ${why}`, async (t) => {
      const layout = hostOf(t, { 'control/me': 'MX.jp\n', ...(before !== undefined && { 'control/locals': before }) });
      await removeFromLocals(layout, domain);
      assert.equal(read(layout, 'control/locals'), after);
    });
  }
});

describe('manners', () => {
  it('0644 whatever the umask and the mode before, without a moment of another', async (t) => {
    const layout = hostOf(t, { 'control/rcpthosts': 'x.jp\n', 'users/assign': '.\n' });
    fs.chmodSync(layout.control('rcpthosts'), 0o600);
    const modes = new Set<number>();
    const watcher = setInterval(() => {
      for (const file of [layout.assign, layout.control('virtualdomains')])
        if (fs.existsSync(file)) modes.add(fs.statSync(file).mode & 0o777);
    }, 0);
    const old = process.umask(0o077);
    try {
      for (let at = 0; at < 20; at++) {
        await insertDomain(layout, domainOf(`d${at}.jp`));
        await insertVirtualDomain(layout, `d${at}.jp`);
      }
      await insertRecipientHost(layout, 'a.jp');
    } finally {
      process.umask(old);
      clearInterval(watcher);
    }
    assert.deepEqual([...modes], [0o644]);
    assert.equal(fs.statSync(layout.control('rcpthosts')).mode & 0o777, 0o644);
    assert.equal(fs.statSync(layout.lockOf(layout.assign)).mode & 0o777, 0o600);
  });

  it('thirty changes at once lose no line', async (t) => {
    const layout = hostOf(t, { 'users/assign': '.\n' });
    const names = Array.from({ length: 30 }, (_, at) => `d${String(at).padStart(2, '0')}.jp`);
    await Promise.all(names.map((name) => insertDomain(layout, domainOf(name))));
    assert.equal(read(layout, 'users/assign'), `${names.map(line).join('')}.\n`);
    await Promise.all(names.slice(1).map((name) => removeDomains(layout, [name], name)));
    assert.equal(read(layout, 'users/assign'), `${line('d00.jp')}.\n`);
  });

  it('a lock file that cannot be opened is told as the originals do', async (t) => {
    const layout = hostOf(t, {});
    fs.mkdirSync(layout.lockOf(layout.assign));
    const told = { message: 'could not open lock file /var/qmail/users/assign.lock' };
    await assert.rejects(() => insertDomain(layout, domainOf('a.jp')), told);
  });

  it('the lock is free after a failure', async (t) => {
    const layout = hostOf(t, { 'users/assign': '# comment\n.\n' });
    await assert.rejects(() => insertDomain(layout, domainOf('a.jp')));
    const lock = tryLock(layout.lockOf(layout.assign), { kind: 'fcntl' });
    assert.ok(lock);
    lock.release();
  });
});
