import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { TemporaryError } from '../../src/errors.js';
import { SystemAccounts } from '../../src/files/accounts.js';
import { takeLock } from '../../src/files/locks/lock.js';
import { bufferSource, cdbRecords } from '../../src/formats/databases/cdb.js';
import { RuleSyntaxError } from '../../src/formats/databases/tcprules.js';
import { openSmtpText } from '../../src/formats/vpopmail/open-smtp.js';
import { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { RelayTable, type RelayTableOptions } from '../../src/stores/relay-table.js';
import { needs } from '../support/needs.js';
import { fixtures, newRoot, removeRoot } from '../support/recording.js';

const isRoot = process.getuid?.() === 0;
const now = 1_795_500_000;

interface Place {
  readonly root: string;
  readonly table: RelayTable;
  readonly log: readonly string[];
  openSmtp(): string;
  /** The keys of smtp.cdb. */
  keys(): string[];
  write(name: 'etc/open-smtp' | 'tcp/smtp', text: string): void;
}

function place(t: TestContext, options: RelayTableOptions = {}): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  for (const directory of ['home/vpopmail/etc', 'etc/tcp']) mkdirSync(path.join(root, directory), { recursive: true });
  writeFileSync(path.join(root, 'etc/passwd'), 'vpopmail:x:6020:6020::/home/vpopmail:\n');
  writeFileSync(path.join(root, 'etc/group'), 'vchkpw:x:6021:\n');
  const layout = new Layout({ root });
  const log: string[] = [];
  const table = new RelayTable(
    layout,
    new SystemAccounts(layout),
    lineLog((line) => log.push(line.trimEnd())),
    options,
  );
  return {
    root,
    table,
    log,
    openSmtp: () => readFileSync(layout.etc('open-smtp'), 'latin1'),
    keys() {
      const source = bufferSource(readFileSync(layout.smtpRulesCdb));
      return [...cdbRecords(source, 'smtp.cdb')].map(({ key }) => key.toString('latin1'));
    },
    write: (name, text) =>
      writeFileSync(name === 'tcp/smtp' ? layout.smtpRules : layout.etc('open-smtp'), text, 'latin1'),
  };
}

function lines(...addresses: string[]): string {
  return addresses.map((address) => `${openSmtpText(address, now)}\n`).join('');
}

test('a login: its line stands last, and its rule behind those of the administrator', async (t) => {
  const { table, openSmtp, keys, write } = place(t);
  write('tcp/smtp', '127.:allow,RELAYCLIENT=""\n:allow');
  assert.deepEqual(await table.open(['192.0.2.1'], now), ['new']);
  assert.equal(openSmtp(), lines('192.0.2.1'));
  assert.deepEqual(keys(), ['127.', '', '192.0.2.1'], 'also where the last rule has no line feed');
  assert.deepEqual(await table.open(['192.0.2.2', '192.0.2.1', '192.0.2.2'], now), ['new', 'known', 'known']);
  assert.equal(openSmtp(), lines('192.0.2.1', '192.0.2.2'));
});

test('what an address is written as', async (t) => {
  const { table, openSmtp, keys } = place(t);
  const opened = await table.open(['::ffff:192.0.2.7', '2001:DB8:0:0:0:0:0:1', '::1', '', 'mail.example', '10.'], now);
  assert.deepEqual(opened, ['new', 'new', 'new', 'no-address', 'no-address', 'no-address']);
  assert.equal(openSmtp(), lines('192.0.2.7', '2001:db8::1', '::1'));
  assert.ok(!keys().includes(''), 'a rule without an address would be one for the world');
});

test('clients without an address leave nothing behind', async (t) => {
  const { root, table } = place(t);
  await table.open(['nobody'], now);
  assert.deepEqual(readdirSync(path.join(root, 'home/vpopmail/etc')), []);
});

test('other lines stay as they are', async (t) => {
  const { table, openSmtp, write } = place(t);
  const others = `# a comment\t5\n192.0.2.9:allow,X="1"\t7\n`;
  write('etc/open-smtp', `${others}nonsense`);
  await table.open(['192.0.2.1'], now);
  assert.equal(openSmtp(), `${others}nonsense\n${lines('192.0.2.1')}`);
});

test('a line of open-smtp that is no rule is left out and told', async (t) => {
  const { table, keys, log, write } = place(t);
  write('etc/open-smtp', `nonsense\n192.0.2.9\t5\n${lines('192.0.2.3')}`);
  await table.open(['192.0.2.1'], now);
  assert.deepEqual(keys(), ['192.0.2.3', '192.0.2.1']);
  assert.deepEqual(log, [
    'warning: /home/vpopmail/etc/open-smtp:1: is no rule and left out: nonsense',
    'warning: /home/vpopmail/etc/open-smtp:2: is no rule and left out: 192.0.2.9',
  ]);
});

test('rules that are none: open-smtp is written, the rules in force stay', async (t) => {
  const { table, openSmtp, keys, write } = place(t);
  await table.open(['192.0.2.1'], now);
  write('tcp/smtp', ':allow\n:bogus\n');
  await assert.rejects(table.open(['192.0.2.2'], now), (error) => {
    assert.ok(error instanceof RuleSyntaxError);
    assert.equal(error.message, '/etc/tcp/smtp:2: unable to parse this line: :bogus');
    return true;
  });
  assert.equal(openSmtp(), lines('192.0.2.1', '192.0.2.2'));
  assert.deepEqual(keys(), ['192.0.2.1']);
  write('tcp/smtp', ':allow\n');
  await table.clear(now);
  assert.deepEqual(keys(), ['', '192.0.2.1', '192.0.2.2']);
});

test('clear: what is older than three hours goes, and so do lines without a time', async (t) => {
  const { root, table, openSmtp, keys, write } = place(t);
  const old = `${openSmtpText('192.0.2.8', now - 3 * 3600)}\n`;
  const young = `${openSmtpText('192.0.2.9', now - 3 * 3600 + 1)}\n`;
  write('etc/open-smtp', `${old}no time\n${young}`);
  await table.clear(now);
  assert.equal(openSmtp(), young);
  assert.deepEqual(keys(), ['192.0.2.9']);
  assert.ok(
    !existsSync(path.join(root, 'home/vpopmail/etc/open-smtp.lock')),
    'where nobody has logged in there is no lock',
  );
  rmSync(path.join(root, 'home/vpopmail/etc/open-smtp'));
  await table.clear(now);
  assert.ok(!existsSync(path.join(root, 'home/vpopmail/etc/open-smtp')), 'none is made of none');
  assert.deepEqual(keys(), []);
});

test('modes and owners', async (t) => {
  const { root, table } = place(t, { mode: 0o640 });
  await table.open(['192.0.2.1'], now);
  const status = (file: string): string => {
    const { mode, uid, gid } = statSync(path.join(root, file));
    return `${(mode & 0o777).toString(8)} ${uid}:${gid}`;
  };
  const [me, group] = [process.getuid?.(), process.getgid?.()];
  const vpopmail = isRoot ? '6020:6021' : `${me}:${group}`;
  assert.equal(status('home/vpopmail/etc/open-smtp'), `640 ${me}:${group}`, 'the writer’s');
  assert.equal(status('home/vpopmail/etc/open-smtp.lock'), `600 ${me}:${group}`);
  assert.equal(status('etc/tcp/smtp.cdb'), `644 ${vpopmail}`);
  await table.clear(now);
  assert.equal(status('home/vpopmail/etc/open-smtp'), `640 ${vpopmail}`);
});

test('nothing is left beside the files, also after a failure', async (t) => {
  const { root, table, write } = place(t);
  await table.open(['192.0.2.1'], now);
  write('tcp/smtp', ':bogus\n');
  await assert.rejects(table.open(['192.0.2.2'], now));
  assert.deepEqual(readdirSync(path.join(root, 'etc/tcp')).sort(), ['smtp', 'smtp.cdb']);
  assert.deepEqual(readdirSync(path.join(root, 'home/vpopmail/etc')).sort(), ['open-smtp', 'open-smtp.lock']);
});

test('a link in the place of open-smtp is not followed', async (t) => {
  const { root, table } = place(t);
  writeFileSync(path.join(root, 'secret'), 'root:hash:\n', { mode: 0o600 });
  symlinkSync(path.join(root, 'secret'), path.join(root, 'home/vpopmail/etc/open-smtp'));
  await assert.rejects(table.open(['192.0.2.1'], now), TemporaryError);
  assert.equal(readFileSync(path.join(root, 'secret'), 'latin1'), 'root:hash:\n');
});

test('a lock that stays taken does not keep clients out for ever', async (t) => {
  const { root, table, openSmtp, log } = place(t, { lockTimeoutMs: 50 });
  const lock = await takeLock(path.join(root, 'home/vpopmail/etc/open-smtp.lock'), { kind: 'fcntl' });
  t.after(() => lock.release());
  assert.deepEqual(await table.open(['192.0.2.1'], now), ['new']);
  assert.equal(openSmtp(), lines('192.0.2.1'));
  assert.deepEqual(log, ['warning: /home/vpopmail/etc/open-smtp.lock: stays locked, going on without it']);
});

test('race: no login is lost between several of ours, clearopensmtp and a writer with the manners of the original', async (t) => {
  if (!needs(t, 'python3', 'tcprules')) return;
  const { root, table, openSmtp, keys } = place(t);
  const count = 30;
  const theirs = Array.from({ length: count }, (_, index) => `198.51.100.${index}`);
  const plan = path.join(root, 'plan.json');
  writeFileSync(plan, JSON.stringify({ hashes: {}, calls: theirs.map((address) => ['login', address]) }));
  const script = path.join(fixtures, '../test/admin/original-manners.py');
  const python = spawn('python3', [script, root, plan], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => python.once('exit', resolve));
  const seconds = Math.floor(Date.now() / 1000);
  const ours: string[] = [];
  const writer = async (network: string): Promise<void> => {
    for (let index = 0; index < count; index++) {
      ours.push(`${network}.${index}`);
      await table.open([`${network}.${index}`], seconds);
      if (index % 10 === 9) await table.clear(seconds);
    }
  };
  await Promise.all([writer('192.0.2'), writer('203.0.113'), writer('10.0.0')]);
  assert.equal(await ended, 0);
  const found = openSmtp()
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(':')[0]);
  assert.deepEqual([...found].sort(), [...ours, ...theirs].sort());
  await table.rebuild();
  assert.deepEqual(keys().sort(), [...ours, ...theirs].sort());
});
