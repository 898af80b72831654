// A host with many domains, at a size that a test can make. The full size (10,000 domains, 1,000,000 accounts) is in test/bench/benchmarks/stores.ts.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { check } from '../../src/cli/check.js';
import { Layout } from '../../src/layout.js';
import { openHost } from '../../src/stores/host.js';
import { withFolder } from '../files/folder.js';
import { capturedIo } from '../support/captured-io.js';
import { accountName, domainDirectory, domainName, makeLargeHost } from './large-host.js';

const names = [
  'accessSync',
  'openSync',
  'readdirSync',
  'opendirSync',
  'statSync',
  'lstatSync',
  'readFileSync',
] as const;

describe('a host with 300 domains', () => {
  it('is opened without looking at it', (t) =>
    withFolder((root) => {
      const layout = new Layout({ root });
      const calls = names.map((name) => t.mock.method(fs, name));
      openHost(layout);
      assert.equal(
        calls.reduce((sum, call) => sum + call.mock.callCount(), 0),
        0,
      );
    }));

  it('answers for every domain and account, and lists no directory for it', (t) =>
    withFolder((root) => {
      const host = openHost(makeLargeHost(root, { domains: 300, accountsPerDomain: 3 }));
      const lists = [t.mock.method(fs, 'readdirSync'), t.mock.method(fs, 'opendirSync')];
      for (let number = 0; number < 300; number++) {
        const name = domainName(number);
        assert.ok(host.control.isAllowedRecipientDomain(`a@${name}`), name);
        const domain = host.domain(name);
        assert.equal(domain?.hostDirectory, domainDirectory(number));
        assert.equal(domain?.account(accountName(2))?.hostDirectory, `${domainDirectory(number)}/${accountName(2)}`);
        assert.equal(domain?.account(accountName(3)), undefined);
        assert.equal(domain?.dotQmail('-default')?.lines.length, 1);
      }
      assert.equal(host.domain(domainName(300)), undefined);
      assert.deepEqual(
        lists.map((list) => list.mock.callCount()),
        [0, 0],
      );
    }));

  it('is sound, apart from the accounts whose directories were not made', () =>
    withFolder(async (root) => {
      const layout = makeLargeHost(root, { domains: 300, accountsPerDomain: 2, maildirsPerDomain: 1 });
      const io = capturedIo({ layout });
      assert.equal(await check([], io), 0);
      const lines = io.written().stdout.toString().split('\n').slice(0, -1);
      assert.equal(lines.filter((line) => line.includes('is missing; it is made anew at the next mail')).length, 300);
      const others = lines.filter((line) => !line.includes('is made anew'));
      assert.deepEqual(
        others.filter((line) => !/no (user|group) with/.test(line)),
        [],
      );
    }));
});

it('the domains of a large host lie where vadddomain puts them', () => {
  const recorded: [number, string][] = [
    [0, ''],
    [98, ''],
    [99, '0/'],
    [198, '0/'],
    [199, '1/'],
    [6199, 'z/'],
    [6299, '0/0/'],
    [6399, '0/1/'],
    [9999, '0/b/'],
  ];
  for (const [number, hash] of recorded) {
    assert.equal(domainDirectory(number), `/home/vpopmail/domains/${hash}${domainName(number)}`, `${number}`);
  }
});
