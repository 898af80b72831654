import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { CorruptFileError, TemporaryError } from '../../../src/errors.js';
import { flagBits } from '../../../src/formats/vpopmail/vpasswd-flags.js';
import { Layout } from '../../../src/layout.js';
import type { Domain } from '../../../src/stores/domains/domain.js';
import { openHost } from '../../../src/stores/host.js';
import { needsRoot } from '../../support/needs.js';
import { removeRoot } from '../../support/recording.js';
import { type BrokenHost, domain as directory, soundHost, vpasswd } from '../broken-hosts.js';

async function withDomain(work: (domain: Domain, host: BrokenHost) => void | Promise<void>): Promise<void> {
  const host = soundHost();
  try {
    const domain = openHost(new Layout({ root: host.root })).domain('mailtest.example.jp');
    assert.ok(domain);
    await work(domain, host);
  } finally {
    removeRoot(host.root);
  }
}

const isTrouble = (error: unknown): boolean => error instanceof TemporaryError || error instanceof CorruptFileError;
const line = (name: string, rest = 'x:1:0::/home/x:NOQUOTA:'): string => `${name}:${rest}\n`;

describe('an account', () => {
  it('has its fields, its directory as a host path and below the root', () =>
    withDomain((domain, host) => {
      const { passwd, ...account } = domain.account('test') ?? {};
      assert.match(passwd ?? '', /^\$1\$/);
      assert.deepEqual(account, {
        name: 'test',
        domain: 'mailtest.example.jp',
        uid: 1,
        gid: 0,
        gecos: 'test',
        hostDirectory: `${directory}/test`,
        directory: host.disk(`${directory}/test`),
        quota: 'NOQUOTA',
        clearPasswd: 'password',
      });
    }));

  it('is found in any case; a name that none can have is not found', () =>
    withDomain((domain) => {
      assert.equal(domain.account('TEST')?.name, 'test');
      for (const name of ['', 'nobody', 'te', 'test:x', 'test\n', 'test\0', '../test', 'x'.repeat(5000)]) {
        assert.equal(domain.account(name), undefined, JSON.stringify(name));
      }
    }));

  it('without a pw_dir has no directory', () =>
    withDomain((domain, host) => {
      host.append(vpasswd, line('zoe', 'x:1:0:zoe::NOQUOTA:'));
      host.vmkpasswd();
      assert.deepEqual([domain.account('zoe')?.hostDirectory, domain.account('zoe')?.directory], ['', '']);
    }));

  it('cannot lead out of the root with its pw_dir', () =>
    withDomain((domain, host) => {
      host.append(vpasswd, line('zoe', 'x:1:0:zoe:/../../../etc:NOQUOTA:'));
      host.vmkpasswd();
      assert.equal(domain.account('zoe')?.directory, path.join(host.root, 'etc'));
    }));

  it('comes and goes with vpasswd.cdb, and no sooner', () =>
    withDomain((domain, host) => {
      for (let round = 0; round < 3; round++) {
        assert.equal(domain.account('zoe'), undefined);
        host.append(vpasswd, line('zoe'));
        assert.equal(domain.account('zoe'), undefined, 'vpasswd alone is not looked at');
        host.vmkpasswd();
        assert.equal(domain.account('zoe')?.quota, 'NOQUOTA');
        host.replace(vpasswd, /^zoe:.*\n/m, line('zoe', 'x:1:0::/home/x:5000000S:'));
        host.vmkpasswd();
        assert.equal(domain.account('zoe')?.quota, '5000000S');
        host.replace(vpasswd, /^zoe:.*\n/m, '');
        host.vmkpasswd();
      }
    }));
});

describe('accounts without vpasswd.cdb are found in vpasswd', () => {
  it('the first, the last, the first of two, in any case; and who is not there is not found', () =>
    withDomain((domain, host) => {
      host.remove(`${vpasswd}.cdb`);
      host.append(vpasswd, line('zoe', 'one:1:0::/home/x:NOQUOTA:') + line('zoe', 'two:1:0::/home/x:NOQUOTA:'));
      assert.equal(domain.account('hanako')?.gecos, 'hanako');
      assert.equal(domain.account('POSTMASTER')?.name, 'postmaster');
      assert.equal(domain.account('zoe')?.passwd, 'one');
      for (const name of ['nobody', 'hana', 'anako', '1', '']) assert.equal(domain.account(name), undefined, name);
    }));

  it('wherever the line lies in a big file', () =>
    withDomain((domain, host) => {
      host.remove(`${vpasswd}.cdb`);
      const filler = line('filler', `${'x'.repeat(200)}:1:0::/home/x:NOQUOTA:`);
      for (let before = 65_536 - 250; before < 65_536 + 10; before++) {
        const first = filler.repeat(Math.floor(before / filler.length));
        host.write(vpasswd, `${first}${'y'.repeat(before - first.length)}\n${line('zoe')}${filler.repeat(400)}`);
        assert.equal(domain.account('zoe')?.name, 'zoe', `${before}`);
      }
    }));

  it('a last line without its newline may be cut off: nothing is said about that account, the others are served', () =>
    withDomain((domain, host) => {
      host.remove(`${vpasswd}.cdb`);
      host.append(vpasswd, 'zoe:x:1:0:zo');
      assert.throws(() => domain.account('zoe'), CorruptFileError);
      assert.equal(domain.account('test')?.name, 'test');
    }));

  it('a change is seen at once, and a cdb that appears counts from then on', () =>
    withDomain((domain, host) => {
      host.remove(`${vpasswd}.cdb`);
      assert.equal(domain.account('zoe'), undefined);
      host.append(vpasswd, line('zoe'));
      assert.equal(domain.account('zoe')?.name, 'zoe');
      host.vmkpasswd();
      host.write(vpasswd, '');
      assert.equal(domain.account('zoe')?.name, 'zoe');
    }));
});

describe('trouble with the accounts is a temporary failure, not an unknown user', () => {
  const troubles: [string, (host: BrokenHost) => void][] = [
    [
      'neither file',
      (host) => {
        host.remove(vpasswd);
        host.remove(`${vpasswd}.cdb`);
      },
    ],
    ['no domain directory', (host) => host.remove(directory)],
    [
      'a file in place of the domain directory',
      (host) => {
        host.remove(directory);
        host.write(directory, '');
      },
    ],
    ['an empty cdb', (host) => host.write(`${vpasswd}.cdb`, '')],
    ['a cdb of text', (host) => host.write(`${vpasswd}.cdb`, 'notacdb\n')],
    ['a cdb whose header was never written', (host) => host.write(`${vpasswd}.cdb`, Buffer.alloc(4000))],
    ['a cdb of blanks, the unfinished form of vpopmail', (host) => host.write(`${vpasswd}.cdb`, ' '.repeat(4000))],
    ['a cdb that is cut off', (host) => host.write(`${vpasswd}.cdb`, host.read(`${vpasswd}.cdb`).subarray(0, 2300))],
    [
      'a directory in place of the cdb',
      (host) => {
        host.remove(`${vpasswd}.cdb`);
        host.directory(`${vpasswd}.cdb`);
      },
    ],
    [
      'no cdb, and a directory in place of vpasswd',
      (host) => {
        host.remove(`${vpasswd}.cdb`);
        host.remove(vpasswd);
        host.directory(vpasswd);
      },
    ],
  ];
  for (const [name, damage] of troubles) {
    it(name, () =>
      withDomain((domain, host) => {
        damage(host);
        assert.throws(() => domain.account('test'), isTrouble);
        assert.throws(() => domain.account('nobody'), isTrouble);
      }),
    );
  }

  it('and concerns that domain alone', () =>
    withDomain((domain, host) => {
      const other = `${path.dirname(directory)}/other.example`;
      host.copy(directory, other);
      host.replace('/var/qmail/users/assign', /^/, `+other.example-:other.example:6020:6020:${other}:-::\n`);
      host.newu();
      host.write(`${vpasswd}.cdb`, 'x');
      assert.throws(() => domain.account('test'), isTrouble);
      const served = openHost(new Layout({ root: host.root })).domain('other.example');
      assert.equal(served?.account('test')?.domain, 'other.example');
    }));
});

describe('the flags of an account', () => {
  const limits = `${directory}/.qmailadmin-limits`;
  const defaults = '/home/vpopmail/etc/vlimits.default';
  const withFlags = (domain: Domain, host: BrokenHost, gid: number): number => {
    host.replace(vpasswd, /^test:([^:]*):1:\d+:/m, `test:$1:1:${gid}:`);
    host.vmkpasswd();
    const account = domain.account('test');
    assert.ok(account);
    return domain.flagsOf(account);
  };

  it('are its own where no limits are', () =>
    withDomain((domain, host) => {
      assert.equal(withFlags(domain, host, flagBits('NO_POP', 'V_USER0')), flagBits('NO_POP', 'V_USER0'));
    }));

  it('have those of the domain, else of the host, never of both; at once when they change', () =>
    withDomain((domain, host) => {
      host.write(defaults, 'disable_imap\n');
      assert.equal(withFlags(domain, host, 0), flagBits('NO_IMAP'));
      host.write(limits, 'disable_pop\n');
      assert.equal(withFlags(domain, host, flagBits('NO_RELAY')), flagBits('NO_POP', 'NO_RELAY'));
      host.write(limits, '');
      assert.equal(withFlags(domain, host, 0), 0);
      host.remove(limits);
      assert.equal(withFlags(domain, host, 0), flagBits('NO_IMAP'));
      host.remove(defaults);
      assert.equal(withFlags(domain, host, 0), 0);
    }));

  it('ignore the limits when the account may, also limits that cannot be read', () =>
    withDomain((domain, host) => {
      host.directory(limits);
      assert.equal(withFlags(domain, host, flagBits('V_OVERRIDE')), flagBits('V_OVERRIDE'));
      assert.throws(() => withFlags(domain, host, 0), TemporaryError);
    }));
});

describe('.qmail files of a domain', () => {
  const file = (suffix: string): string => `${directory}/.qmail${suffix}`;

  it('are read with their lines and whether they may only forward', () =>
    withDomain((domain, host) => {
      host.write(file('-info'), '# x\n&a@b.example\n');
      const found = domain.dotQmail('-info');
      assert.deepEqual(
        [found?.path, found?.forwardOnly, found?.lines.map(({ kind }) => kind)],
        [host.disk(file('-info')), false, ['comment', 'forward']],
      );
      host.chmod(file('-info'), 0o700);
      assert.equal(domain.dotQmail('-info')?.forwardOnly, true, 'a change of mode is a change');
    }));

  it('that are not there, or no regular file, or of a name that cannot be, let the next name be tried', () =>
    withDomain((domain, host) => {
      host.directory(file('-dir'));
      host.link('nowhere', file('-dangling'));
      host.link('.qmail-loop', file('-loop'));
      for (const suffix of [
        '-no',
        '-dir',
        '-dangling',
        '-loop',
        `-${'x'.repeat(300)}`,
        '-no/such',
        '-default/x',
        '-a\0b',
      ]) {
        assert.equal(domain.dotQmail(suffix), undefined, JSON.stringify(suffix.slice(0, 20)));
      }
    }));

  it('come, change and go at once', () =>
    withDomain((domain, host) => {
      for (let round = 0; round < 3; round++) {
        assert.equal(domain.dotQmail('-info'), undefined);
        host.write(file('-info'), '&a@b.example\n');
        assert.equal(domain.dotQmail('-info')?.bytes.toString(), '&a@b.example\n');
        host.write(file('-info'), '&c@d.example\n');
        assert.equal(domain.dotQmail('-info')?.bytes.toString(), '&c@d.example\n');
        host.remove(file('-info'));
      }
    }));

  it('that others may write defer, as recorded (dot-qmail-permissions); group-writable is fine', () =>
    withDomain((domain, host) => {
      host.write(file('-ww'), '&a@b.example\n');
      host.chmod(file('-ww'), 0o602);
      assert.throws(() => domain.dotQmail('-ww'), { status: '4.7.0', message: 'Uh-oh: .qmail file is writable.' });
      host.chmod(file('-ww'), 0o620);
      assert.equal(domain.dotQmail('-ww')?.lines.length, 1);
    }));

  it('are found by names with bytes above 127', () =>
    withDomain((domain, host) => {
      fs.writeFileSync(Buffer.from(host.disk(file('-\xe9')), 'latin1'), '&a@b.example\n');
      assert.equal(domain.dotQmail('-\xe9')?.lines.length, 1);
    }));
});

describe("a domain's directory", () => {
  const rows: [string, (host: BrokenHost) => void, string | undefined][] = [
    ['is fine as it is', () => {}, undefined],
    ['may be writable by the group', (host) => host.chmod(directory, 0o720), undefined],
    ['may not be writable by others', (host) => host.chmod(directory, 0o702), '4.7.0'],
    ['may not be sticky', (host) => host.chmod(directory, 0o1700), '4.2.1'],
    ['may not be missing', (host) => host.remove(directory), '4.3.0'],
  ];
  for (const [name, change, status] of rows) {
    it(name, () =>
      withDomain((domain, host) => {
        change(host);
        if (status === undefined) domain.checkDirectory();
        else assert.throws(() => domain.checkDirectory(), { status });
        if (fs.existsSync(host.disk(directory))) host.chmod(directory, 0o700);
      }),
    );
  }

  it('and its files defer when this process lacks the right to them', (t) => {
    if (!needsRoot(t)) return;
    return withDomain((domain, host) => {
      host.chmod('/home/vpopmail/domains', 0o755);
      host.chmod('/home/vpopmail', 0o755);
      process.seteuid?.(65534);
      try {
        assert.throws(() => domain.checkDirectory(), { status: '4.3.0' });
        assert.throws(() => domain.dotQmail('-default'), { status: '4.3.0' });
        assert.throws(() => domain.account('test'), TemporaryError);
        assert.throws(() => domain.text('.over-quota.msg'), TemporaryError);
      } finally {
        process.seteuid?.(0);
      }
    });
  });
});

it("the texts for people are the domain's, else the host's, and change at once", () =>
  withDomain((domain, host) => {
    const text = (): string | undefined => domain.text('.over-quota.msg')?.toString();
    assert.equal(text(), undefined);
    host.write('/home/vpopmail/domains/.over-quota.msg', 'host\n');
    assert.equal(text(), 'host\n');
    host.write(`${directory}/.over-quota.msg`, 'domain\n');
    assert.equal(text(), 'domain\n');
    host.write(`${directory}/.over-quota.msg`, '');
    assert.equal(text(), '');
    host.remove(`${directory}/.over-quota.msg`);
    assert.equal(text(), 'host\n');
  }));
