// Messages at their end: in which order the log has them and the notices that they bring.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { readQueueControls } from '../../src/queue/controls.js';
import { Endings } from '../../src/queue/ending/endings.js';
import { QueueFiles } from '../../src/queue/files.js';
import type { QueueEvent } from '../../src/queue/log.js';
import { QueueTree } from '../../src/queue/tree.js';
import { openHost } from '../../src/stores/host.js';
import { HandClock } from '../support/queue-clock.js';
import { makeQueue } from '../support/queue-host.js';
import { applyWrite, newRoot, removeRoot } from '../support/recording.js';

test('who takes up new messages waits until a notice that is being queued is told, and its message ended', async (t) => {
  const root = newRoot();
  t.after(() => removeRoot(root));
  const layout = makeQueue(root);
  applyWrite({ '/var/qmail/control/me': 'mx.example\n' }, root);
  const files = new QueueFiles();
  const tree = await QueueTree.open(layout, files);
  assert.ok(tree);
  writeFileSync(tree.info('23'), 'Fann@example.org\0');
  writeFileSync(tree.bounce('23'), '<x@example.org>:\nno\n\n');
  writeFileSync(tree.mess('23'), 'Subject: x\n');
  const controls = readQueueControls(openHost(layout).control);
  const lines: string[] = [];
  let queued = (_: { qp: number }): void => {};
  const ended = new Promise<void>((changed) => {
    const endings = new Endings({
      tree,
      files,
      clock: new HandClock(),
      log: ({ event }: QueueEvent) => void lines.push(event),
      controls: () => controls,
      enqueue: () => new Promise((resolve) => (queued = resolve)),
      changed,
    });
    assert.equal(endings.noticesTold(), undefined);
    endings.insert('23', 0);
    assert.equal(endings.begin(1), true);
    const told = endings.noticesTold();
    assert.ok(told, 'a notice is on its way');
    void told.then(() => lines.push('told'));
    queued({ qp: 7 });
  });
  await ended;
  await new Promise(setImmediate);
  assert.deepEqual(lines, ['bounce', 'end', 'told']);
});
