import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type CalledTool, callTool } from '../../support/call-tool.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { VpopmailHost } from '../../support/vpopmail-host.js';

const noPasswd = 'is no line of passwd(5), NAME:PASSWORD:UID:GID:GECOS:HOME:SHELL; mend it or take it out';
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
    passwd.push('kim:x:1003:1003::/home/kim:', ':x:1004:1004:::', 'eve:x:1005:1005:::', '+::::::');
    const shadow = ['root:*:19000::::::', `joe:${hash}:19000:0:99999:7:::`, 'ann:!:19000::::::', 'eve:word:', 'broken'];
    const { exit, stdout, stderr, vpasswd } = await imported(
      t,
      { 'users.passwd': `${passwd.join('\n')}\n`, shadow: `${shadow.join('\n')}\n` },
      ...['users.passwd', '--format', 'passwd', '--shadow', 'shadow', '--domain', 'a.jp'],
    );
    assert.equal(
      stderr,
      [
        'users.passwd:3: ann: has no password that lets anybody in; give it one, or take it out',
        `users.passwd:5: ${noPasswd}`,
        'users.passwd:6: kim: has no line in the file of --shadow; add it, or take this one out',
        `users.passwd:7: ${noPasswd}`,
        'users.passwd:8: eve: its password is no hash of crypt(3); give it a new one',
        `users.passwd:9: ${noPasswd}\n`,
      ].join('\n'),
    );
    assert.deepEqual([exit, stdout], [1, '1 accounts added, 6 refused\n']);
    assert.deepEqual(vpasswd, [`joe:${hash}:1:0:Joe Smith:${home}/joe:NOQUOTA:`]);
  });

  it("takes Dovecot's passwd-file: schemes, quotas", async (t) => {
    const users = [
      '# accounts',
      `joe@a.jp:{MD5-CRYPT}${hash}:5000:5000:Joe:/srv/joe::userdb_quota_rule=*:storage=10M:messages=1000 x=y`,
      `ann@a.jp:${hash}:::::`,
      'eve@a.jp:{SSHA}abcdef::::::',
      'kim@a.jp:{PLAIN}secret99::::::userdb_quota_rule=*:bytes=5000000',
      `ben@a.jp:{CRYPT.b64}${Buffer.from(hash).toString('base64')}::::::userdb_quota_rule=*:storage=0`,
      'only a name',
      'tom@a.jp:{PLAIN}',
      'ida@a.jp:{MD5-CRYPT}secret99:::::',
      'max@a.jp:{PLAIN}secret99::::::userdb_quota_rule=*:storage=much',
      'leo@none.jp:{PLAIN}secret99',
      'uma:{PLAIN}secret99',
    ];
    const { stderr, stdout, vpasswd } = await imported(
      t,
      { users: `${users.join('\n')}\n` },
      'users',
      '--format',
      'dovecot',
    );
    assert.equal(
      stderr,
      [
        'users:4: eve@a.jp: passwords of the scheme SSHA cannot be checked here; give it a new one',
        'users:7: is no line of a passwd-file, USER:PASSWORD:UID:GID:GECOS:HOME; mend it or take it out',
        'users:8: tom@a.jp: has no password that lets anybody in; give it one, or take it out',
        'users:9: ida@a.jp: its password is no hash of crypt(3); give it a new one',
        'users:10: max@a.jp: its quota_rule cannot be read; mend it or take it out',
        'users:12: uma: there is no domain; give one beside the list',
        'users:11: leo@none.jp: Domain does not exist\n',
      ].join('\n'),
    );
    assert.equal(stdout, '4 accounts added, 7 refused\n');
    assert.deepEqual(
      vpasswd.map((line) => line.replace(/^kim:[^:]*/, 'kim:HASH')),
      [
        `ann:${hash}:1:0:ann:${home}/ann:NOQUOTA:`,
        `ben:${hash}:1:0:ben:${home}/ben:NOQUOTA:`,
        `joe:${hash}:1:0:Joe:${home}/joe:10485760S,1000C:`,
        `kim:HASH:1:0:kim:${home}/kim:5000000S:secret99`,
      ],
    );
  });

  it('takes what vadduser --batch takes: CSV and vpasswd, and tells bad lines', async (t) => {
    const lines = [
      `joe:${hash}:1:0:Joe:/old:1000S:clear`,
      'ann@a.jp,secret99',
      'kim@a.jp',
      'eve:half:1:0:Eve',
      'ben@a.jp,"secret',
      'joe@a.jp,secret99',
      'two words@a.jp,secret99',
      '\x1b[2J,secret99',
    ];
    const { exit, stderr, vpasswd } = await imported(t, { list: `${lines.join('\n')}\n` }, 'list', '--domain', 'a.jp');
    assert.equal(exit, 1);
    assert.equal(
      stderr,
      [
        'list:3: there is no password',
        'list:4: is no whole line of vpasswd, NAME:HASH:1:FLAGS:COMMENT:DIRECTORY:QUOTA; mend it',
        'list:5: a quote is not closed, or followed by something else than a comma',
        'list:6: joe@a.jp: Username exists',
        'list:7: two words@a.jp: Illegal username',
        'list:8: ?[2J@a.jp: Illegal username\n',
      ].join('\n'),
    );
    assert.deepEqual(
      vpasswd.map((line) => line.split(':')[0]),
      ['ann', 'joe'],
    );
  });
});
