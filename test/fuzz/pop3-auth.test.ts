// Whatever a client answers to the challenges of POP3's AUTH: one reply a line, the process has no defect, and the next client is served.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pop3Host } from '../support/pop3-host.js';
import { saslConversation, sendConversation } from './sasl-conversation.js';

test('any answers to the challenges of each mechanism', async (t) => {
  const host = await pop3Host(t);
  await fc.assert(
    fc.asyncProperty(saslConversation, async (conversation) => {
      const client = await host.connect();
      await sendConversation((bytes) => client.send(bytes), 'AUTH', conversation);
      client.socket.end();
      // A list of mechanisms has lines of its own.
      for (let line = await client.line(); line !== ''; line = await client.line())
        assert.match(line, /^(?:\+OK|-ERR|\+ |[A-Z0-9-]+\r\n$|\.\r\n$)/);
      client.destroy();
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(
    host.log.filter((line) => /alert|\.ts:|\.js:/.test(line)),
    [],
  );
  await host.loggedIn();
});
