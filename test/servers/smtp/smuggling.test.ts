// SMTP smuggling: a front end that passes a sequence on which it does not take for the end of a message, to a server that does. Whatever stands between
// `354` and CRLF.CRLF must come out as one message or as none, and nothing of it as a command, in one packet, in pieces, and pipelined with what follows.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectingDelivery } from '../../support/collecting-delivery.js';
import type { SmtpClient } from '../../support/smtp-client.js';
import { testHost } from '../../support/smtp-host.js';

/** What stands in the place of an end mark, and whether the message then goes on (`data`) or the session is cut off (`cut`). */
const variants: [sequence: string, becomes: 'data' | 'cut', stored?: string][] = [
  ['\n.\n', 'cut'],
  ['\n.\r\n', 'cut'],
  ['\r\n.\n', 'cut'],
  ['\n.\r', 'cut'],
  ['\r.\n', 'cut'],
  ['\n\n.\r\n', 'cut'],
  ['\r\n\n.\r\n', 'cut'],
  ['\n.\n\r\n.\n', 'cut'],
  ['\r.\r', 'data', '\r.\r'],
  ['\r.\r\n', 'data', '\r.\n'],
  ['\r\n.\r', 'data', '\n.\r'],
  ['\r\r.\r\r', 'data', '\r\r.\r\r'],
  ['\r\n.\r\r\n', 'data', '\n.\r\n'],
  ['\r\n..\r\n', 'data', '\n.\n'],
  ['\r\n\0.\r\n', 'data', '\n\0.\n'],
  ['\r\n.\0\r\n', 'data', '\n\0\n'],
  ['\r\n. \r\n', 'data', '\n \n'],
  ['\r\n.\t\r\n', 'data', '\n\t\n'],
  ['\x85.\x85', 'data', '\x85.\x85'],
  ['\r\n.\x85', 'data', '\n\x85'],
  ['\xe2\x80\xa8.\xe2\x80\xa8', 'data', '\xe2\x80\xa8.\xe2\x80\xa8'],
];

const envelope = 'EHLO front.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<test@mailtest.example.jp>\r\nDATA\r\n';
const smuggled =
  'MAIL FROM:<admin@mailtest.example.jp>\r\nRCPT TO:<hanako@mailtest.example.jp>\r\nDATA\r\nSubject: evil\r\n\r\nevil\r\n';
const following = 'MAIL FROM:<b@example.org>\r\nRCPT TO:<taro@mailtest.example.jp>\r\nDATA\r\nsecond\r\n.\r\nQUIT\r\n';

const sendings: [name: string, send: (client: SmtpClient, bytes: string, variant: string) => Promise<void>][] = [
  ['in one packet', async (client, bytes) => client.send(bytes)],
  [
    'cut inside the sequence',
    async (client, bytes, variant) => {
      const at = bytes.indexOf(variant) + 1;
      client.send(bytes.slice(0, at));
      await sleep(5);
      client.send(bytes.slice(at));
    },
  ],
  [
    'byte by byte',
    async (client, bytes, variant) => {
      const at = bytes.indexOf(variant);
      client.send(bytes.slice(0, at));
      for (const byte of bytes.slice(at, at + variant.length + 4)) {
        client.send(byte);
        await sleep(1);
      }
      client.send(bytes.slice(at + variant.length + 4));
    },
  ],
];

for (const [sequence, becomes, stored = ''] of variants) {
  for (const [sendingName, send] of sendings) {
    test(`smuggling ${JSON.stringify(sequence)} ${sendingName}: ${becomes}`, async (t) => {
      const delivery = collectingDelivery();
      const host = await testHost(t, delivery);
      const client = await host.greeted();
      await send(client, `${envelope}Subject: x\r\n\r\nbody${sequence}${smuggled}.\r\n${following}`, sequence);
      const said = await client.closed();
      await host.stop();
      assert.equal(delivery.open, 0);
      if (becomes === 'cut') {
        assert.match(said, /\r\n354 go ahead\r\n451 See https:\/\/cr\.yp\.to\/docs\/smtplf\.html\.\r\n$/);
        assert.deepEqual(delivery.messages, []);
        return;
      }
      assert.deepEqual(
        delivery.messages.map(({ sender }) => sender),
        ['a@example.org', 'b@example.org'],
      );
      assert.ok(delivery.messages[0]?.text.endsWith(`\n\nbody${stored}${smuggled.replaceAll('\r\n', '\n')}`));
      assert.equal(said.match(/354 go ahead/g)?.length, 2);
      assert.match(said, /221 mail\.example\.gr\.jp\r\n$/);
    });
  }
}
