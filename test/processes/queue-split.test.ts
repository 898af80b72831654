// A qmail that was compiled with another conf-split, or patched so that todo/ is split too: every way into the queue, every look at it, and its end, from what the directories are.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { needsRoot } from '../support/needs.js';
import { makeQueue } from '../support/queue-host.js';
import { hoster, ServedQueue } from './served-queue.js';

const message = 'Subject: x\n\nx\n';
const recipient = 'hoster@local.example';

for (const [why, options] of [
  ['conf-split 7', { split: 7 }],
  ['big-todo, conf-split 211', { split: 211, bigTodo: true }],
] as const) {
  test(`${why}: the tools queue a message where it belongs, and serve delivers it`, async (t) => {
    if (!needsRoot(t)) return;
    const host = new ServedQueue(t, { args: ['--workers', '1'], hasQueue: false });
    makeQueue(host.root, options);
    const filesOf = (kind: string): string[] =>
      readdirSync(path.join(host.layout.queue, kind), { recursive: true, withFileTypes: true, encoding: 'latin1' })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(host.layout.queue, path.join(entry.parentPath, entry.name)))
        .sort();
    const ways = [
      ['qmail-inject', recipient],
      ['sendmail', '-f', 'ann@client.example', recipient],
    ];
    for (const way of ways) assert.deepEqual(await host.tool(way, message), { exit: 0, stdout: '', stderr: '' });
    const mess = filesOf('mess');
    assert.deepEqual(mess.length, ways.length);
    const ids = mess.map((file) => path.basename(file));
    assert.deepEqual(
      mess,
      ids.map((id) => `mess/${Number(id) % options.split}/${id}`),
    );
    const todo = ids.map((id) => ('bigTodo' in options ? `todo/${Number(id) % options.split}/${id}` : `todo/${id}`));
    assert.deepEqual(filesOf('todo'), todo.sort());
    assert.match((await host.tool(['queue', 'list'])).stdout, /: 2\nmessages in queue but not yet preprocessed: 2\n$/);
    const [first = '', second = ''] = ids;
    assert.deepEqual((await host.tool(['queue', 'hold', first])).stdout, `#${first} is held\n`);
    assert.deepEqual(filesOf('info'), [`info/${Number(first) % options.split}/${first}`]);
    assert.match((await host.tool(['qmail-qread'])).stdout, new RegExp(`GMT  #${first} `));

    await host.start();
    assert.match(await host.send('joe@client.example', [recipient], message), /^250 /);
    assert.equal((await host.tool(['qmail-inject', recipient], message, hoster)).exit, 0);
    await host.logged(`end msg ${second}\n`);
    assert.equal((await host.tool(['queue', 'release', first])).exit, 0);
    await host.logged(`end msg ${first}\n`);
    await host.emptied();
    assert.equal(host.mail('/home/hoster/Maildir').length, 4);
    assert.doesNotMatch(host.server.log(), /^(?:warning|alert)/m);
  });
}
