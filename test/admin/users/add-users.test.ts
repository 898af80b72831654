import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { addUsers } from '../../../src/admin/users/add-users.js';
import type { AddUserRequest } from '../../../src/admin/users/new-account.js';
import { TemporaryError } from '../../../src/errors.js';
import { changesBetween } from '../../support/recording.js';
import { withAccountHost } from './account-host.js';

const request = (name: string, domain = 'example.jp'): AddUserRequest => ({
  name,
  domain,
  secret: { password: 'secret99' },
});

describe('many accounts', () => {
  it('are added in one rewrite, spread over directories', () =>
    withAccountHost(async (accounts) => {
      const names = Array.from({ length: 250 }, (_, number) => `user${number}`);
      const progress: number[] = [];
      const added = await addUsers(
        accounts.host,
        names.map((name) => request(name)),
        { onProgress: (done) => progress.push(done) },
      );
      assert.equal(added, 250);
      assert.equal(accounts.isIndexed(), true);
      assert.match(accounts.read('.dir-control') ?? '', /^253\n.*\n1\n$/s);
      assert.match(accounts.line('user0') ?? '', /:\/home\/vpopmail\/domains\/example\.jp\/user0:/);
      assert.match(accounts.line('user249') ?? '', /\/example\.jp\/1\/user249:/);
      assert.equal(accounts.read('1/user249/lastauth'), '0.0.0.0');
      assert.ok(accounts.exists('0/user150/Maildir/tmp'));
      assert.equal(progress.at(-1), 250);
      assert.deepEqual(
        fs.readdirSync(accounts.path('.')).filter((name) => name.startsWith('.v')),
        ['.vpasswd.lock'],
      );
      const sorted = (accounts.read('vpasswd') ?? '').split('\n').map((line) => line.split(':')[0]);
      assert.deepEqual(sorted.slice(0, -1), sorted.slice(0, -1).sort());
    }));

  it('are added but for those that are refused, each with its reason', () =>
    withAccountHost(async (accounts) => {
      const refused = new Map<number, string>();
      fs.mkdirSync(accounts.path('taken'));
      const added = await addUsers(
        accounts.host,
        [
          request('kim'),
          request('joe'),
          request('KIM'),
          request('../up'),
          request('x', 'nosuch.example.jp'),
          request('taken'),
          { ...request('lee'), secret: { password: 'p'.repeat(129) } },
          request('max', 'alias.example.jp'),
        ],
        { onRefused: ({ index, reason }) => refused.set(index, reason.kind) },
      );
      assert.equal(added, 2);
      assert.deepEqual([...refused].sort(), [
        [1, 'usernameExists'],
        [2, 'usernameExists'],
        [3, 'illegalUsername'],
        [4, 'domainDoesNotExist'],
        [5, 'userDirectoryExists'],
        [6, 'passwordTooLong'],
      ]);
      assert.ok(accounts.line('kim') && accounts.line('max') && accounts.isIndexed());
    }));

  it('leave nothing when the domain cannot be written', () =>
    withAccountHost(async (accounts) => {
      fs.mkdirSync(accounts.path('cdb.tmp'));
      const before = accounts.picture();
      await assert.rejects(addUsers(accounts.host, [request('kim'), request('lee')]), TemporaryError);
      assert.deepEqual(changesBetween(before, accounts.picture()), {});
    }));

  it('leave nothing when all are refused', () =>
    withAccountHost(async (accounts) => {
      const before = accounts.picture();
      assert.equal(await addUsers(accounts.host, [request('joe'), request('a b')]), 0);
      assert.deepEqual(changesBetween(before, accounts.picture()), {});
    }));
});
