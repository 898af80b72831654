// Debian's Postfix asks whether recipients exist (reject_unverified_recipient): RCPT answers, nothing comes into a queue, and the log is told of all at once.

import assert from 'node:assert/strict';
import test from 'node:test';
import { frontEnd, messages, replyToRecipients, send, until } from '../support/front-end.js';
import { needs, needsRoot } from '../support/needs.js';

const asking = [
  'virtual_mailbox_domains = example.jp',
  'virtual_mailbox_maps =',
  'transport_maps = socketmap:unix:vqmail/postmap:transport',
  'smtpd_recipient_restrictions = reject_unverified_recipient',
  'unverified_recipient_reject_code = 550',
  'address_verify_poll_count = 100',
  'address_verify_poll_delay = 1s',
  'address_verify_map =',
  'smtpd_error_sleep_time = 0',
];

const rows = [
  { way: 'lmtp', settings: [], why: 'the sender is double-bounce@' },
  { way: 'smtp', settings: ['address_verify_sender_ttl = 3600s'], why: 'the sender changes from hour to hour' },
  { way: 'smtp', settings: ['address_verify_sender ='], why: 'the null sender' },
] as const;

for (const { way, settings, why } of rows) {
  test(`over ${way}, ${why}`, async (t) => {
    if (!needs(t, 'postfix') || !needsRoot(t)) return;
    const options = way === 'lmtp' ? ['--postmap-transport', 'lmtp'] : [];
    const { files, postfix, server } = await frontEnd(t, [...asking, ...settings], options);
    const replies = await replyToRecipients(postfix, 'joe@example.jp', 'nobody@example.jp', 'ann@example.jp');
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 9)),
      ['250 2.1.5', '550 5.1.1', '250 2.1.5'],
      `${replies.join('\n')}${postfix.log()}${server.log()}`,
    );
    assert.match(await postfix.queue(), /Mail queue is empty/);
    for (const user of ['joe', 'ann']) assert.equal(messages(files, user).length, 0);
    await send(postfix, ['joe@example.jp'], 'Subject: real\r\n\r\nhello\r\n');
    await until(
      () => messages(files, 'joe').length === 1,
      () => `${postfix.log()}${server.log()}`,
    );
    await server.stop();
    const lines = server.log().match(new RegExp(`^${way}: (?!accepted).*$`, 'gm')) ?? [];
    assert.deepEqual(lines, [
      // The first of the address, and the one that brought a message.
      `${way}: connection from 127.0.0.1`,
      `${way}: connection from 127.0.0.1`,
      `${way}: 3 address probes, 1 of them refused, from 127.0.0.1`,
    ]);
  });
}
