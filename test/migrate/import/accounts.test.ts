import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type CalledTool, callTool } from '../../support/call-tool.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { VpopmailHost } from '../../support/vpopmail-host.js';

const hash = '$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/';

async function imported(
  t: TestContext,
  files: Readonly<Record<string, string>>,
  ...options: string[]
): Promise<CalledTool & { vpasswd: string[] }> {
  const host = new VpopmailHost(t);
  const folder = newRoot('vqmail-accounts');
  t.after(() => removeRoot(folder));
  host.domain('a.jp', { accounts: { postmaster: 0 } });
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  const args = options.map((option) => (Object.hasOwn(files, option) ? path.join(folder, option) : option));
  const called = await callTool(host.root, ['migrate', 'import', '--accounts', ...args]);
  const vpasswd = fs
    .readFileSync(path.join(host.directory('a.jp'), 'vpasswd'), 'latin1')
    .trimEnd()
    .split('\n');
  const stderr = called.stderr.replaceAll(`${folder}/`, '');
  return { ...called, stderr, vpasswd: vpasswd.filter((line) => !line.startsWith('postmaster:')) };
}

const home = '/home/vpopmail/domains/a.jp';

describe('migrate import --accounts', () => {
  it('takes passwd and shadow: users, not the system', async (t) => {
    const passwd = [
      'root:x:0:0:root:/root:/bin/bash',
      'joe:x:1000:1000:Joe Smith,,,:/home/joe:/bin/bash',
      'ann:x:1001:1001::/home/ann:/bin/bash',
      'nobody:x:65534:65534:nobody:/:/bin/false',
      'nonsense',
    ];
    const shadow = ['root:*:19000::::::', `joe:${hash}:19000:0:99999:7:::`, 'ann:!:19000::::::'];
    const { exit, stdout, stderr, vpasswd } = await imported(
      t,
      { 'users.passwd': `${passwd.join('\n')}\n`, shadow: `${shadow.join('\n')}\n` },
      ...['users.passwd', '--format', 'passwd', '--shadow', 'shadow', '--domain', 'a.jp'],
    );
    assert.equal(
      stderr,
      'users.passwd:3: ann: has no password that lets anybody in\nusers.passwd:5: is no line of passwd(5)\n',
    );
    assert.deepEqual([exit, stdout], [1, '1 accounts added, 2 refused\n']);
    assert.deepEqual(vpasswd, [`joe:${hash}:1:0:Joe Smith:${home}/joe:NOQUOTA:`]);
  });

  it("takes Dovecot's passwd-file: schemes, quotas", async (t) => {
    const users = [
      '# accounts',
      `joe@a.jp:{MD5-CRYPT}${hash}:5000:5000:Joe:/srv/joe::userdb_quota_rule=*:storage=10M:messages=1000 x=y`,
      `ann@a.jp:${hash}:::::`,
      'eve@a.jp:{SSHA}abcdef::::::',
      'kim@a.jp:{PLAIN}secret99::::::userdb_quota_rule=*:bytes=5000000',
    ];
    const { stderr, stdout, vpasswd } = await imported(
      t,
      { users: `${users.join('\n')}\n` },
      'users',
      '--format',
      'dovecot',
    );
    assert.equal(stderr, 'users:4: eve@a.jp: passwords of the scheme SSHA cannot be checked here; give it a new one\n');
    assert.equal(stdout, '3 accounts added, 1 refused\n');
    assert.deepEqual(
      vpasswd.map((line) => line.replace(/^kim:[^:]*/, 'kim:HASH')),
      [
        `ann:${hash}:1:0:ann:${home}/ann:NOQUOTA:`,
        `joe:${hash}:1:0:Joe:${home}/joe:10485760S,1000C:`,
        `kim:HASH:1:0:kim:${home}/kim:5000000S:secret99`,
      ],
    );
  });

  it('takes what vadduser --batch takes', async (t) => {
    const { exit, vpasswd } = await imported(
      t,
      { list: `joe:${hash}:1:0:Joe:/old:1000S:clear\nann@a.jp,secret99\n` },
      'list',
      '--domain',
      'a.jp',
    );
    assert.equal(exit, 0);
    assert.deepEqual(
      vpasswd.map((line) => line.split(':')[0]),
      ['ann', 'joe'],
    );
  });
});
