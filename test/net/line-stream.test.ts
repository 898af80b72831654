import assert from 'node:assert/strict';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { LineStream } from '../../src/net/line-stream.js';
import { until } from '../support/front-end.js';

const limits = { maxLineBytes: 100, idleMs: 60_000 };

/** Both ends of a connection. */
async function connection(t: TestContext): Promise<{ client: net.Socket; server: net.Socket }> {
  const listener = net.createServer({ pauseOnConnect: true, allowHalfOpen: true });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<net.Socket>((resolve) => listener.once('connection', resolve));
  const { port } = listener.address() as net.AddressInfo;
  const client = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  const server = await accepted;
  for (const socket of [client, server]) socket.on('error', () => {});
  t.after(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  return { client, server };
}

async function all(lines: LineStream): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

const inputs: readonly [sent: string, lines: string[], why: string][] = [
  ['a\r\nb\n', ['a', 'b'], 'CR LF and LF'],
  ['\r\n\n', ['', ''], 'empty lines'],
  ['a\r\r\n', ['a\r'], 'one CR is the end, the other is not'],
  ['a\rb\n', ['a\rb'], 'a bare CR'],
  ['a\nrest', ['a'], 'what is not ended is no line'],
  ['\xe9\xff\0\n', ['\xe9\xff\0'], 'bytes'],
  [`${'x'.repeat(100)}\r\n`, [], 'a line with its CR over the limit'],
  [`${'x'.repeat(100)}\n`, ['x'.repeat(100)], 'a line at the limit'],
];

for (const [sent, expected, why] of inputs) {
  test(`${JSON.stringify(sent.slice(0, 12))}: ${why}, at once and byte by byte`, async (t) => {
    for (const step of [sent.length, 1]) {
      const { client, server } = await connection(t);
      const lines = new LineStream(server, limits);
      for (let at = 0; at < sent.length; at += step) client.write(Buffer.from(sent.slice(at, at + step), 'latin1'));
      client.end();
      assert.deepEqual(await all(lines), expected);
    }
  });
}

test('the end is told: closed, reset, too long, idle, stopped', async (t) => {
  const closed = await connection(t);
  const closedLines = new LineStream(closed.server, limits);
  closed.client.end();
  assert.deepEqual(await all(closedLines), []);
  assert.equal(closedLines.ended, 'closed');

  const reset = await connection(t);
  const resetLines = new LineStream(reset.server, limits);
  reset.client.resetAndDestroy();
  assert.deepEqual(await all(resetLines), []);

  const long = await connection(t);
  const longLines = new LineStream(long.server, limits);
  long.client.write('x'.repeat(101));
  assert.deepEqual(await all(longLines), []);
  assert.equal(longLines.ended, 'line-too-long');

  const idle = await connection(t);
  const idleLines = new LineStream(idle.server, { ...limits, idleMs: 20 });
  assert.deepEqual(await all(idleLines), []);
  assert.equal(idleLines.ended, 'idle');
  assert.ok(idle.server.destroyed);

  const stopped = await connection(t);
  const stoppedLines = new LineStream(stopped.server, limits);
  const waiting = all(stoppedLines);
  stoppedLines.stop();
  assert.deepEqual(await waiting, []);
  assert.equal(stoppedLines.ended, 'stopped');
});

test('the time that our side takes is not the time of the other', async (t) => {
  const { client, server } = await connection(t);
  const lines = new LineStream(server, { ...limits, idleMs: 20 });
  client.write('one\n');
  assert.equal(await lines.next(), 'one');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(lines.ended, undefined);
  assert.equal(await lines.next(), undefined);
  assert.equal(lines.ended, 'idle');
});

test('lines that were sent before the connection was closed are given out', async (t) => {
  const { client, server } = await connection(t);
  const lines = new LineStream(server, limits);
  client.end('a\nb\n');
  await new Promise((resolve) => server.once('end', resolve));
  assert.deepEqual(await all(lines), ['a', 'b']);
});

test('a sender of many lines is held back, and none is lost', async (t) => {
  const { client, server } = await connection(t);
  const lines = new LineStream(server, limits);
  const count = 100_000;
  client.end(Array.from({ length: count }, (_, index) => `line ${index}\n`).join(''));
  await until(
    () => server.isPaused(),
    () => 'the sender is not held back',
  );
  let next = 0;
  for await (const line of lines) assert.equal(line, `line ${next++}`);
  assert.equal(next, count);
});

test('a sender of one line is held back only when that is too long', async (t) => {
  for (const [length, why] of [
    [200_000, 'closed'],
    [200_001, 'line-too-long'],
    [300_000, 'line-too-long'],
  ] as const) {
    const { client, server } = await connection(t);
    const lines = new LineStream(server, { ...limits, maxLineBytes: 200_000 });
    client.write('x'.repeat(length));
    if (why === 'closed') client.end('\n');
    assert.equal((await lines.next())?.length, why === 'closed' ? length : undefined);
    await until(
      () => lines.ended === why,
      () => `${length}: ${lines.ended}`,
    );
  }
});

test('another owner gets what nobody has asked for, and what comes later', async (t) => {
  const { client, server } = await connection(t);
  const lines = new LineStream(server, limits);
  client.write('one\ntwo\nthr');
  assert.equal(await lines.next(), 'one');
  const rest = lines.detach();
  assert.equal(rest.toString(), 'two\nthr');
  const more = new LineStream(server, { ...limits, initial: rest });
  client.end('ee\n');
  assert.deepEqual(await all(more), ['two', 'three']);
});
