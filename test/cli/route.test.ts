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
import { newRoot, pictureOf, removeRoot } from '../support/recording.js';

const domain = '/home/vpopmail/domains/example.jp';

interface Answer {
  readonly exit: number;
  readonly lines: readonly string[];
}

async function ask(layout: Layout, address: string): Promise<Answer> {
  const before = pictureOf(layout.root);
  const io = capturedIo({ layout });
  const exit = await route([address], io);
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
    why: 'a forward',
    files: { [`${domain}/u0/.qmail`]: '# copy\n&x@example.org\n' },
    exit: 111,
    last: /^deferred: 451 4\.3\.5 .*needs the queue/,
    has: `${domain}/u0/.qmail:2: &x@example.org`,
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
for (const { why, address = 'u0@example.jp', files = {}, exit, last, has } of rows) {
  test(why, async (t) => {
    const answer = await ask(host(t, 'NOQUOTA', files), address);
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
