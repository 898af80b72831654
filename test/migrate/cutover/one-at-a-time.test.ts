// Two administrators, one host.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { needs } from '../../support/needs.js';
import { daemontoolsPrograms, pop3Host, served } from './cutover-host.js';

describe('migrate cutover and rollback', () => {
  it('only one at a time', async (t) => {
    if (!needs(t, ...daemontoolsPrograms)) return;
    const { host, port, cutover } = await pop3Host(t);
    const goOn = await host.pausedAt(/^svc -d /m, cutover);
    for (const args of [cutover, ['rollback', 'pop3', '--yes']]) {
      const { status, stderr } = await host.migrate(args);
      assert.equal(status, 111, args.join(' '));
      assert.match(stderr, /another cutover or rollback is at work/);
    }
    assert.equal((await host.migrate(['rollback', 'pop3'])).status, 0, 'what would be done is shown meanwhile');
    assert.equal(await goOn(), 0);
    assert.match(await served(port), /^\+OK/);
    const back = await host.migrate(['rollback', 'pop3', '--yes']);
    assert.equal(back.status, 0, back.stdout + back.stderr);
  });
});
