// The command itself: how a tool is chosen, where the host is, exit codes, and that a tool loads nothing of the server.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { toolFolders } from '../../src/cli/tools.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { vqmailProgram } from '../support/started-server.js';

function vqmail(args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}) {
  const env = { ...process.env, ...options.env };
  return spawnSync(process.execPath, [vqmailProgram, ...args], { encoding: 'latin1', input: options.input ?? '', env });
}

const rows: readonly { reason: string; args: string[]; status: number; stdout?: RegExp; stderr?: RegExp }[] = [
  { reason: 'no command', args: [], status: 100, stderr: /^usage: vqmail COMMAND/ },
  { reason: 'help', args: ['--help'], status: 0, stdout: /^usage: vqmail COMMAND(?:.|\n)* serve (?:.|\n)* route / },
  { reason: 'version', args: ['--version'], status: 0, stdout: /^vqmail \d+\.\d+\.\d+\n$/ },
  { reason: 'unknown command', args: ['sevre'], status: 100, stderr: /^vqmail: there is no command sevre\nusage: / },
  { reason: 'a name that every object has', args: ['constructor'], status: 100, stderr: /no command constructor/ },
  { reason: 'an option without its value', args: ['check', '--root'], status: 100, stderr: /--root needs a directory/ },
  { reason: 'help of a command', args: ['serve', '--help'], status: 0, stdout: /--listen <PROTO=ADDRESS:PORT>/ },
  ...['check', 'cert', 'cdb', 'queue', 'auth', 'migrate'].map((name) => {
    return { reason: `help of ${name}`, args: [name, '--help'], status: 0, stdout: /usage: /i };
  }),
  {
    reason: 'a file that is not there',
    args: ['migrate', 'verify', '--before', '/nowhere/file'],
    status: 111,
    stderr: /^vqmail: unable to read \/nowhere\/file: file does not exist\n$/,
  },
  {
    reason: 'unknown option',
    args: ['serve', '--lisen', 'x'],
    status: 100,
    stderr: /^vqmail: .*unknown option '--lisen'/,
  },
  {
    reason: 'a protocol that there is not',
    args: ['serve', '--listen', 'nntp=127.0.0.1:0'],
    status: 100,
    stderr: /^vqmail: --listen nntp=127\.0\.0\.1:0: /,
  },
  {
    reason: 'another way with the queue than there is',
    args: ['serve', '--queue', 'above'],
    status: 100,
    stderr: /^vqmail: --queue above: choose one of auto, beside, instead/,
  },
  {
    reason: 'unique ids that nobody gives out',
    args: ['serve', '--uidl', 'dovecot:%x'],
    status: 100,
    stderr: /^vqmail: --uidl dovecot:%x: choose one of qmail, dovecot, courier, or dovecot:FORMAT/,
  },
  { reason: "a tool's own exit code and text", args: ['tcprules'], status: 100, stderr: /^tcprules: usage: / },
];

for (const { reason, args, status, stdout, stderr } of rows) {
  test(`vqmail ${args.join(' ')}: ${reason}`, () => {
    const result = vqmail(args);
    assert.equal(result.status, status, result.stderr);
    assert.match(result.stdout, stdout ?? /^$/);
    assert.match(result.stderr, stderr ?? /^$/);
  });
}

test('the tool is chosen by the name of a symbolic link; the host by VQMAIL_ROOT or options on either side', (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const link = path.join(root, 'tcprules');
  symlinkSync(vqmailProgram, link);
  const [cdb, temporary] = [path.join(root, 'rules.cdb'), path.join(root, 'rules.tmp')];
  const linked = spawnSync(process.execPath, [link, cdb, temporary], { input: '127.:allow\n', encoding: 'latin1' });
  assert.equal(linked.status, 0, linked.stderr);
  assert.equal(readFileSync(cdb).length > 2048, true);
  const ways: [string, string[], NodeJS.ProcessEnv][] = [
    ['environment', ['qmail-newu'], { VQMAIL_ROOT: root }],
    ['before', ['--root', root, 'qmail-newu'], {}],
    ['behind', ['qmail-newu', `--root=${root}`], {}],
    ['short name, directory of its own', ['newu', '--qmail-dir', path.join(root, 'var/qmail')], {}],
  ];
  for (const [way, args, env] of ways) {
    const result = vqmail(args, { env });
    assert.equal(result.status, 111, way);
    assert.match(result.stderr, /users\/assign/, way);
  }
});

test('an address that is in use', (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  writeFileSync(path.join(root, 'x'), '');
  const listen = ['--listen', 'smtp=127.0.0.1:0', '--listen', 'pop3=192.0.2.1:0'];
  const result = vqmail(['serve', '--root', root, '--workers', '0', ...listen]);
  assert.equal(result.status, 111);
  assert.equal(
    result.stderr,
    'vqmail: --listen pop3=192.0.2.1:0: cannot listen: this machine does not have that address: listen EADDRNOTAVAIL: address not available 192.0.2.1\n',
  );
});

test('the built file can be run, and a tool loads no module and no library that it does not need', () => {
  accessSync(vqmailProgram, constants.X_OK);
  const loaded = (args: string[]): string =>
    vqmail(args, { env: { NODE_DEBUG: 'esm,module' } }).stderr.replaceAll('vqmail.cjs', '');
  const usage = loaded(['tcprules']);
  assert.match(usage, /databases-tools\.cjs/);
  assert.doesNotMatch(usage, /dist\/src\/[^ "]*\.js|koffi|smtp-server|commander|bcryptjs/);
  assert.doesNotMatch(loaded(['vuserinfo', 'nobody@example.jp']), /dist\/src\/[^ "]*\.js|koffi|commander|bcryptjs/);
});

test('every tool is in the file of its folder', () => {
  for (const [folder, tools] of Object.entries(toolFolders)) {
    const file = path.join(path.dirname(vqmailProgram), `${folder}-tools.cjs`);
    const built = createRequire(import.meta.url)(file) as { readonly tools: object };
    assert.deepEqual(Object.keys(built.tools).sort(), Object.keys(tools).sort());
  }
});

test('a stack trace can be read: names are those of the sources, and a map leads to their lines', () => {
  const source = readFileSync(path.join(path.dirname(vqmailProgram), 'users-tools.cjs'), 'utf8');
  assert.match(source, /function parseVpasswdText\(/);
  assert.match(source, /sourceMappingURL=users-tools\.cjs\.map/);
});
