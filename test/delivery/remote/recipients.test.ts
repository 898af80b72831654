// Several recipients of one host: who is refused, who waits, and who follows in another message because the server has had enough of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remoteHost } from '../../support/remote-host.js';
import { startSink } from '../../support/smtp-sink.js';

const accepted = 'success: 127.0.0.1 accepted message.\nRemote host said: 250 ok\n';
const disliked = (outcome: string, reply: string): string =>
  `${outcome}: 127.0.0.1 does not like recipient.\nRemote host said: ${reply}\nGiving up on 127.0.0.1.\n`;

interface Row {
  readonly why: string;
  readonly rcpt: readonly string[];
  readonly end?: readonly string[];
  readonly reports: readonly string[];
  /** How many recipients were named in each session. */
  readonly named: readonly number[];
  readonly messages: number;
}

const full = '452 4.5.3 too many recipients';
const rows: readonly Row[] = [
  {
    why: 'some refused, some put off, one taken',
    rcpt: ['550 no', '451 greylisted', '250 ok', '552 full'],
    reports: [
      disliked('failure', '550 no'),
      disliked('deferral', '451 greylisted'),
      accepted,
      disliked('failure', '552 full'),
    ],
    named: [4, 1],
    messages: 1,
  },
  {
    why: 'all put off',
    rcpt: ['450 no', '451 no', '452 no', '421 no'],
    reports: ['450 no', '451 no', '452 no', '421 no'].map((reply) => disliked('deferral', reply)),
    named: [4],
    messages: 0,
  },
  {
    why: 'all refused',
    rcpt: ['550 a', '551 b', '552 c', '553 d'],
    reports: ['550 a', '551 b', '552 c', '553 d'].map((reply) => disliked('failure', reply)),
    named: [4],
    messages: 0,
  },
  {
    why: 'two at a time: the others follow at once',
    rcpt: ['250 ok', '250 ok', full, full, '250 ok', '250 ok'],
    reports: [accepted, accepted, accepted, accepted],
    named: [4, 2],
    messages: 2,
  },
  {
    why: 'one at a time, by a server that says 552 as in RFC 821',
    rcpt: [
      '250 ok',
      '552 enough',
      '552 enough',
      '552 enough',
      '250 ok',
      '552 enough',
      '552 enough',
      '250 ok',
      '552 enough',
      '250 ok',
    ],
    reports: [accepted, accepted, accepted, accepted],
    named: [4, 3, 2, 1],
    messages: 4,
  },
  {
    why: 'a full mailbox says the same, and says it again',
    rcpt: [
      '250 ok',
      '452 4.2.2 over quota',
      '250 ok',
      '552 5.2.2 over quota',
      '452 4.2.2 over quota',
      '552 5.2.2 over quota',
    ],
    reports: [
      accepted,
      disliked('deferral', '452 4.2.2 over quota'),
      accepted,
      disliked('failure', '552 5.2.2 over quota'),
    ],
    named: [4, 2],
    messages: 1,
  },
  {
    why: 'the message is refused for the first ones, and taken for the others',
    rcpt: ['250 ok', '250 ok', full, full, '250 ok', '250 ok'],
    end: ['554 not for them', '250 ok'],
    reports: [
      ...Array<string>(2).fill(
        'failure: 127.0.0.1 failed after I sent the message.\nRemote host said: 554 not for them\n',
      ),
      accepted,
      accepted,
    ],
    named: [4, 2],
    messages: 2,
  },
];

for (const offers of ['250 8BITMIME', '250 PIPELINING']) {
  for (const { why, rcpt, end = ['250 ok'], reports, named, messages } of rows) {
    test(`${offers}: ${why}`, async () => {
      const lines = (replies: readonly string[]): string[] => replies.map((reply) => `${reply}\r\n`);
      const sink = await startSink({ replies: { EHLO: `250-x\r\n${offers}\r\n`, RCPT: lines(rcpt), '.': lines(end) } });
      const host = remoteHost({ smtproutes: `:127.0.0.1:${sink.port}\n` });
      const got = await host.send({ recipients: ['1', '2', '3', '4'].map((name) => `${name}@remote.example`) });
      assert.deepEqual(
        got.map(({ outcome, text }) => `${outcome}: ${text}`),
        reports,
      );
      const counts = sink.sessions.map(
        ({ events }) => events.filter(({ client }) => client?.startsWith('RCPT')).length,
      );
      assert.deepEqual(counts, named);
      assert.equal(sink.messages().length, messages);
      host.remove();
      await sink.stop();
    });
  }
}
