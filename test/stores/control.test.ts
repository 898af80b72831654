import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { TemporaryError } from '../../src/errors.js';
import { makeCdb } from '../../src/formats/databases/cdb.js';
import { Layout } from '../../src/layout.js';
import type { Control } from '../../src/stores/control.js';
import { openHost } from '../../src/stores/host.js';
import { withFolder } from '../files/folder.js';

type Files = Readonly<Record<string, string | Buffer>>;

/** Does `work` with a control directory that holds these files. `write` puts or removes one. */
function withControl(
  files: Files,
  work: (control: Control, write: (name: string, content: string | Buffer | null) => void, layout: Layout) => void,
): Promise<void> {
  return withFolder((root) => {
    const layout = new Layout({ root });
    fs.mkdirSync(layout.controlDirectory, { recursive: true });
    const write = (name: string, content: string | Buffer | null): void => {
      if (content === null) fs.rmSync(layout.control(name), { recursive: true });
      else fs.writeFileSync(layout.control(name), content);
    };
    for (const [name, content] of Object.entries(files)) write(name, content);
    work(openHost(layout).control, write, layout);
  });
}

const hosts = (...names: string[]): Buffer => makeCdb(names.map((key) => ({ key, data: '' })));

describe('control files and their defaults', () => {
  const rows: [string, Files, (control: Control) => unknown, unknown][] = [
    ['me', { me: 'mail.example.jp\nmore\n' }, (c) => c.me(), 'mail.example.jp'],
    ['no me', {}, (c) => c.me(), undefined],
    ['smtpgreeting', { me: 'a', smtpgreeting: 'b \n' }, (c) => c.smtpGreeting(), 'b'],
    ['smtpgreeting absent: me', { me: 'a' }, (c) => c.smtpGreeting(), 'a'],
    ['smtpgreeting empty: the default does not apply', { me: 'a', smtpgreeting: '' }, (c) => c.smtpGreeting(), ''],
    ['localiphost', { me: 'a', localiphost: 'b' }, (c) => c.localIpHost(), 'b'],
    ['localiphost absent: me', { me: 'a' }, (c) => c.localIpHost(), 'a'],
    ['neither: the feature is off', {}, (c) => c.localIpHost(), undefined],
    ['timeoutsmtpd', { timeoutsmtpd: '60\n' }, (c) => c.timeoutSmtpdSeconds(), 60],
    ['timeoutsmtpd absent', {}, (c) => c.timeoutSmtpdSeconds(), 1200],
    ['timeoutsmtpd without digits', { timeoutsmtpd: 'x' }, (c) => c.timeoutSmtpdSeconds(), 1200],
    ['timeoutsmtpd 0 becomes 1', { timeoutsmtpd: '0' }, (c) => c.timeoutSmtpdSeconds(), 1],
    ['timeoutsmtpd that wraps below 0 becomes 1', { timeoutsmtpd: '4294967295' }, (c) => c.timeoutSmtpdSeconds(), 1],
    ['databytes', { databytes: '1073741824\n' }, (c) => c.databytes(), 1073741824],
    ['databytes absent: no limit', {}, (c) => c.databytes(), 0],
    ['databytes above an int is unsigned', { databytes: '3000000000' }, (c) => c.databytes(), 3000000000],
    ['badmailfrom', { badmailfrom: '# no\n@Spam.example\n' }, (c) => [...c.badMailFrom()], ['@spam.example']],
    ['badmailfrom absent', {}, (c) => [...c.badMailFrom()], []],
    ['locals', { me: 'a', locals: 'B\nc\n' }, (c) => [...c.locals()], ['b', 'c']],
    ['locals absent: me', { me: 'Mail.Example' }, (c) => [...c.locals()], ['mail.example']],
    ['locals empty: not even me', { me: 'a', locals: '' }, (c) => [...c.locals()], []],
    ['locals lists a domain', { locals: 'A.example\n' }, (c) => c.isListedLocal('a.EXAMPLE'), true],
    ['me is no list', { me: 'a' }, (c) => c.isListedLocal('a'), false],
    ['virtualdomains', { virtualdomains: 'A:b\nA:c\n' }, (c) => [...c.virtualDomains()], [['a', 'c']]],
    ['virtualdomains absent', {}, (c) => c.virtualDomains().size, 0],
    ['envnoathost', { me: 'a', envnoathost: 'b' }, (c) => c.rewriting().envNoAtHost, 'b'],
    ['envnoathost absent: me', { me: 'a' }, (c) => c.rewriting().envNoAtHost, 'a'],
    ['envnoathost and me absent', { locals: '' }, (c) => c.rewriting().envNoAtHost, 'envnoathost'],
    ['percenthack', { me: 'a', percenthack: 'P\n' }, (c) => [...c.rewriting().percentHack], ['p']],
  ];
  for (const [name, files, ask, expected] of rows) {
    it(name, () => withControl(files, (control) => assert.deepEqual(ask(control), expected)));
  }

  it('neither locals nor me: rewriting is a temporary failure', () =>
    withControl({}, (control) => assert.throws(() => control.rewriting(), TemporaryError)));
});

describe('a control file that cannot be read is a temporary failure, never its default', () => {
  const questions: [string, (control: Control) => unknown][] = [
    ['me', (c) => c.me()],
    ['smtpgreeting', (c) => c.smtpGreeting()],
    ['localiphost', (c) => c.localIpHost()],
    ['timeoutsmtpd', (c) => c.timeoutSmtpdSeconds()],
    ['databytes', (c) => c.databytes()],
    ['badmailfrom', (c) => c.badMailFrom()],
    ['locals', (c) => c.rewriting()],
    ['percenthack', (c) => c.rewriting()],
    ['envnoathost', (c) => c.rewriting()],
    ['virtualdomains', (c) => c.rewriting()],
    ['rcpthosts', (c) => c.isAllowedRecipientDomain('a@b')],
    ['morercpthosts.cdb', (c) => c.isAllowedRecipientDomain('a@b')],
  ];
  for (const [name, ask] of questions) {
    it(name, () =>
      withControl({ me: 'a', rcpthosts: 'x\n' }, (control, _write, layout) => {
        fs.rmSync(layout.control(name), { force: true });
        fs.mkdirSync(layout.control(name));
        assert.throws(() => ask(control), TemporaryError);
        fs.rmdirSync(layout.control(name));
        if (name === 'rcpthosts') fs.writeFileSync(layout.control(name), 'b\n');
        ask(control);
      }),
    );
  }
});

describe('domains whose mail is taken', () => {
  const rcpthosts = 'example.jp\n.wild.example\n';
  const rows: [string, Files, string, boolean][] = [
    ['listed', { rcpthosts }, 'a@example.jp', true],
    ['listed, in capitals', { rcpthosts }, 'a@EXAMPLE.jp', true],
    ['below a wildcard', { rcpthosts }, 'a@x.y.wild.example', true],
    ['a wildcard does not admit the domain itself', { rcpthosts }, 'a@wild.example', false],
    ['below a listed domain', { rcpthosts }, 'a@sub.example.jp', false],
    ['not listed', { rcpthosts }, 'a@other.example', false],
    ['the last @ counts', { rcpthosts }, 'a@other.example@example.jp', true],
    ['no @: always', { rcpthosts }, 'postmaster', true],
    ['empty domain: never', { rcpthosts }, 'a@', false],
    ['an empty rcpthosts takes nothing', { rcpthosts: '' }, 'a@example.jp', false],
    ['rcpthosts absent takes everything', {}, 'a@example.jp', true],
    ['in morercpthosts.cdb', { rcpthosts, 'morercpthosts.cdb': hosts('more.example') }, 'a@More.example', true],
    ['a wildcard there', { rcpthosts, 'morercpthosts.cdb': hosts('.more.example') }, 'a@x.more.example', true],
    ['in neither', { rcpthosts, 'morercpthosts.cdb': hosts('more.example') }, 'a@other.example', false],
    ['morercpthosts without its cdb means nothing', { rcpthosts, morercpthosts: 'm.example\n' }, 'a@m.example', false],
    ['a broken cdb does not matter to the first list', { rcpthosts, 'morercpthosts.cdb': 'x' }, 'a@example.jp', true],
  ];
  for (const [name, files, address, expected] of rows) {
    it(name, () => withControl(files, (c) => assert.equal(c.isAllowedRecipientDomain(address), expected)));
  }

  it('a broken morercpthosts.cdb refuses nobody for good', () =>
    withControl({ rcpthosts, 'morercpthosts.cdb': 'x' }, (control) => {
      assert.throws(() => control.isAllowedRecipientDomain('a@other.example'), /morercpthosts.cdb/);
    }));

  it('a control directory that is gone does not open the relay', () =>
    withControl({}, (control, _write, layout) => {
      fs.rmdirSync(layout.controlDirectory);
      assert.throws(() => control.isAllowedRecipientDomain('a@example.jp'), TemporaryError);
    }));

  it('a link that leads nowhere in place of rcpthosts does not open the relay', () =>
    withControl({}, (control, _write, layout) => {
      fs.symlinkSync('/nowhere/rcpthosts', layout.control('rcpthosts'));
      assert.throws(() => control.isAllowedRecipientDomain('a@example.jp'), TemporaryError);
    }));
});

describe('a change of a control file is in force at the next question', () => {
  it('a domain that comes and goes, in the list and in the cdb', () =>
    withControl({ rcpthosts: '' }, (control, write) => {
      const allowed = (): boolean => control.isAllowedRecipientDomain('a@b.example');
      for (let round = 0; round < 3; round++) {
        assert.equal(allowed(), false);
        write('rcpthosts', 'b.example\n');
        assert.equal(allowed(), true);
        write('rcpthosts', '');
        assert.equal(allowed(), false);
        write('morercpthosts.cdb', hosts('b.example'));
        assert.equal(allowed(), true);
        write('morercpthosts.cdb', hosts('c.example'));
        assert.equal(allowed(), false);
        write('morercpthosts.cdb', null);
        assert.equal(allowed(), false);
        write('rcpthosts', null);
        assert.equal(allowed(), true);
        write('rcpthosts', '');
      }
    }));

  it('every other file', () =>
    withControl({ me: 'a' }, (control, write) => {
      const all = (): unknown => [
        control.smtpGreeting(),
        control.databytes(),
        [...control.badMailFrom()],
        [...control.locals()],
        [...control.virtualDomains().keys()],
      ];
      assert.deepEqual(all(), ['a', 0, [], ['a'], []]);
      for (const [name, text] of [
        ['smtpgreeting', 'g'],
        ['databytes', '7'],
        ['badmailfrom', 'x@y'],
        ['locals', 'l'],
        ['virtualdomains', 'v:v'],
      ] as const)
        write(name, text);
      assert.deepEqual(all(), ['g', 7, ['x@y'], ['l'], ['v']]);
      for (const name of ['smtpgreeting', 'databytes', 'badmailfrom', 'locals', 'virtualdomains']) write(name, null);
      assert.deepEqual(all(), ['a', 0, [], ['a'], []]);
    }));
});

describe('the list of domains', () => {
  it('is rcpthosts with morercpthosts.cdb, each once; without rcpthosts there is none', () =>
    withControl(
      { rcpthosts: 'A.example\n.wide.example\n# no\n', 'morercpthosts.cdb': hosts('b.example', 'a.example') },
      (control, write, layout) => {
        assert.equal(control.hasRcptHosts(), true);
        assert.deepEqual([...(control.rcptHosts() ?? [])], ['a.example', '.wide.example', 'b.example']);
        write('morercpthosts.cdb', null);
        assert.deepEqual([...(control.rcptHosts() ?? [])], ['a.example', '.wide.example']);
        write('rcpthosts', null);
        assert.equal(control.hasRcptHosts(), false);
        assert.equal(control.rcptHosts(), undefined);
        fs.rmSync(layout.controlDirectory, { recursive: true });
        assert.throws(() => control.hasRcptHosts(), TemporaryError);
        assert.throws(() => control.rcptHosts(), TemporaryError);
      },
    ));
});
