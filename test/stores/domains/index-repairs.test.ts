import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { CorruptFileError, TemporaryError } from '../../../src/errors.js';
import { takeLock } from '../../../src/files/locks/lock.js';
import { Layout } from '../../../src/layout.js';
import { lineLog } from '../../../src/log.js';
import { rebuildIndex } from '../../../src/stores/accounts/user-database.js';
import { type Host, openHost } from '../../../src/stores/host.js';
import { buildTree, contentOf, loadRecording, newRoot, removeRoot } from '../../support/recording.js';
import { type BrokenHost, domain as directory, soundHost, vpasswd } from '../broken-hosts.js';

const cdb = `${vpasswd}.cdb`;

async function withHost(work: (host: Host, tree: BrokenHost, log: string[]) => Promise<void>): Promise<void> {
  const tree = soundHost();
  const log: string[] = [];
  try {
    await work(
      openHost(
        new Layout({ root: tree.root }),
        lineLog((text) => log.push(text)),
        { repairIndexes: true },
      ),
      tree,
      log,
    );
  } finally {
    removeRoot(tree.root);
  }
}

const placeOf = (tree: BrokenHost): { directory: string; uid: number; gid: number } => {
  const { uid, gid } = fs.statSync(tree.disk(directory));
  return { directory: tree.disk(directory), uid, gid };
};

describe('a missing vpasswd.cdb', () => {
  it('is made by a look-up, with the bytes, mode and owner of the original', async () => {
    const recording = loadRecording('vpopmail', 'cdb-missing');
    const root = newRoot();
    try {
      buildTree(recording.before, root);
      const host = openHost(new Layout({ root }), undefined, { repairIndexes: true });
      const file = host.layout.disk('/home/vpopmail/domains/example.jp/vpasswd.cdb');
      fs.rmSync(file);
      assert.equal(host.domain('example.jp')?.account('joe')?.gecos, 'joe');
      await host.repairs.settled();
      const recorded = recording.before['/home/vpopmail/domains/example.jp/vpasswd.cdb'];
      assert.ok(recorded);
      const made = fs.statSync(file);
      assert.deepEqual(fs.readFileSync(file), contentOf(recorded));
      assert.equal(made.mode & 0o7777, 0o600);
      if (process.getuid?.() === 0) assert.deepEqual([made.uid, made.gid], [recorded.uid, recorded.gid]);
      assert.equal(fs.existsSync(`${file.slice(0, -'vpasswd.cdb'.length)}cdb.tmp`), false);
    } finally {
      removeRoot(root);
    }
  });

  it('is made once for many look-ups, and by nobody who only asks', () =>
    withHost(async (host, tree, log) => {
      tree.remove(cdb);
      const domain = host.domain('mailtest.example.jp');
      for (let i = 0; i < 50; i++) assert.equal(domain?.account('nobody'), undefined);
      await host.repairs.settled();
      assert.deepEqual(log, [`${tree.disk(cdb)}: was missing, made from vpasswd\n`]);
      assert.ok(fs.existsSync(tree.disk(cdb)));
      tree.remove(cdb);
      openHost(host.layout).domain('mailtest.example.jp')?.account('test');
      assert.equal(fs.existsSync(tree.disk(cdb)), false);
    }));

  it('is not made from a vpasswd that is cut off; that is logged once, and whole lines are served', () =>
    withHost(async (host, tree, log) => {
      tree.remove(cdb);
      tree.append(vpasswd, 'zoe:x:1:0:z');
      for (let i = 0; i < 5; i++) {
        assert.equal(host.domain('mailtest.example.jp')?.account('test')?.name, 'test');
        await host.repairs.settled();
      }
      assert.equal(fs.existsSync(tree.disk(cdb)), false);
      assert.equal(log.length, 1);
      assert.match(
        log[0] ?? '',
        /^warning: .*vpasswd\.cdb: is missing and cannot be made .*does not end in a newline\n$/,
      );
    }));
});

describe('rebuilding the index of a domain', () => {
  it('waits for a tool that holds the lock, and keeps the cdb that the tool made', () =>
    withHost(async (_host, tree) => {
      const place = placeOf(tree);
      tree.remove(cdb);
      const lock = await takeLock(tree.disk(`${directory}/.vpasswd.lock`), { kind: 'fcntl' });
      const rebuilding = rebuildIndex(place, { onlyIfMissing: true });
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(fs.existsSync(tree.disk(cdb)), false);
      tree.write(cdb, 'made by the tool');
      lock.release();
      await rebuilding;
      assert.equal(tree.read(cdb).toString(), 'made by the tool');
    }));

  it('replaces a broken or stale one', () =>
    withHost(async (_host, tree) => {
      const before = tree.read(cdb);
      tree.write(cdb, 'broken');
      await rebuildIndex(placeOf(tree));
      assert.deepEqual(tree.read(cdb), before);
    }));

  it('leaves out lines without a colon, on which vpopmail crashes', () =>
    withHost(async (host, tree) => {
      tree.replace(vpasswd, /^/, '# comment\n\n');
      await rebuildIndex(placeOf(tree));
      assert.equal(host.domain('mailtest.example.jp')?.account('test')?.name, 'test');
    }));

  it('makes none where there is no vpasswd, and throws for one that is cut off or unreadable', () =>
    withHost(async (_host, tree) => {
      tree.remove(cdb);
      tree.append(vpasswd, 'zoe:x');
      await assert.rejects(rebuildIndex(placeOf(tree)), CorruptFileError);
      tree.remove(vpasswd);
      await rebuildIndex(placeOf(tree));
      assert.equal(fs.existsSync(tree.disk(cdb)), false);
      tree.directory(vpasswd);
      await assert.rejects(rebuildIndex(placeOf(tree)), TemporaryError);
    }));
});
