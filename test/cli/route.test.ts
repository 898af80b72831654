// `vqmail route ADDRESS`: the steps, the files they name, the conclusion and the exit code; and that nothing is changed by asking.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { route } from '../../src/cli/route.js';
import { PermanentError } from '../../src/errors.js';
import { Layout } from '../../src/layout.js';
import { capturedIo } from '../support/captured-io.js';
import { maildirOf, makeDeliveryHost } from '../support/delivery-host.js';
import { startNameServer } from '../support/dns-server.js';
import { newRoot, pictureOf, removeRoot } from '../support/recording.js';

const domain = '/home/vpopmail/domains/example.jp';

interface Answer {
  readonly exit: number;
  readonly lines: readonly string[];
}

async function ask(layout: Layout, ...args: string[]): Promise<Answer> {
  const before = pictureOf(layout.root);
  const io = capturedIo({ layout });
  const exit = await route(args, io);
  assert.deepEqual(pictureOf(layout.root), before, 'asking changes nothing');
  return { exit, lines: io.written().stdout.toString('latin1').split('\n').slice(0, -1) };
}

function host(t: TestContext, quota = 'NOQUOTA', files: Readonly<Record<string, string | null>> = {}): Layout {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = makeDeliveryHost(root, { accounts: 2, quota });
  for (const [hostPath, text] of Object.entries(files)) {
    if (text === null) fs.rmSync(layout.disk(hostPath), { recursive: true });
    else fs.writeFileSync(layout.disk(hostPath), text);
  }
  return layout;
}

test('other hosts are looked up when that is asked for', async (t) => {
  const server = await startNameServer({
    'far.example': {
      MX: [
        [20, 'b.far.example'],
        [10, 'a.far.example'],
        [10, 'gone.far.example'],
      ],
    },
    'a.far.example': { A: ['203.0.113.1', '203.0.113.2'], AAAA: ['2001:db8::1'] },
    'b.far.example': { A: ['203.0.113.3'] },
    'alone.example': { A: ['203.0.113.4'] },
    'relay.example': { A: ['203.0.113.5'] },
    'null.example': { MX: [[0, '.']] },
    'circle.example': { MX: [[5, 'here.example']] },
    'here.example': { A: ['127.0.0.1'] },
    'broken.example': 'SERVFAIL',
  });
  t.after(() => server.stop());
  const layout = host(t, 'NOQUOTA', {
    '/var/qmail/control/rcpthosts': null,
    '/var/qmail/control/smtproutes': 'routed.example:relay.example:2525\n',
    [`${domain}/u0/.qmail`]: '&x@far.example\n',
  });
  fs.mkdirSync(layout.queue);
  const mx = [
    'a.far.example, preference 10: 203.0.113.1 203.0.113.2 2001:db8::1',
    'b.far.example, preference 20: 203.0.113.3',
  ];
  for (const [code, address, ...last] of [
    [0, 'x@far.example', 'queued, and sent to the MX hosts of far.example', ...mx.map((line) => `  ${line}`)],
    [0, 'u0@example.jp', '  queued, and sent to the MX hosts of far.example', ...mx.map((line) => `    ${line}`)],
    [0, 'x@alone.example', '  alone.example, preference 0: 203.0.113.4'],
    [0, 'x@[203.0.113.9]', 'queued, and sent to 203.0.113.9 port 25', '  203.0.113.9, preference 0: 203.0.113.9'],
    [0, 'x@routed.example', '  relay.example: 203.0.113.5'],
    [100, 'x@null.example', "  Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)"],
    [100, 'x@nowhere.example', "  Sorry, I couldn't find any host named nowhere.example. (#5.1.2)"],
    [111, 'x@broken.example', "  Sorry, I couldn't find any host by that name. (#4.1.2)"],
    [
      100,
      'x@circle.example',
      "  Sorry. Although I'm listed as a best-preference MX or A for that host, it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)",
    ],
  ] as const) {
    const { exit, lines } = await ask(layout, address, '--dns-server', server.address);
    assert.deepEqual(lines.slice(-last.length), last, address);
    assert.equal(exit, code, address);
  }
  const asked = server.asked.length;
  await ask(layout, 'x@far.example');
  assert.equal(server.asked.length, asked, 'without being asked for, nothing is looked up');
  await assert.rejects(ask(layout, 'x@far.example', '--dns-server', 'ns.example'), PermanentError);
});

test('every step with the file that decides it', async (t) => {
  const layout = host(t);
  const { uid, gid } = fs.statSync(layout.disk(domain));
  assert.deepEqual(await ask(layout, 'u0@example.jp'), {
    exit: 0,
    lines: [
      '/var/qmail/control/rcpthosts: mail for example.jp is taken from every client',
      '/var/qmail/control/virtualdomains: has example.jp:example.jp, so u0@example.jp is local as example.jp-u0@example.jp',
      `/var/qmail/users/cdb: +example.jp- gives it to example.jp, uid ${uid}, gid ${gid}, in ${domain}`,
      `${domain}/.qmail-default:1: | /home/vpopmail/bin/vdelivermail '' bounce-no-mailbox`,
      `${domain}/vpasswd.cdb: the account u0, directory ${domain}/u0`,
      `${domain}/u0/Maildir: takes it, quota NOQUOTA`,
      `delivered to ${domain}/u0/Maildir/`,
    ],
  });
});

const rows: readonly {
  readonly why: string;
  readonly address?: string;
  readonly files?: Readonly<Record<string, string | null>>;
  /** Whether the host has a queue. */
  readonly queue?: boolean;
  readonly exit: number;
  readonly last: RegExp;
  readonly has?: string;
}[] = [
  {
    why: 'unknown',
    address: 'x@example.jp',
    exit: 100,
    last: /^refused: 550 5\.1\.1 sorry, no mailbox here/,
    has: `${domain}/vpasswd.cdb: no account for x, so bounce-no-mailbox counts`,
  },
  {
    why: 'elsewhere',
    address: 'x@example.org',
    exit: 100,
    last: /^to other clients: refused: 553 sorry, that domain isn't/,
  },
  {
    why: 'ours, but not in rcpthosts',
    files: { '/var/qmail/control/rcpthosts': 'other.example\n' },
    exit: 100,
    last: /^to other clients: refused: 553/,
    has: `delivered to ${domain}/u0/Maildir/`,
  },
  {
    why: 'a forward where there is no queue',
    files: { [`${domain}/u0/.qmail`]: '# copy\n&x@example.org\n' },
    exit: 111,
    last: /^deferred: 451 4\.3\.5 .*needs the queue/,
    has: `${domain}/u0/.qmail:2: &x@example.org`,
  },
  {
    why: 'a forward to another host',
    queue: true,
    files: { [`${domain}/u0/.qmail`]: '&x@example.org\n' },
    exit: 0,
    last: /^ {2}queued, and sent to the MX hosts of example\.org$/,
    has: 'queued, and forwarded to x@example.org',
  },
  {
    why: 'a forward to another account',
    queue: true,
    files: { [`${domain}/u0/.qmail`]: '&u1@example.jp\n' },
    exit: 0,
    last: /^ {2}delivered to .*\/u1\/Maildir\/$/,
  },
  {
    why: 'a forward that comes back',
    queue: true,
    files: { [`${domain}/u0/.qmail`]: '&u1@example.jp\n', [`${domain}/u1/.qmail`]: '&U0@example.jp\n' },
    exit: 0,
    last: /^ +which led here: the forwards go in a circle$/,
  },
  {
    why: 'a forward to nobody',
    queue: true,
    files: { [`${domain}/u0/.qmail`]: '&nobody@example.jp\n' },
    exit: 0,
    last: /^ {2}bounced: sorry, no mailbox here/,
  },
  {
    why: 'a program',
    queue: true,
    files: { [`${domain}/u0/.qmail`]: '|/usr/bin/autorespond 1 2\n' },
    exit: 0,
    last: /^queued, and given to a program as uid \d+ in .*\/u0: \/usr\/bin\/autorespond 1 2$/,
  },
  {
    why: 'an mbox of the domain',
    queue: true,
    address: 'box@example.jp',
    files: { [`${domain}/.qmail-box`]: './mbox\n' },
    exit: 0,
    last: /^queued, and appended to \.\/mbox in /,
  },
  {
    why: 'another host with a route',
    queue: true,
    address: 'x@example.org',
    files: {
      '/var/qmail/control/rcpthosts': null,
      '/var/qmail/control/smtproutes': 'example.org:relay.example:2525\n',
    },
    exit: 0,
    last: /^queued, and sent to relay\.example port 2525, as \/var\/qmail\/control\/smtproutes says$/,
  },
  {
    why: 'another host, with queue hosts in front',
    address: 'x@example.org',
    files: { '/var/qmail/control/rcpthosts': null, '/var/qmail/control/qmqpservers': '192.0.2.1\n' },
    exit: 0,
    last: /^handed by QMQP to the first of 192\.0\.2\.1 that answers$/,
  },
  { why: 'thrown away', files: { [`${domain}/u0/.qmail`]: '# delete\n' }, exit: 0, last: /^accepted and thrown away/ },
  {
    why: 'a broken database',
    files: { [`${domain}/vpasswd.cdb`]: 'x' },
    exit: 111,
    last: /^deferred: 451 4\.3\.0 .*vpasswd\.cdb/,
  },
  { why: 'no domain directory', files: { [domain]: null }, exit: 111, last: /^deferred: 451 4\.3\.0/ },
  {
    why: 'no rcpthosts: everything is taken',
    files: { '/var/qmail/control/rcpthosts': null },
    exit: 0,
    last: /^delivered/,
  },
];
for (const { why, address = 'u0@example.jp', files = {}, queue = false, exit, last, has } of rows) {
  test(why, async (t) => {
    const layout = host(t, 'NOQUOTA', files);
    if (queue) fs.mkdirSync(layout.queue);
    const answer = await ask(layout, address);
    assert.match(answer.lines.at(-1) ?? '', last);
    assert.equal(answer.exit, exit);
    if (has !== undefined) assert.ok(answer.lines.includes(has), answer.lines.join('\n'));
  });
}

test('how full the mailbox is', async (t) => {
  const layout = host(t, '1000S,5C');
  const file = path.join(maildirOf(layout, 0), 'maildirsize');
  const shown = `${domain}/u0/Maildir/maildirsize`;
  assert.ok(
    (await ask(layout, 'u0@example.jp')).lines.includes(
      `${shown}: missing or old, so the mailbox is counted when mail comes (limit 1000S,5C)`,
    ),
  );
  fs.writeFileSync(file, '1000S,5C\n900 4\n');
  assert.ok((await ask(layout, 'u0@example.jp')).lines.includes(`${shown}: 900 bytes in 4 messages, limit 1000S,5C`));
  fs.writeFileSync(file, '1000S,5C\n900 5\n');
  const full = await ask(layout, 'u0@example.jp');
  assert.deepEqual([full.exit, full.lines.at(-1)], [100, 'refused: 552 5.2.2 user is over quota']);
});

test('control characters of files do not reach the terminal', async (t) => {
  const layout = host(t, 'NOQUOTA', { [`${domain}/u0/.qmail`]: '&x\x1b[31m@example.org\n' });
  assert.ok((await ask(layout, 'u0@example.jp')).lines.includes(`${domain}/u0/.qmail:1: &x?[31m@example.org`));
});

test('arguments', async () => {
  const io = capturedIo({ layout: new Layout({ root: '/nowhere' }) });
  for (const args of [[], ['a', 'b'], ['--what']]) await assert.rejects(route(args, io), PermanentError);
});
