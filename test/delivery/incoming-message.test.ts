// One message into the Maildirs of its recipients: what is left there, all or nothing, large ones, loops, quotas, and what is given up.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Delivery, IncomingMessage, Resolution } from '../../src/delivery/accept.js';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { PermanentError, TemporaryError } from '../../src/errors.js';
import type { Layout } from '../../src/layout.js';
import { lineLog } from '../../src/log.js';
import { openHost } from '../../src/stores/host.js';
import {
  type DeliveryHostOptions,
  domainDirectory,
  maildirOf,
  mailOwner,
  makeDeliveryHost,
  newMessages,
  temporaryFiles,
} from '../support/delivery-host.js';
import { newRoot, removeRoot } from '../support/recording.js';

const received =
  'Received: (qmail 43 invoked from network); 24 Nov 2026 02:29:14 -0000\n' +
  'Received: from unknown (HELO me) (127.0.0.1)\n  by 0 with SMTP; 24 Nov 2026 02:29:14 -0000\n';
const text = 'Subject: test mail\n\nThis is a test.\n';

interface Place {
  readonly layout: Layout;
  readonly delivery: Delivery;
  log(): string;
}

function place(t: TestContext, options: Partial<DeliveryHostOptions> = {}): Place {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = makeDeliveryHost(root, { accounts: 10, ...options });
  let log = '';
  const host = openHost(
    layout,
    lineLog((line) => {
      log += line;
    }),
  );
  return { layout, delivery: createDelivery(host), log: () => log };
}

async function resolved({ delivery }: Place, ...accounts: (number | string)[]): Promise<Resolution[]> {
  const address = (account: number | string): string => (typeof account === 'number' ? `u${account}` : account);
  return Promise.all(accounts.map((account) => delivery.resolve(`${address(account)}@example.jp`)));
}

async function incoming(at: Place, ...accounts: (number | string)[]): Promise<IncomingMessage> {
  const recipients = await resolved(at, ...accounts);
  return at.delivery.accept({ sender: 'noel@example.gr.jp', recipients, receivedLines: received });
}

const ten = Array.from({ length: 10 }, (_, number) => number);

function assertNothing({ layout }: Place): void {
  for (const account of ten) {
    if (!fs.existsSync(maildirOf(layout, account))) continue;
    for (const part of ['new', 'tmp', 'cur']) {
      const directory = path.join(maildirOf(layout, account), part);
      if (fs.existsSync(directory)) assert.deepEqual(fs.readdirSync(directory), [], directory);
    }
  }
}

const head = (account: number | string): string =>
  `Return-Path: <noel@example.gr.jp>\nDelivered-To: ${typeof account === 'number' ? `u${account}` : account}@example.jp\n`;

test('the file that vdelivermail would leave', async (t) => {
  const at = place(t);
  const message = await incoming(at, 0);
  await message.write(Buffer.from(text.slice(0, 20)));
  await message.write(Buffer.from(text.slice(20)));
  assertNothing(at);
  await message.commit();
  const [[name = '', content] = [], ...others] = newMessages(maildirOf(at.layout, 0));
  assert.deepEqual(others, []);
  assert.equal(content, head(0) + received + text);
  assert.match(name, new RegExp(`^\\d{10}\\.${process.pid}M\\d+\\.[^,/:]+,S=${content?.length}$`));
  const status = fs.statSync(path.join(maildirOf(at.layout, 0), 'new', name));
  assert.deepEqual(
    [status.mode & 0o7777, status.uid, status.gid, status.nlink],
    [0o600, mailOwner.uid, mailOwner.gid, 1],
  );
  assert.deepEqual(temporaryFiles(maildirOf(at.layout, 0)), []);
});

const bodies: readonly [why: string, body: Buffer][] = [
  ['no header', Buffer.from('just text\n')],
  ['no bytes at all: there are Received lines', Buffer.alloc(0)],
  ['one empty line', Buffer.from('\n')],
  ['NUL and every other byte', Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))],
  [
    'a line of a megabyte',
    Buffer.concat([Buffer.from('Subject: x\n\n'), Buffer.alloc(1 << 20, 'l'), Buffer.from('\n')]),
  ],
  ['a header line of a megabyte', Buffer.concat([Buffer.alloc(1 << 20, 'Delivered-To: '), Buffer.from('\n\nbody\n')])],
  ['random bytes without a line end', randomBytes(700_000)],
];
for (const [why, body] of bodies) {
  test(`stored as it came: ${why}`, async (t) => {
    const at = place(t);
    const message = await incoming(at, 0, 1);
    for (let start = 0; start < body.length; start += 50_000) await message.write(body.subarray(start, start + 50_000));
    await message.commit();
    for (const account of [0, 1]) {
      const [content] = newMessages(maildirOf(at.layout, account)).values();
      assert.ok(content === head(account) + received + body.toString('latin1'));
    }
  });
}

test('a message without a byte and without Received lines is dropped, as vdelivermail does', async (t) => {
  const at = place(t);
  const message = at.delivery.accept({ sender: '', recipients: await resolved(at, 0), receivedLines: '' });
  await message.commit();
  assertNothing(at);
});

test('a message of 5 MiB for three recipients goes through tmp/, and the client waits for the disk', async (t) => {
  const at = place(t);
  const message = await incoming(at, 0, 1, 2);
  const chunks = Array.from({ length: 80 }, () => randomBytes(65_536));
  let waited = 0;
  for (const chunk of chunks) {
    const pending = message.write(chunk);
    if (pending !== undefined) waited++;
    await pending;
  }
  assert.ok(waited > 0, 'no write gave a promise');
  assert.equal(temporaryFiles(maildirOf(at.layout, 0)).length, 1);
  assert.deepEqual(temporaryFiles(maildirOf(at.layout, 1)), []);
  await message.commit();
  const body = Buffer.concat(chunks).toString('latin1');
  for (const account of [0, 1, 2]) {
    const [[name = '', content = ''] = []] = newMessages(maildirOf(at.layout, account));
    assert.ok(content === head(account) + received + body);
    assert.ok(name.endsWith(`,S=${content.length}`));
    assert.deepEqual(temporaryFiles(maildirOf(at.layout, account)), []);
  }
});

test('ten recipients, one Maildir of which goes away: nobody gets it, and it is temporary', async (t) => {
  const at = place(t);
  const message = await incoming(at, ...ten);
  fs.rmdirSync(path.join(maildirOf(at.layout, 7), 'tmp'));
  await message.write(Buffer.from(text));
  await assert.rejects(message.commit(), (error) => error instanceof TemporaryError && error.status === '4.3.0');
  assertNothing(at);
});

test('the same for a large message, whose first Maildir goes away', async (t) => {
  const at = place(t);
  const message = await incoming(at, ...ten);
  fs.rmdirSync(path.join(maildirOf(at.layout, 0), 'tmp'));
  for (let count = 0; count < 20; count++) await message.write(Buffer.alloc(65_536, 'x'));
  await assert.rejects(message.commit(), TemporaryError);
  assertNothing(at);
});

test('a failure in the middle of the moves takes back those that were done', async (t) => {
  const at = place(t);
  const message = await incoming(at, ...ten);
  await message.write(Buffer.from(text));
  await message.prepare();
  assertNothingIsNew(at);
  fs.rmdirSync(path.join(maildirOf(at.layout, 7), 'new'));
  await assert.rejects(message.commit(), TemporaryError);
  assertNothing(at);
  assert.equal(at.log(), '');
});

test('a copy that a reader has taken in that moment stays, and the error is temporary all the same', async (t) => {
  const at = place(t);
  const message = await incoming(at, ...ten);
  await message.write(Buffer.from(text));
  await message.prepare();
  // The reader stands in for the moment between two moves: Maildir 7 has no new/, and whatever arrives in Maildir 3 is taken at once.
  fs.rmdirSync(path.join(maildirOf(at.layout, 7), 'new'));
  const unlink = fs.unlinkSync;
  t.mock.method(fs, 'unlinkSync', (file: fs.PathLike) => {
    if (String(file).startsWith(path.join(maildirOf(at.layout, 3), 'new')))
      fs.renameSync(file, path.join(maildirOf(at.layout, 3), 'cur/taken:2,'));
    unlink(file);
  });
  await assert.rejects(message.commit(), TemporaryError);
  assert.deepEqual(fs.readdirSync(path.join(maildirOf(at.layout, 3), 'cur')), ['taken:2,']);
  assert.match(at.log(), /stays in the mailboxes of u3@example.jp/);
});

function assertNothingIsNew({ layout }: Place): void {
  for (const account of ten) assert.equal(newMessages(maildirOf(layout, account)).size, 0);
}

const stages: readonly [why: string, reach: (message: IncomingMessage) => Promise<void>][] = [
  ['before a byte', async () => {}],
  ['in memory', async (message) => message.write(Buffer.from(text))],
  [
    'with a write to the disk under way',
    async (message) => {
      for (let count = 0; count < 12; count++) await message.write(Buffer.alloc(65_536, 'x'));
      message.write(Buffer.alloc(600_000, 'y'));
      message.write(Buffer.alloc(600_000, 'z'));
    },
  ],
  [
    'with preparation under way',
    async (message) => {
      await message.write(Buffer.from(text));
      message.prepare().catch(() => {});
    },
  ],
  [
    'prepared',
    async (message) => {
      for (let count = 0; count < 12; count++) await message.write(Buffer.alloc(65_536, 'x'));
      await message.prepare();
    },
  ],
];
for (const [why, reach] of stages) {
  test(`given up ${why}: nothing is left`, async (t) => {
    const at = place(t);
    const message = await incoming(at, ...ten);
    await reach(message);
    await message.abort();
    assertNothing(at);
    await message.abort();
    await assert.rejects(message.commit());
    assertNothing(at);
  });
}

test('abort after commit changes nothing', async (t) => {
  const at = place(t);
  const message = await incoming(at, 0);
  await message.write(Buffer.from(text));
  const committed = message.commit();
  await message.abort().catch(() => {});
  await committed.catch(() => {});
  const count = newMessages(maildirOf(at.layout, 0)).size;
  const another = await incoming(at, 0);
  await another.commit();
  await another.abort();
  assert.equal(newMessages(maildirOf(at.layout, 0)).size, count + 1);
});

test('two recipients with one mailbox: two copies, as qmail delivers', async (t) => {
  const at = place(t);
  const message = await incoming(at, 0, 'U0', 'u0-ext');
  await message.write(Buffer.from(text));
  await message.commit();
  assert.deepEqual([...newMessages(maildirOf(at.layout, 0)).values()], Array(3).fill(head(0) + received + text));
});

const loops: readonly [why: string, header: string, wanted: RegExp | undefined][] = [
  [
    "qmail-local's line",
    'Delivered-To: example.jp-u0@example.jp\n',
    /This message is looping: it already has my Delivered-To line/,
  ],
  ["qmail-local's line in another case", 'Delivered-To: EXAMPLE.JP-u0@example.jp\n', undefined],
  ["vdelivermail's line", 'Delivered-To: u0@example.jp\n', /^mail is looping/],
  ["vdelivermail's line in another case", 'delivered-to: U0@Example.JP\n', /^mail is looping/],
  ['behind a folded line', 'X: y\n\tz\nDelivered-To: u0@example.jp\n', /^mail is looping/],
  ['somebody else', 'Delivered-To: u1@example.jp\n', undefined],
  ['no blank', 'Delivered-To:u0@example.jp\n', undefined],
  ['two blanks', 'Delivered-To:  u0@example.jp\n', undefined],
  ['a blank behind it', 'Delivered-To: u0@example.jp \n', undefined],
  ['in the body', 'Subject: x\n\nDelivered-To: u0@example.jp\n', undefined],
];
for (const [why, header, wanted] of loops) {
  test(`loop: ${why}`, async (t) => {
    const at = place(t);
    const message = await incoming(at, 0);
    // Cut where it hurts most.
    for (const byte of Buffer.from(header)) await message.write(Buffer.from([byte]));
    await message.write(Buffer.from('\nbody\n'));
    if (wanted === undefined) return message.commit();
    await assert.rejects(
      message.commit(),
      (error) => error instanceof PermanentError && error.status === '5.4.6' && wanted.test(error.message),
    );
    assertNothing(at);
  });
}

test('a loop of one of several recipients refuses the message and names that one', async (t) => {
  const at = place(t);
  const message = await incoming(at, 0, 1, 2);
  await message.write(Buffer.from('Delivered-To: u1@example.jp\n\n'));
  await assert.rejects(
    message.commit(),
    /^PermanentError: <u1@example\.jp>: mail is looping|<u1@example\.jp>: mail is looping/,
  );
  assertNothing(at);
});

test('a message too large for one of several recipients refuses it for all and names that one', async (t) => {
  const at = place(t, { quota: '1000S' });
  const message = await incoming(at, 0, 1);
  fs.writeFileSync(path.join(maildirOf(at.layout, 1), 'maildirsize'), '1000S\n950 1\n');
  await message.write(Buffer.from(text));
  await assert.rejects(
    message.commit(),
    (error) =>
      error instanceof PermanentError &&
      error.status === '5.2.2' &&
      /^<u1@example\.jp>: user is over quota/.test(error.message),
  );
  assertNothing(at);
});

test('maildirsize counts the whole file, once for each message', async (t) => {
  const at = place(t, { quota: '100000S,50C' });
  for (let count = 0; count < 2; count++) {
    const message = await incoming(at, 0);
    await message.write(Buffer.from(text));
    await message.commit();
  }
  const size = (head(0) + received + text).length;
  const file = path.join(maildirOf(at.layout, 0), 'maildirsize');
  assert.equal(fs.readFileSync(file, 'latin1'), `100000S,50C\n0 0\n${size} 1\n${size} 1\n`);
});

test('a missing account directory is made again, with the hash directory above it, also by many at once', async (t) => {
  const at = place(t);
  const domain = domainDirectory(at.layout);
  fs.rmSync(path.join(domain, 'u0'), { recursive: true });
  const recipients = await resolved(at, 0);
  const messages = Array.from({ length: 20 }, () =>
    at.delivery.accept({ sender: 'noel@example.gr.jp', recipients, receivedLines: received }),
  );
  await Promise.all(messages.map((message) => message.commit()));
  assert.equal(newMessages(maildirOf(at.layout, 0)).size, 20);
  for (const made of ['u0', 'u0/Maildir', 'u0/Maildir/new', 'u0/Maildir/cur', 'u0/Maildir/tmp']) {
    const status = fs.statSync(path.join(domain, made));
    assert.deepEqual([status.mode & 0o7777, status.uid, status.gid], [0o700, mailOwner.uid, mailOwner.gid], made);
  }
  assert.deepEqual(fs.readdirSync(path.join(domain, 'u0')), ['Maildir']);
});

test('a catch-all address leaves the trace of its forward', async (t) => {
  const at = place(t);
  fs.writeFileSync(
    path.join(domainDirectory(at.layout), '.qmail-default'),
    "| /home/vpopmail/bin/vdelivermail '' u1@example.jp\n",
  );
  const message = await incoming(at, 'Nobody');
  await message.write(Buffer.from(text));
  await message.commit();
  const [content = ''] = newMessages(maildirOf(at.layout, 1)).values();
  const trace = /^Received: \(qmail \d+ invoked by uid (\d+)\); \d+ \w+ \d{4} [\d:]+ -0000\nDelivered-To: (.*)\n/;
  const [line = '', uid, address] = trace.exec(content.slice(head(1).length)) ?? [];
  assert.deepEqual([Number(uid), address], [mailOwner.uid, 'Nobody@example.jp']);
  assert.equal(content, head(1) + line + received + text);
  const again = await incoming(at, 'nobody');
  await again.write(Buffer.from('Delivered-To: nobody@example.jp\n\n'));
  await assert.rejects(again.commit(), /mail is looping/);
});

test('an alias gets qmail-local its own way: the rewritten address, no size in the name, no accounts kept', async (t) => {
  const at = place(t);
  fs.writeFileSync(path.join(domainDirectory(at.layout), '.qmail-sales'), './u1/Maildir/\n');
  fs.writeFileSync(path.join(maildirOf(at.layout, 1), 'maildirsize'), '1000S\n0 0\n');
  const message = await incoming(at, 'Sales');
  await message.write(Buffer.from(text));
  await message.commit();
  const [[name = '', content] = []] = newMessages(maildirOf(at.layout, 1));
  assert.doesNotMatch(name, /,/);
  assert.equal(
    content,
    `Return-Path: <noel@example.gr.jp>\nDelivered-To: example.jp-Sales@example.jp\n${received}${text}`,
  );
  assert.equal(fs.readFileSync(path.join(maildirOf(at.layout, 1), 'maildirsize'), 'latin1'), '1000S\n0 0\n');
});

test('thrown away for one, delivered for the other; and thrown away for all', async (t) => {
  const at = place(t);
  fs.writeFileSync(path.join(domainDirectory(at.layout), 'u0/.qmail'), '# nothing\n');
  for (const accounts of [[0, 1], [0]]) {
    const message = await incoming(at, ...accounts);
    for (let count = 0; count < 10; count++) await message.write(Buffer.alloc(65_536, 'x'));
    await message.commit();
  }
  assert.equal(newMessages(maildirOf(at.layout, 0)).size, 0);
  assert.equal(newMessages(maildirOf(at.layout, 1)).size, 1);
});

test('a message for 500 recipients does not need 500 open files', async (t) => {
  const at = place(t, { accounts: 500 });
  const accounts = Array.from({ length: 500 }, (_, number) => number);
  const message = await incoming(at, ...accounts);
  await message.write(Buffer.from(text));
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, fs.readdirSync('/proc/self/fd').length);
  }, 1);
  await message.commit();
  clearInterval(timer);
  assert.ok(most < 300, `${most} open files`);
  for (const account of accounts) assert.equal(newMessages(maildirOf(at.layout, account)).size, 1);
});
