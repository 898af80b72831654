// cli/domains: what our tools do beside the recordings: options of ours, getopt's odd corners, the map of addresses, limits.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { Layout } from '../../../src/layout.js';
import { makeAdminHost, mustCall } from '../../admin/admin-host.js';
import { callTool } from '../../support/call-tool.js';
import { needsRoot } from '../../support/needs.js';
import { removeRoot } from '../../support/recording.js';

async function sampleHost(t: TestContext): Promise<{ root: string; layout: Layout }> {
  const root = makeAdminHost();
  t.after(() => removeRoot(root));
  await mustCall(root, ['vadddomain', 'a.jp', 'secret99'], ['vaddaliasdomain', 'a.jp', 'b.jp']);
  return { root, layout: new Layout({ root }) };
}

describe('--json', () => {
  it('vdominfo: all domains, one, an unknown one; and nothing is written', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = await sampleHost(t);
    const file = `${layout.domains}/a.jp/.dir-control`;
    const before = fs.statSync(file).ino;
    const { exit, stdout } = await callTool(root, ['vdominfo', '--json']);
    const common = { realDomain: 'a.jp', uid: 6020, gid: 6020, directory: '/home/vpopmail/domains/a.jp', users: 1 };
    assert.deepEqual(
      [exit, JSON.parse(stdout)],
      [
        0,
        [
          { domain: 'a.jp', ...common },
          { domain: 'b.jp', ...common },
        ],
      ],
    );
    assert.equal(fs.statSync(file).ino, before);
    assert.equal(JSON.parse((await callTool(root, ['vdominfo', '--json', 'b.jp'])).stdout).length, 2);
    assert.equal((await callTool(root, ['vdominfo', '--json', 'c.jp'])).exit, 245);
  });

  it('vmoddomlimits -S', async (t) => {
    if (!needsRoot(t)) return;
    const { root } = await sampleHost(t);
    await mustCall(root, ['vmoddomlimits', '-P', '5', '-g', 'p', 'a.jp']);
    const limits = JSON.parse((await callTool(root, ['vmoddomlimits', '-S', '--json', 'a.jp'])).stdout);
    assert.deepEqual([limits.maxpopaccounts, limits.disable_pop, limits.disable_imap], [5, true, false]);
  });

  it('vipmap -p', async (t) => {
    if (!needsRoot(t)) return;
    const { root } = await sampleHost(t);
    await mustCall(root, ['vipmap', '-a', '192.0.2.1', 'a.jp']);
    const { stdout } = await callTool(root, ['vipmap', '-p', '--json']);
    assert.deepEqual(JSON.parse(stdout), [{ ip: '192.0.2.1', domain: 'a.jp' }]);
  });
});

describe('arguments', () => {
  const rows: [string, string[], number, RegExp][] = [
    ['options behind the domain', ['vdominfo', 'a.jp', '-d'], 0, /^\/home\/vpopmail\/domains\/a\.jp\nalias: b\.jp\n$/],
    ['-a last shows everything', ['vdominfo', '-d', '-a', 'a.jp'], 0, /^domain: a\.jp\nuid: /],
    ['-a first does not', ['vdominfo', '-a', '-d', 'a.jp'], 0, /^\/home\/vpopmail/],
    ['vmoddomlimits -h', ['vmoddomlimits', '-h'], 0, /^vmoddomlimits: usage:/],
    ['vmoddomlimits goes on behind a wrong option', ['vmoddomlimits', '-j', '-S', 'a.jp'], 0, /^Domain: a\.jp\n/],
    ['a wrong letter ends the options, its word is the domain', ['vdeldomain', '-xf', 'a.jp'], 245, /not exist/],
    ['behind a wrong word, the next is the domain', ['vdeldomain', '-x', 'b.jp'], 0, /^$/],
    [
      'operands before a wrong option are lost',
      ['vaddaliasdomain', 'a.jp', '-x', 'c.jp'],
      255,
      /^vaddaliasdomain: usage/,
    ],
    ['-- ends the options', ['vdominfo', '-n', '--', 'a.jp'], 0, /^a\.jp\n/],
    ['vdominfo of an alias shows the real domain', ['vdominfo', '-n', 'B.JP'], 0, /^a\.jp\nalias: b\.jp\n$/],
  ];
  for (const [why, call, exit, stdout] of rows) {
    it(why, async (t) => {
      if (!needsRoot(t)) return;
      const { root } = await sampleHost(t);
      const called = await callTool(root, call);
      assert.equal(called.exit, exit, called.stdout + called.stderr);
      assert.match(called.stdout, stdout);
    });
  }
});

describe('vadddomain', () => {
  it('-r tells the password that it made', async (t) => {
    if (!needsRoot(t)) return;
    const { root } = await sampleHost(t);
    const { stdout } = await callTool(root, ['vadddomain', '-r10', 'c.jp']);
    const password = /^Random password: (\S{10})\n$/.exec(stdout)?.[1];
    assert.equal((await callTool(root, ['vuserinfo', '-C', 'postmaster@c.jp'])).stdout, `${password}\n`);
  });

  it('a whole-domain forward keeps its variable for the shell', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = await sampleHost(t);
    await mustCall(root, ['vadddomain', '-e', '$EXT@other.example', 'c.jp', 'secret99']);
    const text = fs.readFileSync(`${layout.domains}/c.jp/.qmail-default`, 'latin1');
    assert.equal(text, "| /home/vpopmail/bin/vdelivermail '' $EXT@other.example\n");
  });

  it('a host without users/cdb: the domain is added and the others are known again', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = await sampleHost(t);
    fs.rmSync(layout.usersCdb);
    assert.equal((await callTool(root, ['vadddomain', 'a.jp', 'secret99'])).exit, 243);
    await mustCall(root, ['vadddomain', 'c.jp', 'secret99']);
    assert.equal((await callTool(root, ['vuserinfo', '-n', 'postmaster@b.jp'])).stdout, 'postmaster\n');
  });
});

describe('vipmap', () => {
  it('what is refused leaves the map alone', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = await sampleHost(t);
    const { exit, stderr } = await callTool(root, ['vipmap', '-a', '192.0.2.1', 'a.jp\n192.0.2.9 evil.jp']);
    assert.deepEqual([exit, stderr], [111, 'vipmap: a blank or control character in an address or domain\n']);
    assert.equal(fs.existsSync(layout.etc('ip_alias_map')), false);
  });

  it('comments of two words stay; ten at once lose none; no lock file stays', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = await sampleHost(t);
    fs.writeFileSync(layout.etc('ip_alias_map'), '# our addresses\nlonely\n192.0.2.1\ta.jp trailing');
    const ips = Array.from({ length: 10 }, (_, at) => `192.0.2.${at + 10}`);
    await Promise.all(ips.map((ip) => mustCall(root, ['vipmap', '-a', ip, 'a.jp'])));
    const lines = fs.readFileSync(layout.etc('ip_alias_map'), 'latin1').split('\n').slice(0, -1);
    assert.deepEqual(lines.slice(0, 2), ['# our addresses', '192.0.2.1\ta.jp trailing']);
    assert.deepEqual(
      lines.slice(2).sort(),
      ips.map((ip) => `${ip} a.jp`),
    );
    assert.equal(fs.existsSync(layout.lockOf(layout.etc('ip_alias_map'))), false);
  });
});

describe('vmoddomlimits', () => {
  const sizes: [string, string, string][] = [
    ['-q', '1G', 'default_quota: 1073741824'],
    ['-q', '10MB', 'default_quota: 10485760'],
    ['-q', 'NOQUOTA', 'default_quota: 0'],
    ['-Q', '100', 'quota: 100'],
    ['-P', '-1', 'maxpopaccounts: -1'],
  ];
  for (const [option, value, line] of sizes) {
    it(`${option} ${value}`, async (t) => {
      if (!needsRoot(t)) return;
      const { root, layout } = await sampleHost(t);
      await mustCall(root, ['vmoddomlimits', option, value, 'a.jp']);
      const text = fs.readFileSync(`${layout.domains}/a.jp/.qmailadmin-limits`, 'latin1');
      assert.ok(text.split('\n').includes(line), text);
    });
  }

  it('a negative size is refused', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = await sampleHost(t);
    const { exit, stderr } = await callTool(root, ['vmoddomlimits', '-Q', '-5', 'a.jp']);
    assert.deepEqual([exit, stderr], [255, 'vmoddomlimits: this is no size: -5\n']);
    assert.equal(fs.existsSync(`${layout.domains}/a.jp/.qmailadmin-limits`), false);
  });

  it('the bits for list users and moderators that qmailadmin wrote stay', async (t) => {
    if (!needsRoot(t)) return;
    const { root, layout } = await sampleHost(t);
    const file = `${layout.domains}/a.jp/.qmailadmin-limits`;
    fs.writeFileSync(file, 'perm_maillist: 511\nperm_quota: 431\n');
    await mustCall(root, ['vmoddomlimits', '-P', '5', 'a.jp']);
    const lines = fs.readFileSync(file, 'latin1').split('\n');
    assert.ok(lines.includes('perm_maillist: 511') && lines.includes('perm_quota: 7'), lines.join());
  });
});
