// Whatever a client answers to the challenges of IMAP's AUTHENTICATE: challenges and tagged answers alone, the process has no defect, and the next client is served.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { imapHost } from '../support/imap-host.js';
import { saslConversation, sendConversation } from './sasl-conversation.js';

test('any answers to the challenges of each mechanism', async (t) => {
  const host = await imapHost(t, { limits: { maxFailedLogins: 100 } });
  await fc.assert(
    fc.asyncProperty(saslConversation, async (conversation) => {
      const client = await host.connect();
      await sendConversation((bytes) => client.send(bytes), 'a AUTHENTICATE', conversation);
      client.socket.end();
      // An answer too many is a command with another tag.
      for (let line = await client.response(); line !== ''; line = await client.response())
        assert.match(line, /^(?:\+ [A-Za-z0-9+/]*={0,2}(?:\r\n)?$|\* (?:OK|BAD|BYE) |[^\s+*]+ (?:OK|NO|BAD) )/);
      client.destroy();
    }),
    { numRuns: 200 },
  );
  assert.deepEqual(
    host.log.filter((line) => /alert|\.ts:|\.js:/.test(line)),
    [],
  );
  const client = await host.loggedIn('INBOX');
  assert.equal(await client.tagged('NOOP'), 'OK NOOP completed.');
});
