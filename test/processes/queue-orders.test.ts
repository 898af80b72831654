// `vqmail queue list|show|retry|hold|release|drop|bounce` about real queues: of a running `vqmail serve`, which is asked, and of a stopped one, whose files are changed. Nobody but root may.

import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { needsRoot } from '../support/needs.js';
import { countQueue } from '../support/queue-reader.js';
import { until } from './sample-server.js';
import { hoster, ServedQueue, type ToolEnd } from './served-queue.js';

class Orders {
  readonly #host: ServedQueue;

  constructor(host: ServedQueue) {
    this.#host = host;
  }

  give(...args: string[]): Promise<ToolEnd> {
    return this.#host.tool(['queue', ...args]);
  }

  /** The numbers of the messages that a list has. */
  async listed(...args: string[]): Promise<string[]> {
    const { exit, stdout } = await this.give('list', ...args);
    assert.equal(exit, 0);
    return [...stdout.matchAll(/^#(\d+) /gm)].map(([, id = '']) => id).sort();
  }

  async done(expected: string, ...args: string[]): Promise<void> {
    assert.deepEqual(await this.give(...args), { exit: 0, stdout: expected, stderr: '' });
  }
}

/** Queues a message that cannot be delivered now. @returns its number */
async function queued(host: ServedQueue, sender: string, recipient: string): Promise<string> {
  assert.match(await host.send(sender, [recipient], `Subject: to ${recipient}\n\nx\n`), /^250 /);
  const start = new RegExp(`^starting delivery \\d+: msg (\\d+) to remote ${recipient}$`, 'm');
  await host.logged(start);
  const id = start.exec(host.server.log())?.[1] ?? '';
  // Only a message that nothing is done with can be given orders about.
  await host.logged(/status: local 0\/10 remote 0\/20\n(?!.*starting)(?:.*\n)*$/);
  return id;
}

function deliveriesOf(host: ServedQueue, id: string): number {
  return host.server.log().split(`: msg ${id} to `).length - 1;
}

async function tried(host: ServedQueue, id: string, times: number): Promise<void> {
  await until(() => deliveriesOf(host, id) === times);
  await host.logged(/status: local 0\/10 remote 0\/20\n(?!.*starting)(?:.*\n)*$/);
}

test('a running queue', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.control('smtproutes', ':127.0.0.1:1\n');
  await host.start();
  const orders = new Orders(host);
  const ann = await queued(host, 'ann@far.example', 'one@remote.example');
  const bob = await queued(host, 'bob@far.example', 'two@remote.example');
  const nobody = await queued(host, '', 'three@other.example');
  const hanako = await queued(host, 'hanako@mailtest.example.jp', 'four@remote.example');
  const all = [ann, bob, nobody, hanako].sort();

  const list = await orders.give('list');
  assert.match(
    list.stdout,
    new RegExp(
      `^#${ann} {2}\\d+ \\w+ \\d+ [\\d:]+ -0000 {2}\\d+ bytes {2}from <ann@far\\.example>\n  left    remote  one@remote\\.example   next try .*$`,
      'm',
    ),
  );
  const totals = 'messages in queue: 4\nmessages in queue but not yet preprocessed: 0\n';
  assert.ok(list.stdout.endsWith(totals));
  assert.equal((await host.tool(['qmail-qstat'])).stdout, totals);
  const selections: [string[], string[], string][] = [
    [[], all, 'all'],
    [['--to', '@other.example'], [nobody], 'a domain'],
    [['--to', '*@remote.example', '--from', 'B*'], [bob], 'both, any case'],
    [['--from', '<>'], [nobody], 'the null sender'],
    [['--older', '1h'], [], 'nothing is that old'],
    [[`#${ann}`], [ann], 'a number'],
    [['--held'], [], 'nothing is held'],
  ];
  for (const [args, expected, why] of selections) assert.deepEqual(await orders.listed(...args), expected, why);
  const info = path.join(host.layout.queue, 'info', String(Number(hanako) % 23), hanako);
  utimesSync(info, Date.now() / 1000 - 7200, Date.now() / 1000 - 7200);
  assert.deepEqual(await orders.listed('--older', '1h'), [hanako]);
  const json = JSON.parse((await orders.give('list', '--json', '--from', 'ann@*')).stdout) as {
    messages: { id: string; state: string }[];
    totals: object;
  };
  assert.deepEqual(
    json.messages.map(({ id, state }) => [id, state]),
    [[ann, 'queued']],
  );

  const shown = await orders.give('show', ann);
  assert.match(
    shown.stdout,
    /\n\nReceived: \(qmail \d+ invoked from network\);.*\nSubject: to one@remote\.example\n\nx\n$/s,
  );

  await orders.done(`#${ann} is held\n`, 'hold', ann);
  assert.deepEqual(await orders.listed('--held'), [ann]);
  process.kill(host.queueProcess(), 'SIGALRM');
  await tried(host, bob, 2);
  assert.equal(deliveriesOf(host, ann), 1, 'what is held is not tried, over SIGALRM too');
  await orders.done(`#${ann} is not held\n`, 'release', '--held');
  await tried(host, ann, 2);
  await orders.done(`#${ann} is due now\n`, 'retry', '--to', 'one@remote.example');
  await tried(host, ann, 3);
  assert.equal(deliveriesOf(host, bob), 2);

  await orders.done(`#${bob} is gone\n`, 'drop', bob);
  assert.deepEqual(await orders.listed(), [ann, nobody, hanako].sort());
  await orders.done(`#${hanako} is returned to its sender\n`, 'bounce', '--older', '1h');
  await until(() => host.accountMail('hanako').length === 1);
  assert.match(
    host.accountMail('hanako')[0] ?? '',
    /\n<four@remote\.example>:\n.*\n\n--- Below this line is a copy of the message\.\n/s,
  );

  const wrong: [string[], number, RegExp][] = [
    [['retry', '999999999'], 100, /^#999999999 is not there\n$/],
    [['drop'], 100, /what\? Give numbers/],
    [['show', '999999999'], 100, /message 999999999 is not there/],
    [['hold', 'x'], 100, /x is no message number/],
    [['burn', ann], 100, /^vqmail: usage: vqmail queue list\|show\|/],
  ];
  for (const [args, exit, text] of wrong) {
    const end = await orders.give(...args);
    assert.equal(end.exit, exit, args.join(' '));
    assert.match(end.stdout + end.stderr, text);
  }
  const asUser = await host.tool(['queue', 'drop', '--all'], '', hoster);
  assert.equal(asUser.exit, 111);
  assert.match(asUser.stderr, /^vqmail: /);
  assert.deepEqual(countQueue(host.layout.queue), { all: 2, todo: 0 });
});

test('a stopped queue, and what the next start makes of it', async (t) => {
  if (!needsRoot(t)) return;
  const host = new ServedQueue(t, { args: ['--workers', '1'] });
  host.control('smtproutes', ':127.0.0.1:1\n');
  await host.start();
  const orders = new Orders(host);
  const held = await queued(host, 'ann@far.example', 'one@remote.example');
  const dropped = await queued(host, 'bob@far.example', 'two@remote.example');
  const due = await queued(host, '', 'three@other.example');
  const bounced = await queued(host, 'hanako@mailtest.example.jp', 'four@remote.example');
  assert.equal(await host.server.stop(), 0);

  assert.deepEqual(await orders.listed(), [held, dropped, due, bounced].sort());
  assert.match((await orders.give('list')).stdout, /three@other\.example {3}next try /);
  await orders.done(`#${held} is held\n`, 'hold', '--from', 'ann@far.example');
  await orders.done(`#${dropped} is gone\n`, 'drop', dropped);
  await orders.done(`#${due} is due now\n`, 'retry', due);
  await orders.done(`#${bounced} is returned to its sender\n`, 'bounce', bounced);
  assert.deepEqual(await orders.listed('--held'), [held]);

  await host.start();
  await tried(host, due, 1);
  await until(() => host.accountMail('hanako').length === 1);
  assert.deepEqual(await orders.listed(), [held, due].sort());
  assert.equal(deliveriesOf(host, held), 0);
  await orders.done(`#${held} is not held\n`, 'release', held);
  await tried(host, held, 1);
});
