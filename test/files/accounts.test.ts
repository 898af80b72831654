import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { TemporaryError } from '../../src/errors.js';
import { SystemAccounts } from '../../src/files/accounts.js';
import { cLibrary } from '../../src/files/native/native.js';
import { Layout } from '../../src/layout.js';
import { withFolder } from './folder.js';

const passwd = 'root:x:0:0:root:/root:/bin/sh\nbroken line\nvpopmail:x:6020:6020:v:/home/vpopmail:/sbin/nologin\n';
const group = 'root:x:0:\nvchkpw:x:6020:\nmail:x:8:vpopmail,joe\nqmail:x:6010:joe\nadm:x:4:vpopmail\n';

function mounted(folder: string): SystemAccounts {
  fs.mkdirSync(path.join(folder, 'etc'));
  fs.writeFileSync(path.join(folder, 'etc/passwd'), passwd);
  fs.writeFileSync(path.join(folder, 'etc/group'), group);
  return new SystemAccounts(new Layout({ root: folder }));
}

describe('the accounts of a host tree below --root', () => {
  it('are those of its own etc/passwd and etc/group, by name and by number', () =>
    withFolder((folder) => {
      const accounts = mounted(folder);
      const vpopmail = { name: 'vpopmail', uid: 6020, gid: 6020, home: '/home/vpopmail' };
      assert.deepEqual(accounts.user('vpopmail'), vpopmail);
      assert.deepEqual(accounts.userById(6020), vpopmail);
      assert.deepEqual(accounts.group('vchkpw'), { name: 'vchkpw', gid: 6020 });
      assert.deepEqual(accounts.groupById(6010), { name: 'qmail', gid: 6010 });
      assert.deepEqual(accounts.groupsOf(vpopmail), [6020, 8, 4]);
      assert.equal(accounts.user('broken line'), undefined);
      assert.equal(accounts.user('daemon'), undefined, 'this machine has one, the tree has none');
    }));

  it('are read again when the file changes', () =>
    withFolder((folder) => {
      const accounts = mounted(folder);
      accounts.user('vpopmail');
      fs.writeFileSync(path.join(folder, 'etc/passwd'), passwd.replace('6020', '89'));
      assert.equal(accounts.user('vpopmail')?.uid, 89);
    }));

  it('are a temporary failure when the file cannot be read', () =>
    withFolder((folder) => {
      fs.mkdirSync(path.join(folder, 'etc/passwd'), { recursive: true });
      assert.throws(() => new SystemAccounts(new Layout({ root: folder })).user('root'), TemporaryError);
    }));
});

const ways: [string, SystemAccounts][] = [
  ['through the C library', new SystemAccounts(new Layout())],
  ['from /etc/passwd where the C library cannot be called', new SystemAccounts(new Layout(), () => undefined)],
  ['for a tree without etc/passwd', new SystemAccounts(new Layout({ root: '/nonexistent' }))],
];
for (const [way, accounts] of ways) {
  it(`the accounts of this machine are found ${way}`, () => {
    const me = os.userInfo();
    assert.deepEqual(accounts.user(me.username), { name: me.username, uid: me.uid, gid: me.gid, home: me.homedir });
    assert.equal(accounts.userById(me.uid)?.name, me.username);
    const groupName = execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim();
    assert.deepEqual(accounts.group(groupName), { name: groupName, gid: me.gid });
    assert.equal(accounts.groupById(me.gid)?.name, groupName);
    assert.equal(accounts.user('no-such-user-here'), undefined);
    assert.equal(accounts.userById(3_999_999_999), undefined);
    assert.equal(accounts.group('no-such-group-here'), undefined);
    assert.equal(accounts.groupById(3_999_999_999), undefined);
    const groups = execFileSync('id', ['-G', me.username], { encoding: 'utf8' }).trim().split(' ').map(Number);
    const user = accounts.user(me.username);
    assert.deepEqual(new Set(user && accounts.groupsOf(user)), new Set(groups));
  });
}

it('a database that cannot be asked is a temporary failure, not an unknown user', () => {
  const library = cLibrary();
  assert.ok(library, 'the C library can be called on the machines that run the tests');
  const failing = { ...library, userByName: () => assert.fail('EIO') };
  assert.throws(() => new SystemAccounts(new Layout(), () => failing).user('root'), TemporaryError);
});
