// The protocol: many requests on a connection, broken ones, slow clients, the end.

import assert from 'node:assert/strict';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../../../src/delivery/resolution/resolution.js';
import { PermanentError } from '../../../src/errors.js';
import { Layout } from '../../../src/layout.js';
import { lineLog } from '../../../src/log.js';
import { encodeNetstring } from '../../../src/protocols/netstring.js';
import type { PostmapLimits } from '../../../src/servers/postmap/connection.js';
import { createPostmapServer, type PostmapServer } from '../../../src/servers/postmap/server.js';
import { openHost } from '../../../src/stores/host.js';
import { PostmapClient } from '../../support/postmap-client.js';
import { VpopmailHost } from '../../support/vpopmail-host.js';

interface Running {
  readonly server: PostmapServer;
  readonly port: number;
  readonly files: VpopmailHost;
  log(): string;
  client(): Promise<PostmapClient>;
}

const taken: Outcome = { kind: 'discard', reason: 'a test', loopLines: { exact: [], anyCase: [] } };

/** Serves a host with the domain example.jp; recipients are what `resolve` says. */
async function serve(
  t: TestContext,
  resolve: (name: string) => Outcome | Promise<Outcome> = () => taken,
  limits: Partial<PostmapLimits> = {},
): Promise<Running> {
  const files = new VpopmailHost(t);
  files.domain('example.jp', {});
  let text = '';
  const log = lineLog((line) => {
    text += line;
  });
  const host = openHost(new Layout({ root: files.root }), log);
  const delivery = {
    resolve: async (recipient: string) => ({ recipient, outcome: await resolve(recipient.split('@', 1)[0] ?? '') }),
  };
  const server = createPostmapServer({ host, delivery, log, nextHop: () => 'smtp:[127.0.0.1]:25', limits });
  const listener = net.createServer({ pauseOnConnect: true }, (socket) => server.handle(socket));
  await new Promise<void>((resolved) => listener.listen(0, '127.0.0.1', resolved));
  t.after(async () => {
    listener.close();
    await server.drain();
  });
  const { port } = listener.address() as net.AddressInfo;
  const client = async (): Promise<PostmapClient> => {
    const opened = await PostmapClient.open(port);
    t.after(() => opened.destroy());
    return opened;
  };
  return { server, port, files, log: () => text, client };
}

test('answers as socketmap_table(5) has them', async (t) => {
  const outcomes: Readonly<Record<string, Outcome>> = {
    joe: taken,
    nobody: { kind: 'refuse', code: 550, status: '5.1.1', text: 'no' },
    later: { kind: 'defer', code: 451, status: '4.3.0', text: 'try\nlater', cause: '/a/path is broken' },
    list: { kind: 'queue', reason: 'list', code: 451, status: '4.3.5', text: 'needs the queue' },
  };
  const { client, log } = await serve(t, (name) => outcomes[name] ?? taken);
  const one = await client();
  assert.equal(await one.ask('recipients', 'joe@example.jp'), 'OK OK');
  assert.equal(await one.ask('recipients', 'nobody@example.jp'), 'NOTFOUND ');
  assert.equal(await one.ask('recipients', 'later@example.jp'), 'TEMP try later');
  assert.match(log(), /warning: postmap: recipients later@example\.jp: \/a\/path is broken/);
  assert.equal(await one.ask('recipients', 'list@example.jp'), 'OK OK');
  assert.equal(await one.ask('recipient-access', 'later@example.jp'), 'OK 451 4.3.0 try later');
  assert.equal(await one.ask('transport', 'joe@example.jp'), 'OK smtp:[127.0.0.1]:25');
  assert.match(await one.ask('nothing', 'x'), /^PERM there is no map nothing; there are relay-domains, /);
  one.send('recipients');
  assert.match((await one.answer()) ?? '', /^PERM a request is/);
  assert.equal(await one.ask('recipients', 'joe@example.jp'), 'OK OK', 'a wrong question ends nothing');
});

test('a name with bytes above 127 and spaces is asked for as it is', async (t) => {
  const asked: string[] = [];
  const { client } = await serve(t, (name) => {
    asked.push(name);
    return taken;
  });
  const one = await client();
  assert.equal(await one.ask('recipients', '"a b\xe9"@example.jp'), 'OK OK');
  assert.deepEqual(asked, ['a b\xe9']);
});

test('a defect is trouble, and the server goes on', async (t) => {
  const { client, log } = await serve(t, () => {
    throw new PermanentError('5.5.4', 'never thrown here');
  });
  const one = await client();
  assert.equal(await one.ask('recipients', 'joe@example.jp'), 'TEMP temporary trouble on this host');
  assert.match(log(), /alert: postmap: Error: never thrown here/);
  assert.equal(await one.ask('relay-domains', 'example.jp'), 'OK OK');
});

test('requests sent ahead are answered in their order, whole, byte by byte and after the client has closed its side', async (t) => {
  const { client } = await serve(t, async (name) => {
    await sleep(name === 'slow' ? 30 : 0);
    return name === 'nobody' ? { kind: 'refuse', code: 550, status: '5.1.1', text: 'no' } : taken;
  });
  const requests = ['recipients slow@example.jp', 'recipients nobody@example.jp', 'relay-domains example.jp', 'nix'];
  const bytes = Buffer.concat(requests.map(encodeNetstring));
  const answers = ['OK OK', 'NOTFOUND ', 'OK OK', 'PERM a request is the name of a map, a space and a key'];
  const [whole, pieces] = [await client(), await client()];
  whole.socket.end(bytes);
  for (const byte of bytes) {
    pieces.socket.write(Buffer.from([byte]));
    if (byte === 0x20) await sleep(1);
  }
  for (const answer of answers) {
    assert.equal(await whole.answer(), answer);
    assert.equal(await pieces.answer(), answer);
  }
  assert.equal(await whole.answer(), undefined);
  await whole.ended;
});

test('thousands of requests ahead of a reader that takes its time', async (t) => {
  const { client } = await serve(t);
  const one = await client();
  one.socket.pause();
  const count = 50_000;
  const request = encodeNetstring('recipients joe@example.jp');
  for (let n = 0; n < count; n++) one.socket.write(request);
  await sleep(50);
  one.socket.resume();
  for (let n = 0; n < count; n++) assert.equal(await one.answer(), 'OK OK');
});

test('a broken netstring is told so and ends its connection alone', async (t) => {
  const { client, log } = await serve(t);
  const [good, bad, long] = [await client(), await client(), await client()];
  bad.socket.write('GET / HTTP/1.0\r\n\r\n');
  assert.match((await bad.answer()) ?? '', /^PERM not a netstring: /);
  await bad.ended;
  assert.match(log(), /warning: postmap: a broken request: a length is missing/);
  long.socket.write('100001:');
  assert.match((await long.answer()) ?? '', /^PERM .*at most 100000 bytes/);
  await long.ended;
  assert.equal(await good.ask('relay-domains', 'example.jp'), 'OK OK');
  assert.match(await good.ask('recipients', `${'x'.repeat(90_000)}@example.jp`), /^NOTFOUND /, 'long, but a request');
});

test('idle connections, requests that do not come to an end, and clients that do not read are cut off', async (t) => {
  const { client } = await serve(t, undefined, { idleMs: 150, requestMs: 150 });
  const [idle, halting, deaf] = [await client(), await client(), await client()];
  await idle.ask('relay-domains', 'example.jp');
  await idle.ended;
  const drip = setInterval(() => halting.socket.write('1'), 20);
  halting.socket.write('50:recipients ');
  await halting.ended;
  clearInterval(drip);
  deaf.socket.pause();
  // Postfix could not do this: it waits for each answer.
  const request = encodeNetstring('transport joe@example.jp');
  const chunk = Buffer.concat(Array.from({ length: 1000 }, () => request));
  while (!deaf.socket.destroyed && deaf.socket.writable) {
    deaf.socket.write(chunk);
    await sleep(1);
    if (deaf.socket.writableLength > 64 * 1024 * 1024) break;
  }
  deaf.socket.resume();
  await deaf.ended;
});

test('the end: what was asked is answered, idle connections close, new ones are not taken', async (t) => {
  let answerNow: () => void = () => {};
  const { client, server } = await serve(t, async () => {
    await new Promise<void>((resolve) => {
      answerNow = resolve;
    });
    return taken;
  });
  const [idle, busy] = [await client(), await client()];
  await idle.ask('relay-domains', 'example.jp');
  busy.send('recipients joe@example.jp');
  await sleep(50);
  const drained = server.drain();
  await idle.ended;
  const late = await client();
  await late.ended;
  answerNow();
  assert.equal(await busy.answer(), 'OK OK');
  await busy.ended;
  await drained;
});
