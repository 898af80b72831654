// qmail-qmqpc as a program: it takes qmail-queue's place on a host that keeps no queue, and its exit code is all it says.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { Layout } from '../../../src/layout.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { vqmailProgram } from '../../support/started-server.js';

const message = 'S: x\n\ny\n';

test('what a queue host gets, and what comes of its answer and of envelopes', async (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = new Layout({ root });
  mkdirSync(layout.controlDirectory, { recursive: true });
  let [got, answer] = ['', ''];
  const queueHost = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket
      .on('error', () => {})
      .on('data', (bytes: Buffer) => {
        got += bytes.toString('latin1');
        if (got.endsWith(',,')) socket.end(answer);
      });
  });
  queueHost.listen(0, '127.0.0.1');
  await once(queueHost, 'listening');
  t.after(() => queueHost.close());
  const entry = `127.0.0.1:${(queueHost.address() as net.AddressInfo).port}\n`;

  const run = async (envelope: string): Promise<unknown> => {
    got = '';
    const file = path.join(root, 'envelope');
    writeFileSync(file, envelope, 'latin1');
    const fd = openSync(file, 'r');
    const child = spawn(process.execPath, [vqmailProgram, 'qmail-qmqpc'], {
      env: { VQMAIL_ROOT: root },
      stdio: ['pipe', fd, 'inherit'],
    });
    closeSync(fd);
    child.stdin?.on('error', () => {}).end(message);
    const [code] = await once(child, 'close');
    return code;
  };
  assert.equal(await run('Fs@a\0Tr@b\0\0'), 55, 'without control/qmqpservers');
  writeFileSync(layout.control('qmqpservers'), entry);
  for (const [given, exit] of [
    ['11:Kok 1 qp 22,', 0],
    ['5:Znow!,', 71],
    ['3:Dno,', 31],
    ['4:What,', 74],
    ['', 74],
  ] as const) {
    answer = given;
    assert.equal(await run('Fs@a\0Tr@b\0Tq@c\0\0'), exit, given);
    assert.equal(got, `29:8:${message},3:s@a,3:r@b,3:q@c,,`);
  }
  answer = '3:Dno,';
  const long = 'a'.repeat(1010);
  assert.equal(await run(`Fs@a\0T${long}\0\0`), 31, 'how long an address may be is for the queue host to say');
  assert.ok(got.endsWith(`,3:s@a,1010:${long},,`));
  for (const wrong of ['', 'Xs@a\0\0', 'Fs@a\0Xr@b\0\0', 'Fs@a\0Tr@b\0', 'Fs@a'])
    assert.equal(await run(wrong), 91, JSON.stringify(wrong));
});
