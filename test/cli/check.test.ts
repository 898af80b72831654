import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { check } from '../../src/cli/check.js';
import { PermanentError } from '../../src/errors.js';
import { takeLock } from '../../src/files/locks/lock.js';
import { Layout } from '../../src/layout.js';
import { type BrokenHost, control, domain, soundHost } from '../stores/broken-hosts.js';
import * as rows from '../stores/broken-hosts-rows.js';
import { capturedIo } from '../support/captured-io.js';
import { needsRoot } from '../support/needs.js';
import { removeRoot } from '../support/recording.js';

async function checked(host: BrokenHost): Promise<{ exit: number; lines: string[] }> {
  const io = capturedIo({ layout: new Layout({ root: host.root }) });
  const exit = await check([], io);
  const output = io.written().stdout.toString('latin1');
  assert.ok(output === '' || output.endsWith('\n'));
  return { exit, lines: output.split('\n').slice(0, -1) };
}

/** Does `work` with a fresh sound host. */
async function withHost(work: (host: BrokenHost) => Promise<void>): Promise<void> {
  const host = soundHost();
  try {
    await work(host);
  } finally {
    removeRoot(host.root);
  }
}

it('check says nothing about a host as the original tools left it', () =>
  withHost(async (host) => {
    assert.deepEqual(await checked(host), { exit: 0, lines: [] });
  }));

for (const [group, table] of Object.entries(rows)) {
  describe(`check: ${group}`, () => {
    for (const { name, damage, lines, asRoot } of table) {
      it(name, (t) => {
        if (asRoot && !needsRoot(t)) return;
        return withHost(async (host) => {
          damage(host);
          const found = await checked(host);
          assert.deepEqual(found.lines.sort(), [...lines].sort());
          assert.equal(found.exit, lines.every((line) => line.includes(': warning: ')) ? 0 : 1);
        });
      });
    }
  });
}

it('check lets a change alone that a tool is at work on', () =>
  withHost(async (host) => {
    const record = '/home/vpopmail/etc/.domain_change.a.jp';
    host.write(record, 'add 1\ndomain a.jp:6020:6020:/home/vpopmail/domains/a.jp\n', 0o600);
    const lock = await takeLock(host.disk(record), { kind: 'fcntl' });
    assert.deepEqual((await checked(host)).lines, []);
    lock.release();
    assert.equal((await checked(host)).lines.length, 1);
  }));

it('check does not read what it is not for: it changes nothing', () =>
  withHost(async (host) => {
    host.remove(`${domain}/vpasswd.cdb`);
    await checked(host);
    assert.deepEqual((await checked(host)).lines.length, 1, 'the missing cdb was not made');
  }));

it('check goes through 500 domains and names the broken ones', () =>
  withHost(async (host) => {
    const names = Array.from({ length: 500 }, (_, index) => `d${String(index).padStart(3, '0')}.example`);
    const lineOf = (name: string): string => `+${name}-:${name}:6020:6020:/home/vpopmail/domains/${name}:-::\n`;
    host.write('/var/qmail/users/assign', `${names.map(lineOf).join('')}.\n`);
    host.newu();
    host.write(`${control}/rcpthosts`, names.map((name) => `${name}\n`).join(''));
    host.write(`${control}/virtualdomains`, names.map((name) => `${name}:${name}\n`).join(''));
    for (const name of names) host.copy(domain, `/home/vpopmail/domains/${name}`);
    host.remove('/home/vpopmail/domains/d123.example/.qmail-default');
    host.remove('/home/vpopmail/domains/d321.example');
    const { exit, lines } = await checked(host);
    assert.equal(exit, 1);
    assert.deepEqual(
      lines.map((line) => line.replace(/^(\S+) .*/, '$1')),
      ['/home/vpopmail/domains/d123.example/.qmail-default:', '/var/qmail/users/assign:322:'],
    );
  }));

it('check of wrong usage is a permanent failure', async () => {
  await assert.rejects(check(['more'], capturedIo({ layout: new Layout() })), PermanentError);
});

it('check of a tree without a host says so', () =>
  withHost(async (host) => {
    host.remove('/var');
    const { exit, lines } = await checked(host);
    assert.deepEqual(lines, ['/var/qmail/control: is missing: no mail is taken; is this a qmail host?']);
    assert.equal(exit, 1);
  }));
