// A message of 200 MB: of it there is never more in memory than a few pieces, whether its client reads or not.

import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { FileReads } from '../../../src/files/file-reads.js';
import { imapHost } from '../../support/imap-host.js';

const size = 200 * 1024 * 1024;
/** What sockets of the kernel may hold on both sides, and more. */
const aheadBytes = 48 * 1024 * 1024;
const header = 'Subject: large\n\n';
const original = FileReads.prototype.read;

test('a client that does not read holds up its own session, and one that reads gets all of it', async (t) => {
  const host = await imapHost(t);
  host.put('cur/1.a:2,S', header);
  const fd = openSync(path.join(host.maildir(), 'cur/1.a:2,S'), 'r+');
  // A hole reads as NUL, which is sent as 0x80.
  ftruncateSync(fd, size);
  writeSync(fd, '\n', size - 1);
  closeSync(fd);
  const read = t.mock.method(FileReads.prototype, 'read');
  let readBytes = 0;
  read.mock.mockImplementation(function (this: FileReads, ...args: Parameters<FileReads['read']>) {
    readBytes += args[1].length;
    return Reflect.apply(original, this, args);
  });

  const client = await host.loggedIn('INBOX');
  const other = await host.loggedIn('INBOX');
  const before = process.memoryUsage().arrayBuffers;
  client.socket.removeAllListeners('data');
  client.socket.pause();
  client.send('x FETCH 1 BODY.PEEK[]\r\n');
  // It is read once to be counted, and again to be sent; others go on meanwhile.
  for (let [last, same] = [-1, 0]; readBytes <= size || same < 5; ) {
    await other.ask('NOOP');
    await pause(20);
    [last, same] = [readBytes, last === readBytes ? same + 1 : 0];
  }
  assert.ok(readBytes < size + aheadBytes, `${readBytes - size} bytes were read ahead`);

  let received = 0;
  let most = 0;
  let end = '';
  const whole = new Promise<void>((resolve) => {
    client.socket.on('data', (piece: Buffer) => {
      received += piece.length;
      most = Math.max(most, process.memoryUsage().arrayBuffers);
      end = (end + piece.toString('latin1', Math.max(0, piece.length - 100))).slice(-100);
      if (end.endsWith('x OK Fetch completed.\r\n')) resolve();
    });
  });
  client.socket.resume();
  await whole;
  // Three line ends become two bytes.
  const sent = size + 3;
  assert.equal(received, `* 1 FETCH (BODY[] {${sent}}\r\n`.length + sent + ')\r\nx OK Fetch completed.\r\n'.length);
  assert.ok(most - before < size / 2, `${most - before} bytes of memory`);
});
