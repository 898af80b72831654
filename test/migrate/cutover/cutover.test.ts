import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { needs } from '../../support/needs.js';
import { treePicture } from '../../support/tree-picture.js';
import { CutoverHost, daemontoolsPrograms, isDown, pop3Host, served } from './cutover-host.js';

describe('migrate cutover', () => {
  it('shows what it would do, and changes nothing', async (t) => {
    if (!needs(t, ...daemontoolsPrograms)) return;
    const host = new CutoverHost(t);
    host.script('service/qmail-pop3d/run', 'exec tcpserver 127.0.0.1 11110 qmail-pop3d');
    const before = treePicture(host.root);
    const { status, stdout, stderr } = await host.migrate(['cutover', 'pop3', '--beside', 'pop3=127.0.0.1:1']);
    assert.deepEqual([status, stderr], [0, '']);
    const steps = stdout
      .replaceAll(host.root, '')
      .split('\n')
      .map((line) => line.trim());
    assert.deepEqual(steps, [
      'cutover pop3: from /service/qmail-pop3d to vqmail-pop3',
      '1. compare pop3 at pop3=127.0.0.1:11110 with vqmail beside; end here if they differ',
      '2. write /var/qmail/supervise/vqmail-pop3/run',
      '3. touch /var/qmail/supervise/vqmail-pop3/down',
      '4. ln -sfn /var/qmail/supervise/vqmail-pop3 /service/vqmail-pop3',
      '5. wait for /var/qmail/supervise/vqmail-pop3/supervise/ok',
      '6. touch /service/qmail-pop3d/down',
      '7. svc -d /service/qmail-pop3d',
      '8. wait until nobody holds pop3=127.0.0.1:11110',
      '9. rm -f /var/qmail/supervise/vqmail-pop3/down',
      '10. svc -u /var/qmail/supervise/vqmail-pop3',
      '11. wait until pop3=127.0.0.1:11110 is served; go back if it is not',
      '12. compare again; go back if they differ',
      '',
    ]);
    assert.deepEqual(treePicture(host.root), before);
    assert.equal((await host.migrate(['rollback', 'pop3'])).status, 100);
  });

  it('moves POP3 to ours and back, and does neither twice', async (t) => {
    if (!needs(t, ...daemontoolsPrograms)) return;
    const { host, port, cutover } = await pop3Host(t);
    const moved = await host.migrate(cutover);
    assert.deepEqual([moved.status, moved.stderr], [0, ''], moved.stdout);
    assert.match(moved.stdout, /moved to vqmail-pop3; rollback takes it back$/m);
    assert.equal(moved.stdout.match(/nothing differs that a client would notice/g)?.length, 2);
    assert.deepEqual([isDown(host, 'qmail-pop3d'), isDown(host, 'vqmail-pop3')], [true, false]);
    assert.match(await served(port), /^\+OK/);
    assert.match((await host.migrate(cutover)).stdout, /moved already/);
    const back = await host.migrate(['rollback', 'pop3', '--yes']);
    assert.deepEqual([back.status, back.stderr], [0, ''], back.stdout);
    assert.deepEqual([isDown(host, 'qmail-pop3d'), isDown(host, 'vqmail-pop3')], [false, true]);
    assert.match(await served(port), /^\+OK/);
    assert.equal((await host.migrate(['rollback', 'pop3', '--yes'])).status, 100);
  });

  it('begins nothing when the servers differ', async (t) => {
    if (!needs(t, ...daemontoolsPrograms)) return;
    const { host, cutover } = await pop3Host(t);
    const other = await host.serve();
    const args = cutover.map((word) => (word.startsWith('pop3=') ? `pop3=127.0.0.1:${other.ports.pop3}` : word));
    const { status, stdout } = await host.migrate(args);
    assert.equal(status, 1, stdout);
    assert.match(stdout, /unique ids: .*\n[\s\S]*nothing was changed\n$/);
    assert.deepEqual(
      [isDown(host, 'qmail-pop3d'), existsSync(path.join(host.root, 'service/vqmail-pop3'))],
      [false, false],
    );
  });
});
