// admin/domains: what the recordings and the interruptions do not show: names, owners of directories, what is left of other programs, who is signalled.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { newAliasName, newDomainName } from '../../../src/admin/domains/domain-names.js';
import { listDomain, listDomains } from '../../../src/admin/domains/listing.js';
import { isQmailSend, signalQmailSend } from '../../../src/admin/qmail-send-signal.js';
import { VpopmailError } from '../../../src/admin/vpopmail-error.js';
import { takeLock } from '../../../src/files/locks/lock.js';
import { Layout } from '../../../src/layout.js';
import { openHost } from '../../../src/stores/host.js';
import { callTool } from '../../support/call-tool.js';
import { needsRoot } from '../../support/needs.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { makeAdminHost, mustCall } from '../admin-host.js';
import { domainsOf, linesOf, placesOf, wholeDomain } from '../host-state.js';

function adminHost(t: TestContext): { root: string; layout: Layout } {
  const root = makeAdminHost();
  t.after(() => removeRoot(root));
  return { root, layout: new Layout({ root }) };
}

describe('names', () => {
  const rows: [string, string, string | undefined][] = [
    ['lower case', 'EXAMPLE.jp', undefined],
    ['96 bytes', 'x'.repeat(96), undefined],
    ['97 bytes', 'x'.repeat(97), 'domain name too long'],
    ['two bytes', 'ab', 'Invalid domain name'],
    ['nothing', '', 'Invalid domain name'],
    ['a hyphen first', '-a.jp', 'Invalid domain name'],
    ['a hyphen last', 'a.jp-', 'Invalid domain name'],
    ['a slash', '../etc', 'Invalid domain name'],
    ['two dots, which is a directory', '..', 'Invalid domain name'],
    ['a colon', 'a:b.jp', 'Invalid domain name'],
    ['a line feed at the end', 'a.jp\n', 'Invalid domain name'],
    ['a Latin-1 letter', 'm\xfcnchen.example', 'Invalid domain name'],
    ['no dot', 'nodot', undefined],
  ];
  for (const [why, name, refusal] of rows) {
    it(`of a domain: ${why}`, () => {
      if (refusal === undefined) assert.equal(newDomainName(name), name.toLowerCase());
      else assert.throws(() => newDomainName(name), { message: refusal });
    });
  }

  it('of an alias domain', () => {
    assert.equal(newAliasName('A.B'), 'a.b');
    assert.throws(() => newAliasName('a_b.jp'), { message: 'Invalid domain name' });
    assert.throws(() => newAliasName('x'.repeat(97)), { message: 'domain name too long' });
  });
});

describe('listing', () => {
  const lines = [
    '=root:alias:6001:6000:/var/qmail/alias:-:root:',
    '+a.jp-:a.jp:89:89:/home/vpopmail/domains/a.jp:-::',
    '+nodot-:nodot:89:89:/home/vpopmail/domains/nodot:-::',
    '+b.jp-:a.jp:89:90:/home/vpopmail/domains/a.jp:-::',
    '+no.hyphen:a.jp:89:89:/d:-::',
    '+empty.second-::89:89:/d:-::',
    '+few.fields-:a.jp:89',
    '.',
    '+behind.the.end-:a.jp:89:89:/d:-::',
  ];

  it('shows what vpopmail shows', (t) => {
    const root = newRoot();
    t.after(() => removeRoot(root));
    const layout = new Layout({ root });
    fs.mkdirSync(path.dirname(layout.assign), { recursive: true });
    fs.writeFileSync(layout.assign, `${lines.join('\n')}\n`);
    assert.deepEqual(
      listDomains(layout).map(({ name, realDomain, gid }) => [name, realDomain, gid]),
      [
        ['a.jp', 'a.jp', 89],
        ['b.jp', 'a.jp', 90],
        ['behind.the.end', 'a.jp', 89],
      ],
    );
    const found = listDomain(openHost(layout), 'A.JP').map(({ name }) => name);
    assert.deepEqual(found, ['a.jp', 'b.jp', 'behind.the.end']);
  });

  it('without users/assign it says so', (t) => {
    const root = newRoot();
    t.after(() => removeRoot(root));
    assert.throws(
      () => listDomains(new Layout({ root })),
      (error) => error instanceof VpopmailError && error.code === -37,
    );
  });
});

describe('adding', () => {
  it('a directory with other owners and a link out of it: its files are given to the domain, what the link points at is not', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    const directory = path.join(layout.domains, 'old.jp');
    const outside = path.join(root, 'outside');
    fs.writeFileSync(outside, '');
    fs.mkdirSync(path.join(directory, 'sub'), { recursive: true });
    fs.writeFileSync(path.join(directory, 'sub/file'), '');
    fs.symlinkSync(outside, path.join(directory, 'link'));
    await mustCall(root, ['vadddomain', 'old.jp', 'secret99']);
    assert.equal(fs.statSync(path.join(directory, 'sub/file')).uid, 6020);
    assert.equal(fs.statSync(outside).uid, 0);
  });

  it('a failure leaves a directory that was there as it was', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    const directory = path.join(layout.domains, 'old.jp');
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, '.qmail-default'), '# mine\n');
    const { exit, stdout } = await callTool(root, ['vadddomain', 'old.jp', 'p'.repeat(129)]);
    assert.deepEqual([exit, stdout], [229, 'Error: (vadduser) password too long\n']);
    assert.equal(fs.readFileSync(path.join(directory, '.qmail-default'), 'latin1'), '# mine\n');
    assert.deepEqual([placesOf(root, 'old.jp'), domainsOf(root).size], [['directory'], 0]);
  });

  const refused: [string, string[], number, string][] = [
    ['a quota that is too long', ['-q', '1'.repeat(21), 'a.jp', 'x'], 227, 'Error: quota too long\n'],
    ['a line feed in the catch-all', ['-e', 'x@y\n|rm', 'a.jp', 'x'], 236, 'Error: bad character\n'],
    ['a directory too long', ['-d', `/${'d'.repeat(160)}`, 'a.jp', 'x'], 226, 'Error: dir too long\n'],
    [
      'a directory that is a file',
      ['-d', '/etc/passwd', 'a.jp', 'x'],
      250,
      'Error: Unable to chdir to vpopmail/domains/domain directory\n',
    ],
  ];
  for (const [why, args, exit, stdout] of refused) {
    it(`refused, and nothing is left: ${why}`, async (t) => {
      if (!needsRoot(t)) return;
      const { root, layout } = adminHost(t);
      if (why.startsWith('a directory too long')) fs.mkdirSync(path.join(root, args[1] ?? ''));
      const called = await callTool(root, ['vadddomain', ...args]);
      assert.deepEqual([called.exit, called.stdout], [exit, stdout]);
      assert.deepEqual(placesOf(root, 'a.jp'), []);
      assert.deepEqual(
        fs.readdirSync(layout.etc('')).filter((name) => name.startsWith('.domain')),
        [],
      );
    });
  }

  it('a name in users/assign that users/cdb does not have is taken', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    await mustCall(root, ['vadddomain', 'b.jp', 'secret99']);
    const text = fs.readFileSync(layout.assign, 'latin1');
    fs.writeFileSync(layout.assign, `+a.jp-:a.jp:1:1:/elsewhere:-::\n${text}`);
    const { exit, stdout } = await callTool(root, ['vadddomain', 'a.jp', 'secret99']);
    assert.deepEqual([exit, stdout], [243, 'Error: Domain already exists\n']);
    assert.equal(fs.existsSync(path.join(layout.domains, 'a.jp')), false);
  });

  it('eight at once, four of one name: each name once', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    const names = ['a.jp', 'b.jp', 'c.jp', 'd.jp', 'same.jp', 'same.jp', 'same.jp', 'same.jp'];
    const exits = await Promise.all(names.map(async (name) => (await callTool(root, ['vadddomain', name, 'x'])).exit));
    assert.deepEqual(exits.sort(), [0, 0, 0, 0, 0, 243, 243, 243]);
    for (const name of names) assert.deepEqual(placesOf(root, name), wholeDomain, name);
    assert.deepEqual(linesOf(layout.control('rcpthosts')), [...new Set(names)]);
  });

  it('what somebody is at work with is left to him', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    const record = layout.domainChange('busy.jp');
    const lock = await takeLock(record, { kind: 'fcntl' });
    fs.writeFileSync(record, 'add 1\ndomain busy.jp:6020:6020:/home/vpopmail/domains/busy.jp\nmade\n');
    await mustCall(root, ['vadddomain', 'other.jp', 'secret99']);
    assert.ok(fs.existsSync(record));
    lock.release();
    const { stderr } = await callTool(root, ['vadddomain', 'third.jp', 'secret99']);
    assert.equal(stderr, 'vadddomain of busy.jp was interrupted: it is undone, add the domain again\n');
    assert.equal(fs.existsSync(record), false);
  });
});

describe('deleting', () => {
  it('another domain below it, or the host itself, is not deleted with it', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    await mustCall(root, ['vadddomain', 'a.jp', 'secret99'], ['vadddomain', 'b.jp', 'secret99']);
    const text = fs.readFileSync(layout.assign, 'latin1');
    fs.writeFileSync(layout.assign, text.replace('/home/vpopmail/domains/a.jp', '/home/vpopmail/domains'));
    await mustCall(root, ['qmail-newu']);
    const { exit, stderr } = await callTool(root, ['vdeldomain', 'a.jp']);
    assert.equal(exit, 0);
    assert.match(stderr, /Failed to delete directory tree: a\.jp \(\/home\/vpopmail\/domains belongs to b\.jp\)/);
    assert.deepEqual(placesOf(root, 'b.jp'), wholeDomain);
    assert.equal(domainsOf(root).has('a.jp'), false);
  });

  it('of a link only the link goes', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    await mustCall(root, ['vadddomain', 'a.jp', 'secret99']);
    const directory = path.join(layout.domains, 'a.jp');
    fs.renameSync(directory, path.join(root, 'srv/mail/a.jp'));
    fs.symlinkSync(path.join(root, 'srv/mail/a.jp'), directory);
    await mustCall(root, ['vdeldomain', 'a.jp']);
    assert.deepEqual(
      [fs.existsSync(directory), fs.existsSync(path.join(root, 'srv/mail/a.jp/vpasswd'))],
      [false, true],
    );
  });

  it('in capitals it asks about alias domains too', async (t) => {
    if (!needsRoot(t)) return;
    const { root } = adminHost(t);
    await mustCall(root, ['vadddomain', 'a.jp', 'secret99'], ['vaddaliasdomain', 'a.jp', 'b.jp']);
    const { exit, stdout } = await callTool(root, ['vdeldomain', 'A.JP']);
    assert.deepEqual([exit, stdout.split('\n')[0]], [0, 'Warning: Alias domains exist:']);
    assert.deepEqual(placesOf(root, 'a.jp'), wholeDomain);
  });

  it('a domain that was added again after an interrupted deletion stays', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    await mustCall(root, ['vadddomain', 'a.jp', 'secret99']);
    const record = `delete 1\ndomain a.jp:6020:6020:/home/vpopmail/domains/a.jp\nname a.jp\nbegin\nunpublished\n`;
    fs.writeFileSync(layout.domainChange('a.jp'), record);
    const { stderr } = await callTool(root, ['vadddomain', 'b.jp', 'secret99']);
    assert.equal(stderr, 'vdeldomain of a.jp was interrupted: the domain was added again and stays\n');
    assert.deepEqual(placesOf(root, 'a.jp'), wholeDomain);
  });

  it('one that had not begun is forgotten', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    await mustCall(root, ['vadddomain', 'a.jp', 'secret99']);
    fs.writeFileSync(
      layout.domainChange('a.jp'),
      'delete 1\ndomain a.jp:6020:6020:/home/vpopmail/domains/a.jp\nname a.jp\n',
    );
    const { stderr } = await callTool(root, ['vadddomain', 'b.jp', 'secret99']);
    assert.equal(stderr, 'vdeldomain of a.jp was interrupted: it had not begun, the domain stays\n');
    assert.deepEqual(placesOf(root, 'a.jp'), wholeDomain);
  });

  it('a record that was cut off says nothing', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = adminHost(t);
    await mustCall(root, ['vadddomain', 'a.jp', 'secret99']);
    fs.writeFileSync(layout.domainChange('a.jp'), 'delete 1\ndomain a.jp:6020:6020:/home');
    await mustCall(root, ['vadddomain', 'b.jp', 'secret99']);
    assert.deepEqual(placesOf(root, 'a.jp'), wholeDomain);
    assert.equal(fs.existsSync(layout.domainChange('a.jp')), false);
  });
});

describe('SIGHUP', () => {
  const rows: [string, string[], boolean][] = [
    ['qmail-send', ['qmail-send'], true],
    ['by its path', ['/var/qmail/bin/qmail-send'], true],
    ['a queue process of ours', ['vqmail: qmail-send'], true],
    ['one that says what it does', ['vqmail queue (qmail-send) 3 messages'], true],
    ['an editor', ['vi', 'qmail-send.c'], false],
    ['somebody reading its log', ['tail', '-f', '/var/log/qmail-send/current'], false],
    ['its supervisor', ['supervise', 'qmail-send'], false],
    ['its logger', ['multilog', 't', '/var/log/qmail-send'], false],
    ['another program of a longer name', ['qmail-send-old'], false],
    ['a word in a title of somebody else', ['watching qmail-send'], false],
    ['a kernel thread', [''], false],
  ];
  for (const [why, words, expected] of rows) it(why, () => assert.equal(isQmailSend(words), expected));

  it('goes to each of them, and one that has ended does not matter', (t) => {
    const root = newRoot();
    t.after(() => removeRoot(root));
    const commands = {
      '10': 'qmail-send\0',
      '11': 'tail\0-f\0qmail-send\0',
      '12': '/var/qmail/bin/qmail-send\0',
      '13': 'vqmail queue (qmail-send) 3 messages\0',
      self: '',
    };
    const shortNames: Readonly<Record<string, string>> = { '11': 'tail', '13': 'vqmail queue (q', self: 'node' };
    for (const [name, words] of Object.entries(commands)) {
      fs.mkdirSync(path.join(root, name));
      fs.writeFileSync(path.join(root, name, 'cmdline'), words);
      fs.writeFileSync(path.join(root, name, 'comm'), `${shortNames[name] ?? 'qmail-send'}\n`);
    }
    const sent: number[] = [];
    const send = (pid: number): void => {
      sent.push(pid);
      if (pid === 10) throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' });
    };
    assert.deepEqual(
      [signalQmailSend({ processes: root, send }), sent],
      [
        [12, 13],
        [10, 12, 13],
      ],
    );
  });
});
