import assert from 'node:assert/strict';
import { chmodSync, statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { rehashUsers } from '../../../src/admin/users/rehash.js';
import { VpopmailError } from '../../../src/admin/vpopmail-error.js';
import { rebuildIndex } from '../../../src/stores/accounts/user-database.js';
import type { Domain } from '../../../src/stores/domains/domain.js';
import { type AccountHost, withAccountHost } from './account-host.js';

const domainOf = ({ host }: AccountHost): Domain => host.domain('example.jp') ?? assert.fail();

describe('other hashes of the same passwords', () => {
  it('change nothing but the hash, in vpasswd and in the cdb, and leave its mode', () =>
    withAccountHost(async (accounts) => {
      chmodSync(accounts.path('vpasswd'), 0o640);
      const before = accounts.read('vpasswd') ?? '';
      const changes = ['joe', 'ann'].map((name) => ({ name, from: accounts.hash(name), to: `$6$new$${name}` }));
      assert.equal(await rehashUsers(domainOf(accounts), changes), 2);
      const expected = changes.reduce((text, { from, to }) => text.replace(from, () => to), before);
      assert.equal(accounts.read('vpasswd'), expected);
      assert.ok(accounts.isIndexed());
      assert.equal(statSync(accounts.path('vpasswd')).mode & 0o777, 0o640);
    }));

  it('do not take the place of a password that was set meanwhile, or of an account that is gone', () =>
    withAccountHost(async (accounts) => {
      const before = accounts.picture();
      const changes = [
        { name: 'joe', from: '$1$another$hash', to: '$6$x$y' },
        { name: 'nosuch', from: accounts.hash('joe'), to: '$6$x$y' },
      ];
      assert.equal(await rehashUsers(domainOf(accounts), changes), 0);
      assert.deepEqual(accounts.picture(), before);
    }));

  it('keep odd lines and fields as they are', () =>
    withAccountHost(async (accounts) => {
      const text =
        'no colon\njoe:h:007:0x1:a b:/d:q:clear:with:colons\r\njoe:h:1:0:second::\nann:i:1:0:ann:/d:NOQUOTA\n';
      accounts.write('vpasswd', text);
      await rebuildIndex(domainOf(accounts));
      assert.equal(await rehashUsers(domainOf(accounts), [{ name: 'joe', from: 'h', to: 'new' }]), 1);
      assert.equal(accounts.read('vpasswd'), text.replaceAll('joe:h:', 'joe:new:'));
    }));

  it("leave a line that would be too long for vpopmail's tools, and say so when there is no other", () =>
    withAccountHost(async (accounts) => {
      const long = `joe:h:1:0:${'c'.repeat(200)}:/d:NOQUOTA\nann:i:1:0:ann:/d:NOQUOTA\n`;
      accounts.write('vpasswd', long);
      await rebuildIndex(domainOf(accounts));
      const to = `$6$abcdefgh$${'x'.repeat(86)}`;
      const [joe, ann] = [
        { name: 'joe', from: 'h', to },
        { name: 'ann', from: 'i', to },
      ];
      await assert.rejects(rehashUsers(domainOf(accounts), [joe]), VpopmailError);
      assert.equal(accounts.read('vpasswd'), long);
      assert.equal(await rehashUsers(domainOf(accounts), [joe, ann]), 1);
      assert.equal(accounts.read('vpasswd'), long.replace('ann:i:', `ann:${to}:`));
    }));
});
