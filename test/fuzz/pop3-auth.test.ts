// Whatever a client answers to the challenges of POP3's AUTH: one reply a line, the process has no defect, and the next client is served.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pop3Host } from '../support/pop3-host.js';
import { saslMechanisms } from '../support/sasl-client.js';

const bytes = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array).toString('latin1'));
const response = fc.oneof(
  bytes(60).map((text) => Buffer.from(text, 'latin1').toString('base64')),
  fc.constantFrom(
    '',
    '=',
    '*',
    '!',
    'AHRlc3RAbWFpbHRlc3QuZXhhbXBsZS5qcAB3cm9uZw==',
    'biwsbj11c2VyLHI9YWJj',
    'am9lQGV4YW1wbGUuanA=',
  ),
  bytes(20).map((text) => text.replace(/[\r\n]/g, '?')),
);
const mechanism = fc.constantFrom(...saslMechanisms, 'SCRAM-SHA-1-PLUS', 'ANONYMOUS', 'plain', '');
const conversation = fc.record({
  exchanges: fc.array(
    fc.tuple(mechanism, fc.option(response, { nil: undefined }), fc.array(response, { maxLength: 4 })),
    {
      minLength: 1,
      maxLength: 4,
    },
  ),
  /** Where the bytes are cut into packets. */
  pieces: fc.array(fc.nat(300), { maxLength: 3 }),
});

test('any answers to the challenges of each mechanism', async (t) => {
  const host = await pop3Host(t);
  await fc.assert(
    fc.asyncProperty(conversation, async ({ exchanges, pieces }) => {
      const client = await host.connect();
      const lines = exchanges.flatMap(([name, first, answers]) => [
        ['AUTH', name, ...(first === undefined ? [] : [first])].join(' '),
        ...answers,
      ]);
      const text = Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1');
      const cuts = [0, ...pieces.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
      for (const [index, cut] of cuts.slice(1).entries()) {
        client.send(text.subarray(cuts[index], cut));
        await new Promise((resolve) => setImmediate(resolve));
      }
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
