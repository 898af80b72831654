// What the watcher takes of the kernel and of memory, and what it does when the kernel has no more watches.

import assert from 'node:assert/strict';
import fs, { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { bytesPath } from '../../src/files/read.js';
import { replace, WatchedHost } from './watched-host.js';

/** The kernel watches of this process. */
function kernelWatches(): number {
  let watches = 0;
  for (const fd of readdirSync('/proc/self/fdinfo')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) !== 'anon_inode:inotify') continue;
      watches += (readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1').match(/^inotify wd:/gm) ?? []).length;
    } catch {
      // The descriptor of the listing itself is gone.
    }
  }
  return watches;
}

test('2,000 domains take 2,000 kernel watches and a few, whatever is in them', async (t) => {
  const host = new WatchedHost(t);
  const before = kernelWatches();
  const domains = Array.from({ length: 2000 }, (_, n) => `d${String(n).padStart(4, '0')}.example`);
  for (const domain of domains) {
    host.addDomain(domain, ['joe', 'ann', 'postmaster']);
    mkdirSync(host.place(domain, 'joe'));
  }
  host.assign();
  const began = performance.now();
  const started = host.start();
  await sleep(35);
  // The start holds nobody up: a turn of the event loop comes soon, while domains are still being learned.
  const turns: number[] = [];
  for (let last = performance.now(); turns.length < 20; last = performance.now()) {
    await sleep(1);
    turns.push(performance.now() - last);
  }
  const watch = await started;
  assert.ok(performance.now() - began > 0);
  assert.deepEqual(watch.size(), { ...watch.size(), domains: 2000, accounts: 6000 });
  const taken = kernelWatches() - before;
  assert.ok(taken >= 2000 && taken <= 2030, `${taken} watches`);
  turns.sort((a, b) => a - b);
  assert.ok((turns[10] ?? 0) < 50, `turns of ${turns.map(Math.round).join(' ')} ms`);

  host.setAccount('d1999.example', 'bob', {});
  host.setAccount('d0000.example', 'bob', {});
  await host.expect('user added bob@d1999.example', 'user added bob@d0000.example');
  await watch.close();
  assert.equal(kernelWatches(), before);
});

test('an account takes less than 64 bytes', async (t) => {
  const host = new WatchedHost(t);
  const users = Array.from({ length: 10_000 }, (_, n) => `account.number.${String(n).padStart(5, '0')}`);
  host.addDomain('example.jp', users);
  host.assign();
  const watch = await host.start();
  const { accounts, bytes } = watch.size();
  assert.equal(accounts, 10_000);
  assert.ok(bytes / accounts < 64, `${bytes / accounts} bytes`);
  host.setAccount('example.jp', 'account.number.05000', undefined);
  await host.expect('user removed account.number.05000@example.jp');
});

test('without kernel watches for all, the others are polled, and the log says so once', async (t) => {
  const host = new WatchedHost(t);
  for (const domain of ['a.example', 'b.example', 'c.example', 'd.example']) host.addDomain(domain, ['joe']);
  host.assign();
  let left = 2;
  await host.start({
    times: { pollMs: 50, roundMs: 1500 },
    openWatch(directory, heard) {
      if (left-- <= 0)
        throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), { code: 'ENOSPC' });
      return fs.watch(bytesPath(directory), { persistent: false }, (_event, name) => heard(name ?? undefined));
    },
  });
  for (const domain of host.domains.keys()) host.setAccount(domain, 'ann', {});
  await host.expect(...[...host.domains.keys()].map((domain) => `user added ann@${domain}`));
  const told = host.log.filter((line) => line.includes('the kernel has no more watches'));
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /ENOSPC.*fs\.inotify\.max_user_watches is \d+.*polled every 50 ms/);

  // When there are watches again, the slow round takes them.
  left = 100;
  await sleep(3500);
  assert.ok(left < 100 - 1, 'watches were asked for again');
  host.setAccount('d.example', 'bob', {});
  await host.expect('user added bob@d.example');
});

test('a directory whose watch the kernel takes away is polled', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe']);
  host.assign();
  const opened: fs.FSWatcher[] = [];
  let may = true;
  await host.start({
    times: { pollMs: 50 },
    openWatch(directory, heard) {
      if (!may) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
      const watch = fs.watch(bytesPath(directory), { persistent: false }, (_event, name) => heard(name ?? undefined));
      opened.push(watch);
      return watch;
    },
  });
  may = false;
  for (const watch of opened) watch.emit('error', new Error('gone'));
  host.setAccount('example.jp', 'ann', {});
  await host.expect('user added ann@example.jp');
});

test('what no hint comes for, the slow round finds', async (t) => {
  const host = new WatchedHost(t);
  host.addDomain('example.jp', ['joe']);
  host.assign();
  await host.start({
    times: { roundMs: 300 },
    // As on a file system that tells nothing.
    openWatch: () => fs.watch('/proc/self/cwd', { persistent: false }, () => {}),
  });
  host.setAccount('example.jp', 'ann', {});
  await host.expect('user added ann@example.jp');
});

test('of many directories that cannot be read the log names some', async (t) => {
  const host = new WatchedHost(t);
  for (let n = 0; n < 30; n++) {
    const domain = `d${n}.example`;
    host.addDomain(domain);
    replace(host.place(domain, 'vpasswd.cdb'), Buffer.alloc(3000));
  }
  host.assign();
  await host.start();
  await sleep(4000);
  const warnings = host.log.filter((line) => line.startsWith('warning: watch: '));
  assert.equal(warnings.length, 21);
  assert.match(warnings.at(-1) ?? '', /more directories/);
});
