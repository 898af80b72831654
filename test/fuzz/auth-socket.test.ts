// Whatever a front end sends to the auth socket, in whatever pieces: every request ends in one clean answer or with the connection, the process has no defect, and the next front end is served.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AuthClient } from '../support/auth-client.js';
import { type AuthPlace, authPlace } from '../support/auth-socket.js';
import { saslMechanisms } from '../support/sasl-client.js';
import { anyBytes, anyMechanism, saslResponse } from './sasl-conversation.js';

const id = fc.constantFrom('1', '2', '3', '0', 'x', '4294967295', '4294967296');
const response = saslResponse('AGpvZUBleGFtcGxlLmpwAGpvZSBwdw==', anyBytes(20));
const parameter = fc.oneof(
  fc.constantFrom(
    'service=smtp',
    'service=',
    'rip=192.0.2.9',
    'rip=x',
    'secured',
    'final-resp-ok',
    'lport=587',
    '=',
    'resp=',
  ),
  anyBytes(12),
);
/** Lines that are nearly right, and lines that are anything. */
const line = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(id, anyMechanism, fc.array(parameter, { maxLength: 3 }), response)
      .map(([n, name, more, data]) => ['AUTH', n, name, ...more, `resp=${data}`].join('\t')),
  },
  { weight: 3, arbitrary: fc.tuple(id, anyMechanism).map(([n, name]) => `AUTH\t${n}\t${name}`) },
  { weight: 6, arbitrary: fc.tuple(id, response).map(([n, data]) => `CONT\t${n}\t${data}`) },
  { weight: 2, arbitrary: id.map((n) => `CANCEL\t${n}`) },
  { weight: 2, arbitrary: fc.tuple(id, anyBytes(20)).map(([n, name]) => `USER\t${n}\t${name}`) },
  { weight: 1, arbitrary: fc.constantFrom('CPID\t1', 'VERSION\t1\t0', 'CPID\t0', 'DONE', '') },
  { weight: 1, arbitrary: anyBytes(40) },
);
const conversation = fc.record({
  lines: fc.array(line, { minLength: 1, maxLength: 12 }),
  minor: fc.constantFrom(0, 2),
  /** Where the bytes are cut into packets. */
  pieces: fc.array(fc.nat(400), { maxLength: 3 }),
});

const answerLine =
  /^(?:CONT\t\d+\t[A-Za-z0-9+/]*={0,2}|OK\t\d+\tuser=joe@example\.jp(?:\tresp=[A-Za-z0-9+/]*={0,2})?|FAIL\t\d+(?:\t[ -~]+)*|USER\t\d+\t[^\n]*|NOTFOUND\t\d+)$/;

async function talk(
  place: AuthPlace,
  lines: readonly string[],
  minor: number,
  pieces: readonly number[],
): Promise<void> {
  const { client } = await AuthClient.greeted(place.socket, minor);
  const text = Buffer.from(lines.map((each) => `${each}\n`).join(''), 'latin1');
  const cuts = [0, ...pieces.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
  for (const [index, cut] of cuts.slice(1).entries()) {
    client.socket.write(text.subarray(cuts[index], cut));
    await new Promise((resolve) => setImmediate(resolve));
  }
  client.socket.end();
  for (let answer = await client.line(); answer !== undefined; answer = await client.line())
    assert.match(answer, answerLine);
  client.destroy();
}

test('any conversation', async (t) => {
  const place = await authPlace(t);
  await fc.assert(
    fc.asyncProperty(conversation, ({ lines, minor, pieces }) => talk(place, lines, minor, pieces)),
    { numRuns: 400 },
  );
  assert.doesNotMatch(place.log(), /alert/);
  const { client } = await AuthClient.greeted(place.socket);
  assert.equal(await client.login(1, 'PLAIN', 'joe@example.jp', 'joe pw'), 'OK\t1\tuser=joe@example.jp');
  client.destroy();
});

test('any answers to the challenges of each mechanism: one clean end', async (t) => {
  const place = await authPlace(t);
  const { client } = await AuthClient.greeted(place.socket);
  t.after(() => client.destroy());
  let request = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...saslMechanisms),
      fc.array(response, { minLength: 1, maxLength: 5 }),
      async (name, answers) => {
        const number = ++request;
        let answer = await client.ask(`AUTH\t${number}\t${name}`);
        for (const data of answers) {
          if (!answer?.startsWith(`CONT\t${number}\t`)) break;
          answer = await client.ask(`CONT\t${number}\t${data.replace(/[\t\n\r]/g, '?')}`);
        }
        assert.match(answer ?? 'closed', answerLine);
        assert.equal(answer?.split('\t')[1], `${number}`);
      },
    ),
    { numRuns: 400 },
  );
  assert.doesNotMatch(place.log(), /alert/);
});
