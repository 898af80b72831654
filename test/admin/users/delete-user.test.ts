import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { addUser } from '../../../src/admin/users/add-user.js';
import { DirectoryLeftError, deleteUser } from '../../../src/admin/users/delete-user.js';
import { VpopmailError } from '../../../src/admin/vpopmail-error.js';
import { changesBetween } from '../../support/recording.js';
import { type AccountHost, domainDirectory, withAccountHost } from './account-host.js';

const joe = { name: 'joe', domain: 'example.jp' };

/** Gives joe another directory in vpasswd. */
function moveJoe(accounts: AccountHost, directory: string): void {
  accounts.write('vpasswd', (accounts.read('vpasswd') ?? '').replace(`${domainDirectory}/joe`, directory));
}

describe('deleting an account', () => {
  it('takes its line, its index, its count and its mail', () =>
    withAccountHost(async (accounts) => {
      fs.writeFileSync(accounts.path('joe/Maildir/new/1.2.mail'), 'mail');
      await deleteUser(accounts.host, { name: 'JOE', domain: 'alias.example.jp' });
      assert.equal(accounts.line('joe'), undefined);
      assert.equal(accounts.isIndexed(), true);
      assert.equal(accounts.exists('joe'), false);
      assert.match(accounts.read('.dir-control') ?? '', /^2\n/);
      assert.ok(accounts.exists('ann/Maildir'));
      assert.deepEqual(
        fs.readdirSync(accounts.path('.')).filter((name) => name.startsWith('.v')),
        ['.vpasswd.lock'],
      );
    }));

  it('remembers the sub-directory, which the next one takes', () =>
    withAccountHost(async (accounts) => {
      accounts.write('.dir-control', '99\n0\n3\n0 0 0\n61 61 61\n0 2 2\n0 0 0\n\n');
      const kim = { ...joe, name: 'kim', secret: { password: 'x' } };
      await addUser(accounts.host, kim);
      assert.ok(accounts.exists('0/kim'));
      await deleteUser(accounts.host, kim);
      assert.equal(accounts.read('.dir_control_free'), '0\n');
      await addUser(accounts.host, { ...kim, name: 'lee' });
      assert.ok(accounts.exists('0/lee'));
      assert.equal(accounts.read('.dir_control_free'), '');
    }));

  for (const [why, account, kind] of [
    ['an unknown account', { ...joe, name: 'nobody' }, 'userDoesNotExist'],
    ['no name', { ...joe, name: '' }, 'userDoesNotExist'],
    ['an unknown domain', { ...joe, domain: 'nosuch.example.jp' }, 'domainDoesNotExist'],
  ] as const) {
    it(`is refused, and nothing is touched: ${why}`, () =>
      withAccountHost(async (accounts) => {
        const before = accounts.picture();
        await assert.rejects(
          deleteUser(accounts.host, account),
          (error) => error instanceof VpopmailError && error.kind === kind,
        );
        assert.deepEqual(changesBetween(before, accounts.picture()), {});
      }));
  }

  it('says so when the directory is gone already', () =>
    withAccountHost(async (accounts) => {
      fs.rmSync(accounts.path('joe'), { recursive: true });
      await assert.rejects(deleteUser(accounts.host, joe), DirectoryLeftError);
      assert.equal(accounts.line('joe'), undefined);
    }));

  const foreign: readonly (readonly [string, string])[] = [
    ['outside of the domain', '/home/vpopmail/domains/other'],
    ['that leaves the domain', `${domainDirectory}/../other`],
    ['of the domain itself', domainDirectory],
    ['above that of another account', `${domainDirectory}/0`],
    ['of another account', `${domainDirectory}/ann`],
    ['in that of another account', `${domainDirectory}/ann/Maildir`],
    ['that is none', ''],
  ];
  for (const [why, directory] of foreign) {
    it(`leaves a directory ${why}`, () =>
      withAccountHost(async (accounts) => {
        fs.mkdirSync(accounts.path('0/zed'), { recursive: true });
        fs.mkdirSync(accounts.path('../other'));
        moveJoe(accounts, directory);
        accounts.write('vpasswd', `${accounts.read('vpasswd')}zed:h:1:0:zed:${domainDirectory}/0/zed:NOQUOTA:\n`);
        await assert.rejects(deleteUser(accounts.host, joe), DirectoryLeftError);
        for (const name of ['joe', 'ann/Maildir', '0/zed', '../other']) assert.ok(accounts.exists(name), name);
        assert.equal(accounts.line('joe'), undefined);
      }));
  }

  it('removes a link in its place, and not what it points at', () =>
    withAccountHost(async (accounts) => {
      fs.rmSync(accounts.path('joe'), { recursive: true });
      fs.symlinkSync('ann', accounts.path('joe'));
      await deleteUser(accounts.host, joe);
      assert.equal(accounts.exists('joe'), false);
      assert.ok(accounts.exists('ann/Maildir/cur'));
    }));

  it('removes an account that was moved within the domain', () =>
    withAccountHost(async (accounts) => {
      fs.renameSync(accounts.path('joe'), accounts.path('moved'));
      moveJoe(accounts, `${domainDirectory}/moved`);
      await deleteUser(accounts.host, joe);
      assert.equal(accounts.exists('moved'), false);
    }));
});
