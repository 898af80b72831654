// Commands as they come off a connection: lines and literals, cut anywhere.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { LineStream } from '../../../src/net/line-stream.js';
import { ReplyWriter } from '../../../src/net/reply-writer.js';
import { CommandInput } from '../../../src/servers/imap/command-input.js';

const limits = { maxLiteralBytes: 100, maxPieces: 10 };

/** Both ends of a connection: what reads commands, and the client's socket. */
async function connection(): Promise<{ input: CommandInput; client: Socket; close: () => void }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const client = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
  const [socket] = (await once(server, 'connection')) as [Socket];
  socket.on('error', () => {});
  client.on('error', () => {});
  client.setNoDelay();
  const lines = new LineStream(socket, { maxLineBytes: 1000, idleMs: 60_000 });
  const input = new CommandInput(lines, new ReplyWriter(socket), limits);
  const close = (): void => {
    client.destroy();
    socket.destroy();
    server.close();
  };
  return { input, client, close };
}

const shown = (command: Awaited<ReturnType<CommandInput['next']>>): unknown =>
  command === undefined || 'problem' in command
    ? command
    : [
        command.tag,
        command.name,
        ...command.pieces.flatMap(({ text, literal }) => [
          text,
          ...(literal ? [literal.bytes.toString('latin1')] : []),
        ]),
      ];

test('lines, literals that are waited with and literals that are not, in pieces of any size', async () => {
  const session = 'a1 noop\r\na2 LOGIN {4+}\r\nnoel {3+}\r\na\nb\r\n\r\na3 uid fetch 1:* flags\na4 UID\r\n';
  for (const size of [1, 3, 1000]) {
    const { input, client, close } = await connection();
    for (let at = 0; at < session.length; at += size) client.write(session.slice(at, at + size), 'latin1');
    assert.deepEqual(shown(await input.next()), ['a1', 'NOOP', '']);
    assert.deepEqual(shown(await input.next()), ['a2', 'LOGIN', '', 'noel', ' ', 'a\nb', '']);
    // The empty line behind the literal's command is no command.
    assert.deepEqual(shown(await input.next()), { tag: '*', problem: 'Error in IMAP command: no tag', isFatal: false });
    assert.deepEqual(shown(await input.next()), ['a3', 'UID FETCH', '1:* flags']);
    assert.deepEqual(shown(await input.next()), ['a4', 'UID', '']);
    client.end();
    assert.equal(await input.next(), undefined);
    close();
  }
});

test('a client that waits is told to go on', async () => {
  const { input, client, close } = await connection();
  client.write('a1 LOGIN {4}\r\n');
  const command = input.next();
  const [told] = (await once(client, 'data')) as [Buffer];
  assert.equal(told.toString(), '+ OK\r\n');
  client.write('noel x\r\n');
  assert.deepEqual(shown(await command), ['a1', 'LOGIN', '', 'noel', ' x']);
  close();
});

test('a literal that is too large is refused; one that was not waited with is read away', async () => {
  const { input, client, close } = await connection();
  client.write(`a1 LOGIN {101}\r\na2 LOGIN {200+}\r\n${'x'.repeat(200)} {3+}\r\nabc\r\na3 NOOP\r\n`);
  assert.deepEqual(shown(await input.next()), { tag: 'a1', problem: 'Too long argument', isFatal: false });
  assert.deepEqual(shown(await input.next()), { tag: 'a2', problem: 'Too long argument', isFatal: false });
  assert.deepEqual(shown(await input.next()), ['a3', 'NOOP', '']);
  client.write('a4 LOGIN {99999999999+}\r\n');
  assert.deepEqual(shown(await input.next()), { tag: 'a4', problem: 'Too long argument', isFatal: true });
  close();
});

test('the messages of APPEND are left to whoever obeys it', async () => {
  const { input, client, close } = await connection();
  client.write('a1 APPEND INBOX (\\Seen) {5+}\r\nhello ~{3+}\r\n\0bc\r\na2 NOOP\r\n');
  const command = await input.next();
  assert.ok(command !== undefined && !('problem' in command) && command.announced !== undefined);
  assert.deepEqual(shown(command), ['a1', 'APPEND', 'INBOX (\\Seen) ']);
  const taken: Buffer[] = [];
  for await (const piece of input.message(command.announced)) taken.push(piece);
  assert.equal(Buffer.concat(taken).toString(), 'hello');
  const rest = await input.rest();
  assert.deepEqual([rest?.text, rest?.announced?.bytes, rest?.announced?.isBinary], [' ', 3, true]);
  client.end();
  close();
});
