// What our tools for accounts do beyond the originals, and where they end. What they do as the originals is in the recordings (test/cli/recordings.test.ts).

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { PasswordChecker } from '../../../src/auth/password.js';
import { type AccountHost, withAccountHost } from '../../admin/users/account-host.js';
import { type CalledTool, callTool, type ToolCall } from '../../support/call-tool.js';
import { changesBetween } from '../../support/recording.js';

const call = ({ root }: AccountHost, argv: readonly string[], options?: ToolCall): Promise<CalledTool> =>
  callTool(root, argv, options);
const ended = (exit: number, stdout = '', stderr = ''): CalledTool => ({ exit, stdout, stderr });

describe('vadduser', () => {
  it('hashes by another scheme on request', () =>
    withAccountHost(async (accounts) => {
      for (const [name, option] of [
        ['kim', ['--scheme', 'sha512']],
        ['lee', ['--scheme=6']],
      ] as const) {
        assert.deepEqual(await call(accounts, ['vadduser', ...option, `${name}@example.jp`, 'secret99']), ended(0));
        assert.match(accounts.hash(name), /^\$6\$/);
        assert.ok(await new PasswordChecker().verify('secret99', accounts.hash(name), 'example.jp'));
      }
    }));

  it('takes a password that is given, also with -r, and so does vpasswd', () =>
    withAccountHost(async (accounts) => {
      for (const argv of [
        ['vadduser', '-r', 'kim@example.jp', 'secret99'],
        ['vpasswd', '-r', 'kim@example.jp', 'secret77'],
      ]) {
        const password = argv.at(-1) as string;
        assert.deepEqual(await call(accounts, argv), ended(0, `Random password: ${password}\n`));
        assert.ok(await new PasswordChecker().verify(password, accounts.hash('kim'), 'example.jp'));
      }
    }));

  it('refuses a scheme that nobody knows', () =>
    withAccountHost(async (accounts) => {
      const called = await call(accounts, ['vadduser', '--scheme', 'rot13', 'kim@example.jp', 'x']);
      assert.deepEqual(called, ended(238, 'Error: Crypt failed\n', 'there is no scheme rot13\n'));
    }));

  it('leaves nothing behind when its quota or its hash is refused', () =>
    withAccountHost(async (accounts) => {
      const before = accounts.picture();
      const rows: readonly (readonly [string[], string])[] = [
        [['-q', '-5'], 'Error in vsetuserquota()\n'],
        [['-e', 'a:b'], 'Error in vauth_setpw()\n'],
        [['-e', 'x'.repeat(129)], 'Error in vauth_setpw()\n'],
      ];
      for (const [options, stdout] of rows)
        assert.deepEqual(await call(accounts, ['vadduser', ...options, 'kim@example.jp', 'x']), ended(255, stdout));
      assert.deepEqual(changesBetween(before, accounts.picture()), {});
    }));

  it('says what the original says of a lock that it cannot have', () =>
    withAccountHost(async (accounts) => {
      fs.rmSync(accounts.path('.vpasswd.lock'));
      fs.mkdirSync(accounts.path('.vpasswd.lock'));
      const called = await call(accounts, ['vadduser', 'kim@example.jp', 'x']);
      assert.deepEqual([called.exit, called.stdout], [233, 'Error: no authentication database connection\n']);
      assert.match(called.stderr, /\nFailed while attempting to add user to auth backend\n$/);
      const changed = await call(accounts, ['vpasswd', 'joe@example.jp', 'x']);
      assert.deepEqual([changed.exit, changed.stdout], [254, 'Error: Username exists\n']);
      assert.equal((await call(accounts, ['vmkpasswd', 'example.jp'])).exit, 254);
    }));
});

describe('vadduser --batch', () => {
  const list = `address,password,gecos,quota
kim@example.jp,secret99,"Kim, K.",10M
joe@example.jp,x
lee@example.jp

max:$1$abcdefgh$dJ8c39.UhXMhoPAflV/Py0:1:2:Max:/old:NOQUOTA:clear
bad name@example.jp,x
`;
  const refused = (file: string): string =>
    `${file}:4: there is no password\n${file}:3: joe@example.jp: Username exists\n${file}:7: bad name@example.jp: Illegal username\n`;

  it('adds what a file lists, and tells the lines that it refuses', () =>
    withAccountHost(async (accounts) => {
      const file = path.join(accounts.root, 'list');
      fs.writeFileSync(file, list);
      const called = await call(accounts, ['vadduser', '--batch', file, 'example.jp']);
      assert.deepEqual(called, ended(1, '2 accounts added, 3 refused\n', refused(file)));
      assert.equal(accounts.line('kim'), 'kim::1:0:Kim, K.:/home/vpopmail/domains/example.jp/kim:10485760S:secret99');
      assert.equal(accounts.line('max'), 'max::1:2:Max:/home/vpopmail/domains/example.jp/max:NOQUOTA:clear');
      assert.equal(accounts.isIndexed(), true);
    }));

  it('reads standard input, and hashes by another scheme on request', () =>
    withAccountHost(async (accounts) => {
      const options = ['--batch=-', '--scheme', 'sha512', 'example.jp'];
      const called = await call(accounts, ['vadduser', ...options], { stdin: list });
      assert.deepEqual(called, ended(1, '2 accounts added, 3 refused\n', refused('standard input')));
      assert.match(accounts.hash('kim'), /^\$6\$/);
      assert.match(accounts.hash('max'), /^\$1\$/, 'a finished hash stays');
    }));

  it('needs a domain for a line without one', () =>
    withAccountHost(async (accounts) => {
      const called = await call(accounts, ['vadduser', '--batch', '-'], { stdin: 'kim,x\n' });
      const text = 'standard input:1: kim: there is no domain; give one beside the list\n';
      assert.deepEqual(called, ended(1, '0 accounts added, 1 refused\n', text));
    }));

  it('ends with success when nothing is refused, and with trouble for a list that is not there', () =>
    withAccountHost(async (accounts) => {
      assert.deepEqual(
        await call(accounts, ['vadduser', '--batch', '-'], { stdin: 'kim@example.jp,x\n' }),
        ended(0, '1 accounts added, 0 refused\n'),
      );
      assert.equal((await call(accounts, ['vadduser', '--batch', '/nowhere/list'])).exit, 111);
      assert.equal((await call(accounts, ['vadduser', '--batch', '-', '--scheme', 'rot13'])).exit, 100);
    }));
});

describe('vuserinfo --json', () => {
  it('gives an account as an object', () =>
    withAccountHost(async (accounts) => {
      await call(accounts, ['vmoduser', '-p', '-q', '1M', '-c', 'Jos\xc3\xa9', 'joe@example.jp']);
      fs.writeFileSync(accounts.path('joe/lastauth'), '192.0.2.7');
      fs.utimesSync(accounts.path('joe/lastauth'), 1_700_000_000, 1_700_000_000);
      const { stdout, exit } = await call(accounts, ['vuserinfo', '--json', 'joe@alias.example.jp']);
      assert.equal(exit, 0);
      const { passwd, ...fields } = JSON.parse(Buffer.from(stdout, 'latin1').toString()) as Record<string, unknown>;
      assert.match(String(passwd), /^\$1\$/);
      assert.deepEqual(fields, {
        name: 'joe',
        domain: 'example.jp',
        clearPasswd: 'secret99',
        gecos: 'José',
        uid: 1,
        gid: 2,
        flags: 2,
        limits: [{ flag: 'NO_POP', byDomain: false }],
        dir: '/home/vpopmail/domains/example.jp/joe',
        quota: '1048576S',
        usedPercent: 0,
        created: null,
        lastLogin: { time: '2023-11-14T22:13:20.000Z', address: '192.0.2.7' },
      });
    }));

  it('gives a domain as an array, with the fields that are asked for', () =>
    withAccountHost(async (accounts) => {
      const { stdout } = await call(accounts, ['vuserinfo', '--json', '-Q', '-D', 'example.jp']);
      const row = (name: string): object => ({ name, domain: 'example.jp', usedPercent: null });
      assert.deepEqual(JSON.parse(stdout), [row('ann'), row('joe'), row('postmaster')]);
      assert.equal((await call(accounts, ['vuserinfo', '--json', '-D', 'nosuch'])).stdout, '[]\n');
    }));

  it('tells a line that is no account, and shows the rest', () =>
    withAccountHost(async (accounts) => {
      accounts.write('vpasswd', `# by hand\n${accounts.read('vpasswd')}`);
      const called = await call(accounts, ['vuserinfo', '-n', '-D', 'example.jp']);
      const text = 'vuserinfo: /home/vpopmail/domains/example.jp/vpasswd:1: this line is no account\n';
      assert.deepEqual(called, ended(0, 'ann\njoe\npostmaster\n', text));
    }));
});

describe('vdeloldusers', () => {
  it('counts days as they are, however many', () =>
    withAccountHost(async (accounts) => {
      fs.utimesSync(accounts.path('joe/lastauth'), 1_000_000_000, 1_000_000_000);
      const never = await call(accounts, ['vdeloldusers', '-a', '99999', '-D', '-d', 'example.jp']);
      assert.deepEqual(never, ended(0, 'no old users found\n'));
      assert.ok(accounts.line('joe'));
      assert.deepEqual(
        await call(accounts, ['vdeloldusers', '-D', '-V', '-d', 'example.jp']),
        ended(0, 'joe@example.jp\nskipping postmaster@example.jp\n'),
      );
      assert.equal(accounts.line('joe'), undefined);
    }));
});

describe('vmoduser', () => {
  it('empties the clear password with a new hash', () =>
    withAccountHost(async (accounts) => {
      assert.deepEqual(await call(accounts, ['vmoduser', '-e', '$1$a$b', 'joe@example.jp']), ended(0));
      assert.match(accounts.line('joe') ?? '', /:NOQUOTA:$/);
    }));

  it('hashes a clear password for each account of a domain', () =>
    withAccountHost(async (accounts) => {
      assert.deepEqual(
        await call(accounts, ['vmoduser', '-C', 'same99', '--scheme', 'sha256', 'example.jp']),
        ended(0),
      );
      const hashes = new Set(['ann', 'joe', 'postmaster'].map((name) => accounts.hash(name)));
      assert.equal(hashes.size, 3);
      for (const hash of hashes) assert.ok(await new PasswordChecker().verify('same99', hash, 'example.jp'), hash);
    }));

  it('refuses a line feed, which would begin an account', () =>
    withAccountHost(async (accounts) => {
      const before = accounts.picture();
      for (const letter of ['c', 'D', 'e', 'C'])
        assert.deepEqual(
          await call(accounts, ['vmoduser', `-${letter}`, 'x\nroot', 'joe@example.jp']),
          ended(236, 'Error: bad character\n'),
          letter,
        );
      assert.deepEqual(changesBetween(before, accounts.picture()), {});
    }));
});

describe('vconvert', () => {
  it('takes over the users of the host that have a password', () =>
    withAccountHost(async (accounts) => {
      const etc = path.join(accounts.root, 'etc');
      fs.writeFileSync(
        path.join(etc, 'passwd'),
        'root:x:0:0:root:/:/bin/sh\nkim:x:7:7:Kim,Room 1,:/home/kim:/bin/sh\n',
      );
      fs.writeFileSync(path.join(etc, 'shadow'), 'root:*:1::::::\nkim:$6$ab$cd:1::::::\n');
      const called = await call(accounts, ['vconvert', '-e', '-c', 'example.jp']);
      assert.deepEqual(called, ended(0, 'converting example.jp skipping root\ndone\n'));
      assert.equal(accounts.hash('kim'), '$6$ab$cd');
    }));
});

describe('an account that the originals do not name', () => {
  const tools: readonly (readonly [readonly string[], CalledTool])[] = [
    [['vpasswd', 'nobody@example.jp', 'x'], ended(255, 'Error: Illegal username\n')],
    [['vdeluser', 'nobody@example.jp'], ended(246, 'Error: User does not exist\n')],
    [['vmoduser', '-p', 'nobody@example.jp'], ended(255, 'no such user nobody@example.jp\n')],
    [['vsetuserquota', 'nobody@example.jp', '1M'], ended(246, 'Error: User does not exist\n')],
    [['vuserinfo', 'nobody@example.jp'], ended(255, 'no such user nobody@example.jp\n')],
    [['vdeloldusers', '-d', 'nosuch.example.jp', '-D'], ended(0, 'no old users found\n')],
    [['vmkpasswd', 'nosuch.example.jp'], ended(253)],
  ];
  for (const [argv, expected] of tools) {
    it(`touches nothing: ${argv.join(' ')}`, () =>
      withAccountHost(async (accounts) => {
        const before = accounts.picture();
        assert.deepEqual(await call(accounts, argv), expected);
        assert.deepEqual(changesBetween(before, accounts.picture()), {});
      }));
  }
});
