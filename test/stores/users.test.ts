import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { TemporaryError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { openHost } from '../../src/stores/host.js';
import { assignmentsTrouble, type Users } from '../../src/stores/users.js';
import { removeRoot } from '../support/recording.js';
import { assign, type BrokenHost, domain, soundHost, usersCdb } from './broken-hosts.js';

function withUsers(work: (users: Users, host: BrokenHost) => void): void {
  const host = soundHost();
  try {
    work(openHost(new Layout({ root: host.root })).users, host);
  } finally {
    removeRoot(host.root);
  }
}

describe('assignments', () => {
  it('are found by domain, with the directory as a host path and below the root', () =>
    withUsers((users, host) => {
      const found = {
        name: 'mailtest.example.jp',
        uid: 6020,
        gid: 6020,
        hostDirectory: domain,
        directory: host.disk(domain),
      };
      assert.deepEqual(users.domain('mailtest.example.jp'), found);
      assert.deepEqual(users.domain('MailTest.Example.JP'), found);
      assert.equal(users.domain('other.example'), undefined);
      assert.equal(users.domain(''), undefined);
    }));

  it('of an alias domain give the real one', () =>
    withUsers((users, host) => {
      host.addDomain('alias.example');
      assert.equal(users.domain('alias.example')?.name, 'mailtest.example.jp');
    }));

  it('are found by local part, longest first, simple before wildcard, and the rest keeps its case', () =>
    withUsers((users, host) => {
      const lines = [
        '+:any:1:1:/any:-::',
        '+joe-:joe:2:2:/joe:-::',
        '+joe-list-:list:3:3:/list:-:l-:',
        '=joe:joe:4:4:/simple:::',
      ];
      host.write(assign, `${lines.join('\n')}\n.\n`);
      host.newu();
      const seen = (local: string): unknown[] => {
        const found = users.find(local);
        return [found?.directory, found?.extension];
      };
      assert.deepEqual(seen('JOE'), ['/simple', '']);
      assert.deepEqual(seen('joe-Foo.Bar'), ['/joe', 'Foo.Bar']);
      assert.deepEqual(seen('joe-List-X'), ['/list', 'l-X']);
      assert.deepEqual(seen('ann'), ['/any', 'ann']);
    }));

  it('change at the next look-up: added, redirected, removed', () =>
    withUsers((users, host) => {
      for (let round = 0; round < 3; round++) {
        assert.equal(users.domain('new.example'), undefined);
        host.addDomain('new.example');
        assert.equal(users.domain('new.example')?.uid, 6020);
        host.replace(assign, '6020:6020', '7001:7001');
        assert.equal(users.domain('new.example')?.uid, 6020, 'only the cdb counts');
        host.newu();
        assert.equal(users.domain('new.example')?.uid, 7001);
        host.replace(assign, /^.*\n/, '');
        host.newu();
      }
    }));
});

describe('trouble with the assignments is a temporary failure, not an unknown domain', () => {
  const troubles: [string, (host: BrokenHost) => void][] = [
    ['users/cdb missing while assign is there', (host) => host.remove(usersCdb)],
    [
      'users/cdb missing, assign a directory',
      (host) => {
        host.remove(usersCdb);
        host.remove(assign);
        host.directory(assign);
      },
    ],
    [
      'users/cdb a directory',
      (host) => {
        host.remove(usersCdb);
        host.directory(usersCdb);
      },
    ],
    ['users/cdb empty', (host) => host.write(usersCdb, '')],
    ['users/cdb text', (host) => host.write(usersCdb, 'x'.repeat(4000))],
    ['users/cdb of zeros', (host) => host.write(usersCdb, Buffer.alloc(3000))],
    ['users/cdb cut off', (host) => host.write(usersCdb, host.read(usersCdb).subarray(0, -1))],
    [
      'a value that is no assignment',
      (host) => {
        host.replace(assign, ':6020:6020:', ':x:y:');
        host.newu();
      },
    ],
  ];
  for (const [name, damage] of troubles) {
    it(name, () =>
      withUsers((users, host) => {
        damage(host);
        const isTrouble = (error: unknown): boolean =>
          error instanceof TemporaryError && error.message === assignmentsTrouble;
        assert.throws(() => users.domain('mailtest.example.jp'), isTrouble);
        assert.throws(() => users.find('mailtest.example.jp-test'), isTrouble);
      }),
    );
  }

  it('but without assign and cdb there are simply none', () =>
    withUsers((users, host) => {
      host.remove('/var/qmail/users');
      assert.equal(users.domain('mailtest.example.jp'), undefined);
      assert.equal(users.find('joe'), undefined);
    }));

  it('and it ends when the cdb is back', () =>
    withUsers((users, host) => {
      const cdb = host.read(usersCdb);
      host.remove(usersCdb);
      assert.throws(() => users.domain('mailtest.example.jp'), TemporaryError);
      fs.writeFileSync(host.disk(usersCdb), cdb);
      assert.equal(users.domain('mailtest.example.jp')?.uid, 6020);
    }));
});
