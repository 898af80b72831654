// --from-check: whose addresses may stand in the From field of a user's message.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FromCheck } from '../../../../src/servers/smtp/submission/from-check.js';
import type { SmtpClient } from '../../../support/smtp-client.js';
import { user, userHost } from '../../../support/user-host.js';

const own = 'joe@example.jp';
const notOwn = (address: string): string =>
  `550 5.7.1 sorry, <${address}> in the From field is not an address of joe@example.jp`;
const unclear = '550 5.7.1 the From field cannot be understood';

const rows: readonly [message: string, reply: string | undefined, why: string][] = [
  ['From: joe@example.jp\n\nhello\n', undefined, 'the address'],
  ['From: Joe <joe@example.jp>\n\n', undefined, 'with a name'],
  ['From: "ann@other.example" <joe@example.jp> (boss@other.example)\n\n', undefined, 'in a text it is no address'],
  ['FROM : joe@example.jp\n\n', undefined, 'the field in another spelling'],
  ['Subject: x\n\nFrom: ann@other.example\n', undefined, 'no From, and one in the text'],
  ['\nFrom: ann@other.example\n', undefined, 'no header'],
  ['From: ann@other.example\n\n', notOwn('ann@other.example'), 'another'],
  ['From: Joe\n <ann@other.example>\n\n', notOwn('ann@other.example'), 'folded'],
  ['From: joe@example.jp, ann@other.example\n\n', notOwn('ann@other.example'), 'one of two'],
  ['From: friends: joe@example.jp, ann@other.example;\n\n', notOwn('ann@other.example'), 'in a group'],
  ['From: joe@example.jp\nFrom: ann@other.example\n\n', notOwn('ann@other.example'), 'a second field'],
  ['From: ann@other.example', notOwn('ann@other.example'), 'a header without an end'],
  ['From: joe@example.jp ann@other.example\n\n', unclear, 'two without a comma'],
  ['From: <joe@example.jp> <ann@other.example>\n\n', unclear, 'two in angles'],
  ['From: <@other.example:joe@example.jp>\n\n', unclear, 'a source route'],
  ['From: nobody:;\n\n', unclear, 'an empty group'],
  ['From: \n\n', unclear, 'nothing'],
  [`X: ${`${'x'.repeat(70)}\n `.repeat(16_000)}\n\n`, '552 5.3.4 the header is too long', 'a header without bounds'],
];

for (const [message, reply, why] of rows) {
  test(`From: ${why}`, async () => {
    for (const size of [1 << 16, 1]) {
      if (size === 1 && message.length > 1000) continue;
      const check = new FromCheck(own, async (address) => address === own);
      const bytes = Buffer.from(message, 'latin1');
      for (let at = 0; at < bytes.length; at += size) check.write(bytes.subarray(at, at + size));
      assert.equal(await check.refusal(), reply, `${size} bytes at a time`);
    }
  });
}

async function send(client: SmtpClient, from: string): Promise<string> {
  for (const line of [`MAIL FROM:<${user}>`, 'RCPT TO:<x@elsewhere.example>', 'DATA']) await client.command(line);
  return (await client.command(`From: ${from}\r\n\r\nhello\r\n.`)) ?? 'closed';
}

test('own, domain and any', async (t) => {
  const [hanako, other] = ['hanako@mailtest.example.jp', 'joe@elsewhere.example'];
  for (const [fromCheck, allowed] of [
    ['own', [user]],
    ['domain', [user, hanako]],
    ['any', [user, hanako, other]],
  ] as const) {
    const host = await userHost(t, { policy: { fromCheck } });
    const client = await host.loggedIn();
    for (const from of [user, hanako, other]) {
      const isAllowed = allowed.some((one) => one === from);
      assert.match(await send(client, from), isAllowed ? /^250 ok / : /^550 5\.7\.1 sorry, /, `${fromCheck} ${from}`);
    }
    assert.equal(host.messages.length, allowed.length, 'a refused message is not kept');
    if (fromCheck === 'own') assert.match(host.log(), /^submission: refused qp .*: 550 5\.7\.1 sorry, <hanako@/m);
  }
});

test('an address that cannot be looked at now puts the message off', async (t) => {
  const host = await userHost(t, { policy: { fromCheck: 'own' } });
  host.file('.qmail-broken', '\n&x@elsewhere.example\n');
  const client = await host.loggedIn();
  assert.match(await send(client, 'broken@mailtest.example.jp'), /^451 4\.2\.1 /);
  assert.match(await send(client, user), /^250 ok /);
});
