// The way back: by itself when ours does not do, and after kill -9 at any step.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { needs } from '../../support/needs.js';
import { daemontoolsPrograms, isDown, pop3Host, served } from './cutover-host.js';

describe('migrate cutover that fails', () => {
  it('goes back by itself when ours does not serve, and when it answers otherwise', async (t) => {
    if (!needs(t, ...daemontoolsPrograms)) return;
    const { host, port, cutover } = await pop3Host(t);
    for (const [wait, options, why] of [
      ['6', ['--no-such-option'], /failed: nobody greets/],
      [
        '30',
        ['--uidl', 'qmail', '--workers', '0'],
        /unique ids: [\s\S]*failed: our server in its place does not answer/,
      ],
    ] as const) {
      const args = [...cutover.slice(0, cutover.indexOf('--')), '--', ...options];
      const { status, stdout } = await host.migrate(args.map((word) => (word === '30' ? wait : word)));
      assert.equal(status, 1, stdout);
      assert.match(stdout, why);
      assert.match(stdout, /serves again$/m);
      assert.match(await served(port), /^\+OK/);
      assert.deepEqual([isDown(host, 'qmail-pop3d'), isDown(host, 'vqmail-pop3')], [false, true]);
    }
  });

  it('killed at any step, it is gone on with or taken back', async (t) => {
    if (!needs(t, ...daemontoolsPrograms)) return;
    const { host, port, cutover } = await pop3Host(t);
    for (const line of [/^touch .*vqmail-pop3\/down$/m, /^svc -d /m, /^svc -u /m]) {
      await host.killedAt(line, cutover);
      const back = await host.migrate(['rollback', 'pop3', '--yes']);
      assert.deepEqual([back.status, back.stderr], [0, ''], back.stdout);
      assert.match(await served(port), /^\+OK/);
      assert.deepEqual([isDown(host, 'qmail-pop3d'), isDown(host, 'vqmail-pop3')], [false, true]);
    }
    await host.killedAt(/^wait until .* is served$/m, cutover);
    const moved = await host.migrate(cutover);
    assert.deepEqual([moved.status, moved.stderr], [0, ''], moved.stdout);
    await host.killedAt(/^svc -d /m, ['rollback', 'pop3', '--yes']);
    assert.equal((await host.migrate(cutover)).status, 100, 'the way back is finished first');
    const back = await host.migrate(['rollback', 'pop3', '--yes']);
    assert.deepEqual([back.status, back.stderr], [0, ''], back.stdout);
    assert.match(await served(port), /^\+OK/);
  });
});
