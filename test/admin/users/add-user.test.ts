import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { type AddUserRequest, addUser } from '../../../src/admin/users/add-user.js';
import { VpopmailError, type VpopmailErrorName } from '../../../src/admin/vpopmail-error.js';
import { PasswordChecker } from '../../../src/auth/password.js';
import { TemporaryError } from '../../../src/errors.js';
import { rebuildIndex } from '../../../src/stores/accounts/user-database.js';
import { changesBetween } from '../../support/recording.js';
import { domainDirectory, withAccountHost } from './account-host.js';

const isRoot = process.getuid?.() === 0;
const kim: AddUserRequest = { name: 'kim', domain: 'example.jp', secret: { password: 'secret99' } };

const md5 = (user: string): string => `${user}:$1$abcdefgh$dJ8c39.UhXMhoPAflV/Py0:1:0:::`;

describe('an account', () => {
  it('is added with its line, its index, its directory and its count', () =>
    withAccountHost(async (accounts) => {
      await addUser(accounts.host, { ...kim, name: 'Kim', domain: 'ALIAS.example.jp' });
      assert.equal(accounts.line('kim'), `kim::1:0:kim:${domainDirectory}/kim:NOQUOTA:secret99`);
      assert.ok(await new PasswordChecker().verify('secret99', accounts.hash('kim'), 'example.jp'));
      assert.equal(accounts.isIndexed(), true);
      assert.match(accounts.read('.dir-control') ?? '', /^4\n/);
      assert.equal(accounts.read('kim/lastauth'), '0.0.0.0');
      for (const name of ['kim', 'kim/Maildir', 'kim/Maildir/cur', 'kim/Maildir/new', 'kim/Maildir/tmp'])
        assert.equal(fs.statSync(accounts.path(name)).mode & 0o777, 0o700, name);
      assert.deepEqual(
        fs.readdirSync(accounts.path('.')).filter((name) => name.startsWith('.v')),
        ['.vpasswd.lock'],
      );
    }));

  it('is limited as it is asked for, or as the domain says', () =>
    withAccountHost(async (accounts) => {
      await addUser(accounts.host, { ...kim, quota: '2G,10C' });
      assert.match(accounts.line('kim') ?? '', /:2147483648S,10C:secret99$/);
      assert.equal(accounts.read('kim/Maildir/maildirsize'), '2147483648S,10C\n0 0\n');
      accounts.write('.qmailadmin-limits', 'default_quota 1000\ndefault_maxmsgcount 5\n');
      await addUser(accounts.host, { ...kim, name: 'lee' });
      assert.equal(accounts.read('lee/Maildir/maildirsize'), '1000S,5C\n0 0\n');
    }));

  it('goes by a finished hash, and by none', () =>
    withAccountHost(async (accounts) => {
      await addUser(accounts.host, { ...kim, secret: { hash: '$6$x$y', clear: 'known' }, gid: 2, gecos: 'Kim' });
      assert.equal(accounts.line('kim'), `kim::1:2:Kim:${domainDirectory}/kim:NOQUOTA:known`);
      assert.equal(accounts.hash('kim'), '$6$x$y');
      await addUser(accounts.host, { ...kim, name: 'lee', secret: { password: '' } });
      assert.equal(accounts.hash('lee'), '');
    }));

  const styles: readonly (readonly [string, string, AddUserRequest['secret'], RegExp])[] = [
    [
      '$6$ where the domain has it',
      `joe:$6$abcdefgh$${'x'.repeat(86)}:1:0:::q:c\n`,
      kim.secret,
      /^kim:\$6\$.*:secret99$/,
    ],
    ['$1$ where the domain has DES alone', 'joe:abJnggxhB/yWI:1:0:::q:c\n', kim.secret, /^kim:\$1\$.*:secret99$/],
    [
      'another scheme on request',
      `${md5('joe')}q:c\n`,
      { password: 'secret99', scheme: 'sha256' },
      /^kim:\$5\$.*:secret99$/,
    ],
    ['no clear password where the domain keeps none', `${md5('joe')}q\n`, kim.secret, /^kim:\$1\$.*:NOQUOTA$/],
    ['as the host, in an empty domain', '', kim.secret, /^kim:\$1\$.*:secret99$/],
  ];
  for (const [why, vpasswd, secret, expected] of styles) {
    it(`is kept as the others are: ${why}`, () =>
      withAccountHost(async (accounts) => {
        accounts.write('vpasswd', vpasswd);
        await addUser(accounts.host, { ...kim, secret });
        assert.match(
          (accounts.read('vpasswd') ?? '').split('\n').find((line) => line.startsWith('kim:')) ?? '',
          expected,
        );
      }));
  }

  const refusals: readonly (readonly [string, Partial<AddUserRequest>, VpopmailErrorName])[] = [
    ['a name that is there', { name: 'JOE' }, 'usernameExists'],
    ['one character', { name: 'k' }, 'illegalUsername'],
    ['a blank', { name: 'k m' }, 'illegalUsername'],
    ['a byte that is not ASCII', { name: 'k\xe9' }, 'illegalUsername'],
    ['a line feed in the name', { name: 'kim\nx' }, 'illegalUsername'],
    ['a name that leaves the domain', { name: '../kim' }, 'illegalUsername'],
    ['a name that begins with a dot', { name: '.kim' }, 'illegalUsername'],
    ['a name that is too long', { name: 'k'.repeat(33) }, 'userNameTooLong'],
    ['an unknown domain', { domain: 'nosuch.example.jp' }, 'domainDoesNotExist'],
    ['no domain', { domain: '' }, 'domainDoesNotExist'],
    ['a bad domain', { domain: 'ex ample' }, 'invalidDomainName'],
    ['a colon in the comment', { gecos: 'a:b' }, 'badCharacter'],
    ['a line feed in the comment', { gecos: 'a\nb' }, 'badCharacter'],
    ['a comment that is too long', { gecos: 'c'.repeat(49) }, 'gecosTooLong'],
    ['a password that is too long', { secret: { password: 'p'.repeat(129) } }, 'passwordTooLong'],
    ['a line feed in the password', { secret: { password: 'a\nb' } }, 'badCharacter'],
    ['a colon in the hash', { secret: { hash: 'a:b' } }, 'badCharacter'],
    ['a negative quota', { quota: '-5' }, 'quotaTooLong'],
    ['a quota that is too long', { quota: `${'9'.repeat(20)}S` }, 'quotaTooLong'],
    ['an unknown scheme', { secret: { password: 'x', scheme: 'rot13' } }, 'cryptFailed'],
    [
      'a line on which the originals crash',
      { secret: { password: 'p'.repeat(128) }, gecos: 'c'.repeat(48), name: 'k'.repeat(20) },
      'clearPasswordTooLong',
    ],
  ];
  for (const [why, change, kind] of refusals) {
    it(`is refused, and nothing is touched: ${why}`, () =>
      withAccountHost(async (accounts) => {
        const before = accounts.picture();
        await assert.rejects(
          addUser(accounts.host, { ...kim, ...change }),
          (error) => error instanceof VpopmailError && error.kind === kind,
        );
        assert.deepEqual(changesBetween(before, accounts.picture()), {});
      }));
  }

  it('is refused where something has the name of its directory; only the count goes up, as in vpopmail', () =>
    withAccountHost(async (accounts) => {
      const before = accounts.picture();
      for (const name of ['vpasswd', '..', '.qmail-default', 'no/where', ''])
        await assert.rejects(
          addUser(accounts.host, { ...kim, name }),
          (error) => error instanceof VpopmailError && error.kind === 'userDirectoryExists',
          name,
        );
      assert.deepEqual(Object.keys(changesBetween(before, accounts.picture())), [`${domainDirectory}/.dir-control`]);
    }));

  it('is refused where the limits of the domain are nowhere', () =>
    withAccountHost(async (accounts) => {
      fs.rmSync(accounts.host.layout.etc('vlimits.default'));
      const before = accounts.picture();
      await assert.rejects(
        addUser(accounts.host, kim),
        (error) => error instanceof VpopmailError && error.kind === 'cannotReadLimits',
      );
      assert.deepEqual(changesBetween(before, accounts.picture()), {});
    }));

  it('leaves nothing when it cannot be written half-way', () =>
    withAccountHost(async (accounts) => {
      fs.mkdirSync(accounts.path('cdb.tmp'));
      const before = accounts.picture();
      await assert.rejects(addUser(accounts.host, kim), TemporaryError);
      assert.deepEqual(changesBetween(before, accounts.picture()), {});
    }));

  it('leaves nothing when .dir-control cannot be replaced', () =>
    withAccountHost(async (accounts) => {
      fs.mkdirSync(accounts.path(`.dir-control.${process.pid}`));
      const before = accounts.picture();
      await assert.rejects(addUser(accounts.host, kim), TemporaryError);
      assert.deepEqual(changesBetween(before, accounts.picture()), {});
    }));

  it('takes away what a killed tool left', () =>
    withAccountHost(async (accounts) => {
      for (const name of ['.vadduser.999999999.abc/joe/Maildir', '.vdeluser.999999999.abc/ann', `.vadduser.1.abc`])
        fs.mkdirSync(accounts.path(name), { recursive: true });
      await addUser(accounts.host, kim);
      assert.deepEqual(
        fs.readdirSync(accounts.path('.')).filter((name) => name.startsWith('.v')),
        ['.vadduser.1.abc', '.vpasswd.lock'],
        'a process that runs keeps its own',
      );
    }));

  it('that only the index lacks is there, and the index is mended', () =>
    withAccountHost(async (accounts) => {
      accounts.write('vpasswd', `${accounts.read('vpasswd')}${md5('zed')}NOQUOTA:\n`);
      assert.equal(accounts.isIndexed(), false);
      await assert.rejects(addUser(accounts.host, { ...kim, name: 'zed' }), VpopmailError);
      assert.equal(accounts.isIndexed(), true);
    }));

  it('is added where comments and broken lines are, which stay', () =>
    withAccountHost(async (accounts) => {
      const before = `# by hand\n\n${accounts.read('vpasswd')}zz:short`;
      accounts.write('vpasswd', before);
      await addUser(accounts.host, kim);
      const added = (accounts.read('vpasswd') ?? '').split('\n').filter((line) => !line.startsWith('kim:'));
      assert.equal(added.join('\n'), `${before}\n`);
      assert.equal(accounts.isIndexed(), true);
    }));

  it('are not lost when many are added at once', () =>
    withAccountHost(async (accounts) => {
      const names = Array.from({ length: 12 }, (_, number) => `user${number}`);
      await Promise.all(names.map((name) => addUser(accounts.host, { ...kim, name })));
      assert.deepEqual(
        names.filter((name) => accounts.line(name) === undefined || !accounts.exists(name)),
        [],
      );
      assert.equal(accounts.isIndexed(), true);
      assert.match(accounts.read('.dir-control') ?? '', /^15\n/);
    }));

  it('belongs to the owner of the domain', { skip: !isRoot }, () =>
    withAccountHost(async (accounts) => {
      await addUser(accounts.host, { ...kim, quota: '1M' });
      for (const name of [
        'kim',
        'kim/lastauth',
        'kim/Maildir/new',
        'kim/Maildir/maildirsize',
        'vpasswd',
        'vpasswd.cdb',
        '.dir-control',
      ]) {
        const { uid, gid } = fs.statSync(accounts.path(name));
        assert.deepEqual([uid, gid], [6020, 6020], name);
      }
    }),
  );
});

describe('a domain without vpasswd.cdb', () => {
  it('gets one with the next account', () =>
    withAccountHost(async (accounts) => {
      fs.rmSync(accounts.path('vpasswd.cdb'));
      await addUser(accounts.host, kim);
      assert.equal(accounts.isIndexed(), true);
      await rebuildIndex(accounts.host.domain('example.jp') ?? assert.fail());
    }));
});
