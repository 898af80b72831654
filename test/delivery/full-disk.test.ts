// A full disk: the message is refused for now with 4.3.1 (SMTP answers 452), nothing half is left, and as soon as there is room the same process delivers again.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { createDelivery } from '../../src/delivery/local-delivery.js';
import { TemporaryError } from '../../src/errors.js';
import { openHost } from '../../src/stores/host.js';
import { maildirOf, makeDeliveryHost, newMessages, temporaryFiles } from '../support/delivery-host.js';
import { needsRoot } from '../support/needs.js';
import { newRoot, removeRoot } from '../support/recording.js';

const accounts = 4;

for (const [why, bytes] of [
  ['small messages', 20_000],
  ['messages that go through tmp/ as they come in', 1_000_000],
] as const) {
  test(`a full disk: ${why}`, async (t) => {
    if (!needsRoot(t)) return;
    const root = newRoot();
    const mounted = path.join(root, 'small');
    fs.mkdirSync(mounted);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=755', 'tmpfs', mounted]);
    } catch (error) {
      removeRoot(root);
      if (process.env.CI) throw error;
      return t.skip('skipped: needs the right to mount');
    }
    try {
      const layout = makeDeliveryHost(mounted, { accounts, quota: '900000000S' });
      const delivery = createDelivery(openHost(layout));
      const maildirs = Array.from({ length: accounts }, (_, account) => maildirOf(layout, account));
      const deliver = async (): Promise<void> => {
        const recipients = await Promise.all([0, 1, 2, 3].map((account) => delivery.resolve(`u${account}@example.jp`)));
        const message = delivery.accept({ sender: '', recipients, receivedLines: 'Received: x\n' });
        for (let at = 0; at < bytes; at += 50_000)
          await message.write(Buffer.alloc(Math.min(50_000, bytes - at), 'x\n'));
        await message.commit();
      };

      let delivered = 0;
      const refusals: unknown[] = [];
      // Several at once, so that the disk fills up in the middle of many.
      const lane = async (): Promise<void> => {
        while (refusals.length < 12) {
          await deliver().then(
            () => delivered++,
            (error: unknown) => refusals.push(error),
          );
        }
      };
      await Promise.all([lane(), lane(), lane()]);
      for (const error of refusals) {
        assert.ok(error instanceof TemporaryError && error.status === '4.3.1', String(error));
        assert.doesNotMatch(error.message, /\//);
      }
      const whole = bytes + 'Return-Path: <>\nDelivered-To: u0@example.jp\nReceived: x\n'.length;
      for (const maildir of maildirs) {
        assert.equal(newMessages(maildir).size, delivered);
        for (const content of newMessages(maildir).values()) assert.equal(content.length, whole);
        assert.deepEqual(temporaryFiles(maildir), []);
      }

      for (const maildir of maildirs) {
        for (const name of fs.readdirSync(path.join(maildir, 'new'))) fs.unlinkSync(path.join(maildir, 'new', name));
      }
      await deliver();
      for (const maildir of maildirs) assert.equal(newMessages(maildir).size, 1);
    } finally {
      execFileSync('umount', ['-l', mounted]);
      removeRoot(root);
    }
  });
}
