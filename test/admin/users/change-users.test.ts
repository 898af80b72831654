import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { withoutColons } from '../../../src/admin/users/account-rules.js';
import { type AccountChange, changeAllUsers, changeUser } from '../../../src/admin/users/change-users.js';
import { setPassword } from '../../../src/admin/users/set-password.js';
import { setQuota, setQuotaOfAll } from '../../../src/admin/users/set-quota.js';
import { VpopmailError, type VpopmailErrorName } from '../../../src/admin/vpopmail-error.js';
import { PasswordChecker } from '../../../src/auth/password.js';
import { rebuildIndex } from '../../../src/stores/accounts/user-database.js';
import type { Domain } from '../../../src/stores/domains/domain.js';
import { changesBetween } from '../../support/recording.js';
import { type AccountHost, domainDirectory, withAccountHost } from './account-host.js';

const style = { prefix: '$1$', keepsClear: true };
const joe = { name: 'joe', domain: 'example.jp' };
const domainOf = ({ host }: AccountHost): Domain => host.domain('example.jp') ?? assert.fail();
const isKind = (kind: VpopmailErrorName) => (error: unknown) => error instanceof VpopmailError && error.kind === kind;

describe('changing an account', () => {
  const changes: readonly (readonly [string, AccountChange, string])[] = [
    ['nothing', {}, `joe::1:0:joe:${domainDirectory}/joe:NOQUOTA:secret99`],
    ['comment', { gecos: 'Joe' }, `joe::1:0:Joe:${domainDirectory}/joe:NOQUOTA:secret99`],
    ['directory', { dir: '/x' }, 'joe::1:0:joe:/x:NOQUOTA:secret99'],
    ['quota', { quota: '' }, `joe::1:0:joe:${domainDirectory}/joe::secret99`],
    ['flags', { setFlags: 10 }, `joe::1:10:joe:${domainDirectory}/joe:NOQUOTA:secret99`],
    ['password', { secret: { hash: 'x', clear: 'new' } }, `joe::1:0:joe:${domainDirectory}/joe:NOQUOTA:new`],
    [
      'hash alone: the old clear password goes',
      { secret: { hash: 'x' } },
      `joe::1:0:joe:${domainDirectory}/joe:NOQUOTA:`,
    ],
  ];
  for (const [what, change, line] of changes) {
    it(`changes its ${what}`, () =>
      withAccountHost(async (accounts) => {
        await changeUser(domainOf(accounts), 'JOE', style, () => change);
        assert.equal(accounts.line('joe'), line);
        assert.equal(accounts.isIndexed(), true);
        assert.match(accounts.line('ann') ?? '', /:secret99$/);
      }));
  }

  it('keeps flag bits that have no name, and clears all', () =>
    withAccountHost(async (accounts) => {
      accounts.write('vpasswd', (accounts.read('vpasswd') ?? '').replace(/^(joe:[^:]*):1:0:/m, '$1:1:1073741824:'));
      await rebuildIndex(domainOf(accounts));
      await changeUser(domainOf(accounts), 'joe', style, () => ({ setFlags: 2 }));
      assert.match(accounts.line('joe') ?? '', /^joe::1:1073741826:/);
      await changeUser(domainOf(accounts), 'joe', style, () => ({ setFlags: 4, clearFlags: true }));
      assert.match(accounts.line('joe') ?? '', /^joe::1:4:/);
    }));

  it('fills in what a line lacks', () =>
    withAccountHost(async (accounts) => {
      accounts.write('vpasswd', 'joe:h:1:0\n');
      await rebuildIndex(domainOf(accounts));
      await changeUser(domainOf(accounts), 'joe', style, () => ({ setFlags: 2 }));
      assert.equal(accounts.read('vpasswd'), 'joe:h:1:2::::\n');
    }));

  it('goes by the fields in the index, as vpopmail does', () =>
    withAccountHost(async (accounts) => {
      await changeUser(domainOf(accounts), 'joe', style, () => ({ gecos: 'In text' }), { index: false });
      await changeUser(domainOf(accounts), 'joe', style, () => ({ setFlags: 2 }));
      assert.match(accounts.line('joe') ?? '', /^joe::1:2:joe:/);
    }));

  it('goes by the text where the index is none', () =>
    withAccountHost(async (accounts) => {
      accounts.write('vpasswd.cdb', 'garbage');
      await changeUser(domainOf(accounts), 'joe', style, () => ({ gecos: 'Mended' }));
      assert.match(accounts.line('joe') ?? '', /:Mended:/);
      assert.equal(accounts.isIndexed(), true);
    }));

  it('drops the eighth field where the domain keeps no clear passwords', () =>
    withAccountHost(async (accounts) => {
      await changeUser(domainOf(accounts), 'joe', { ...style, keepsClear: false }, () => ({}));
      assert.equal(accounts.line('joe'), `joe::1:0:joe:${domainDirectory}/joe:NOQUOTA`);
    }));

  const refusals: readonly (readonly [string, string, AccountChange, VpopmailErrorName])[] = [
    ['an unknown account', 'nobody', {}, 'userDoesNotExist'],
    ['a line feed in the comment', 'joe', { gecos: 'a\nb' }, 'badCharacter'],
    ['a comment that is too long', 'joe', { gecos: 'c'.repeat(49) }, 'gecosTooLong'],
    ['a directory that is too long', 'joe', { dir: `/${'d'.repeat(160)}` }, 'directoryTooLong'],
    ['a colon in the hash', 'joe', { secret: { hash: 'a:b' } }, 'badCharacter'],
    ['a line feed in the clear password', 'joe', { secret: { hash: 'x', clear: 'a\nb' } }, 'badCharacter'],
    [
      'a line on which the originals crash',
      'joe',
      { secret: { hash: 'h'.repeat(98), clear: 'p'.repeat(120) } },
      'clearPasswordTooLong',
    ],
  ];
  for (const [why, name, change, kind] of refusals) {
    it(`is refused, and nothing is touched: ${why}`, () =>
      withAccountHost(async (accounts) => {
        const before = accounts.picture();
        await assert.rejects(
          changeUser(domainOf(accounts), name, style, () => change),
          isKind(kind),
        );
        await assert.rejects(
          changeAllUsers(domainOf(accounts), style, () => ({ ...change, gecos: 'a\nb' })),
          VpopmailError,
        );
        assert.deepEqual(changesBetween(before, accounts.picture()), {});
      }));
  }

  it('loses no change of somebody else at the same moment', () =>
    withAccountHost(async (accounts) => {
      const bits = [1, 2, 4, 8, 16, 32];
      await Promise.all(bits.map((bit) => changeUser(domainOf(accounts), 'joe', style, () => ({ setFlags: bit }))));
      assert.match(accounts.line('joe') ?? '', /^joe::1:63:/);
    }));
});

describe('changing all accounts of a domain', () => {
  it('changes each, and leaves what is no account', () =>
    withAccountHost(async (accounts) => {
      accounts.write('vpasswd', `# kept\n${accounts.read('vpasswd')}short:h:1\n`);
      const changed = await changeAllUsers(domainOf(accounts), style, ({ name }) => ({ gecos: name.toUpperCase() }));
      assert.deepEqual(
        changed.map(({ name }) => name),
        ['ann', 'joe', 'postmaster'],
      );
      assert.match(
        accounts.read('vpasswd') ?? '',
        /^# kept\nann:.*:ANN:.*\njoe:.*:JOE:.*\npostmaster:.*\nshort:h:1\n$/,
      );
      assert.equal(accounts.isIndexed(), true);
    }));
});

describe('a comment with colons', () => {
  const rows = { plain: 'plain', 'co:lon': 'colonn', 'x:y': 'xyy', 'a::b': 'ab', 'a:': 'a', ':': '', 'a:b:c': 'abcbc' };
  for (const [given, stored] of Object.entries(rows)) {
    it(`${JSON.stringify(given)} is stored as ${JSON.stringify(stored)}`, () => {
      assert.equal(withoutColons(given).includes(':'), false);
      if (given !== 'a:b:c') assert.equal(withoutColons(given), stored);
    });
  }
});

describe('a new password', () => {
  it('is verified by crypt(3), and stands in clear where the domain keeps that', () =>
    withAccountHost(async (accounts) => {
      await setPassword(accounts.host, { ...joe, password: 'with:colon' }, { mode: 0o644 });
      assert.match(accounts.line('joe') ?? '', /:with:colon$/);
      assert.ok(await new PasswordChecker().verify('with:colon', accounts.hash('joe'), 'example.jp'));
      assert.equal(fs.statSync(accounts.path('vpasswd')).mode & 0o777, 0o644);
      assert.equal(accounts.isIndexed(), true);
    }));

  it('is hashed by another scheme on request', () =>
    withAccountHost(async (accounts) => {
      await setPassword(accounts.host, { ...joe, password: 'x', scheme: '$6$' });
      assert.match(accounts.hash('joe'), /^\$6\$/);
    }));

  it('is refused where it may not be changed, by the account or by the domain', () =>
    withAccountHost(async (accounts) => {
      accounts.write('.qmailadmin-limits', 'disable_password_changing\n');
      await assert.rejects(setPassword(accounts.host, { ...joe, password: 'x' }), isKind('illegalUsername'));
      fs.rmSync(accounts.path('.qmailadmin-limits'));
      await changeUser(domainOf(accounts), 'joe', style, () => ({ setFlags: 1 }));
      const before = accounts.picture();
      await assert.rejects(setPassword(accounts.host, { ...joe, password: 'x' }), isKind('illegalUsername'));
      for (const unknown of [
        { ...joe, name: 'nobody' },
        { ...joe, domain: 'nosuch' },
      ])
        await assert.rejects(setPassword(accounts.host, { ...unknown, password: 'x' }), isKind('illegalUsername'));
      await assert.rejects(
        setPassword(accounts.host, { ...joe, password: 'p'.repeat(129) }),
        isKind('passwordTooLong'),
      );
      assert.deepEqual(changesBetween(before, accounts.picture()), {});
    }));
});

describe('a new quota', () => {
  it('comes into vpasswd, and maildirsize is counted again', () =>
    withAccountHost(async (accounts) => {
      fs.writeFileSync(accounts.path('joe/Maildir/cur/1.mail,S=1200:2,S'), '');
      fs.writeFileSync(accounts.path('joe/Maildir/new/2.mail'), 'x'.repeat(50));
      await setQuota(accounts.host, joe, '10M,1000C');
      assert.match(accounts.line('joe') ?? '', /:10485760S,1000C:secret99$/);
      assert.equal(accounts.read('joe/Maildir/maildirsize'), '10485760S,1000C\n1250 2\n');
      await setQuota(accounts.host, joe, 'NOQUOTA');
      assert.equal(accounts.exists('joe/Maildir/maildirsize'), false);
    }));

  it('comes to all of a domain', () =>
    withAccountHost(async (accounts) => {
      fs.rmSync(accounts.path('ann'), { recursive: true });
      await setQuotaOfAll(accounts.host, 'ALIAS.example.jp', '1T');
      for (const name of ['ann', 'joe', 'postmaster'])
        assert.match(accounts.line(name) ?? '', /:1099511627776S:/, name);
      assert.equal(accounts.read('postmaster/Maildir/maildirsize'), '1099511627776S\n0 0\n');
      assert.equal(accounts.exists('ann'), false);
    }));

  it('is refused, and nothing is touched', () =>
    withAccountHost(async (accounts) => {
      const before = accounts.picture();
      for (const quota of ['-1', '-1C', '9'.repeat(21), '9999999999999999999S,9C'])
        await assert.rejects(setQuota(accounts.host, joe, quota), isKind('quotaTooLong'), quota);
      await assert.rejects(setQuota(accounts.host, { ...joe, name: 'nobody' }, '1M'), isKind('userDoesNotExist'));
      await assert.rejects(setQuotaOfAll(accounts.host, 'nosuch', '1M'), isKind('domainDoesNotExist'));
      assert.deepEqual(changesBetween(before, accounts.picture()), {});
    }));
});
