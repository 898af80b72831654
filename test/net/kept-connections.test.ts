// Connections that are used again: one at a time, and never one that the other side has left.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FrameReader, sendFrame } from '../../src/net/frames.js';
import { type KeptConnection, KeptConnections } from '../../src/net/kept-connections.js';

/** A listener that answers each frame with how many connections it has had. */
async function withListener(
  work: (connections: KeptConnections, open: Set<net.Socket>) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'vqmail-kept-'));
  const open = new Set<net.Socket>();
  let count = 0;
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    const number = ++count;
    void (async () => {
      const frames = new FrameReader(socket);
      while ((await frames.next()) !== undefined) void sendFrame(socket, 'n', { number });
    })();
  });
  const place = path.join(directory, 'socket');
  await new Promise<void>((resolve) => server.listen(place, resolve));
  const connect = (): Promise<net.Socket> =>
    new Promise((resolve, reject) => {
      const socket = net.connect({ path: place }, () => resolve(socket)).once('error', reject);
    });
  try {
    await work(new KeptConnections(connect), open);
  } finally {
    for (const socket of open) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    rmSync(directory, { recursive: true });
  }
}

async function ask({ socket, frames }: KeptConnection): Promise<number> {
  void sendFrame(socket, 'q', {});
  const answer = await frames.next();
  return (JSON.parse(answer?.bytes.toString() ?? '{}') as { number: number }).number;
}

test('one that is given back is used again, one that is in use is not', () =>
  withListener(async (connections) => {
    const first = await connections.take();
    const second = await connections.take();
    assert.deepEqual([await ask(first), await ask(second)].sort(), [1, 2]);
    first.release();
    const again = await connections.take();
    assert.equal(again, first);
    assert.equal(await ask(again), await ask(first));
  }));

test('one that the other side has closed while it was idle is not used again', () =>
  withListener(async (connections, open) => {
    const first = await connections.take();
    assert.equal(await ask(first), 1);
    first.release();
    const closed = new Promise((resolve) => first.socket.once('close', resolve));
    for (const socket of open) socket.destroy();
    await closed;
    const next = await connections.take();
    assert.equal(await ask(next), 2);
  }));

test('one that was destroyed is not kept', () =>
  withListener(async (connections) => {
    const first = await connections.take();
    first.socket.destroy();
    first.release();
    assert.notEqual(await connections.take(), first);
  }));
