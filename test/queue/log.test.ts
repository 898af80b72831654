import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineLog } from '../../src/log.js';
import { jsonQueueLog, lineQueueLog, type QueueEvent } from '../../src/queue/log.js';

const rows: readonly { event: QueueEvent; line: string }[] = [
  { event: { event: 'new', msg: '7' }, line: 'new msg 7' },
  {
    event: { event: 'info', msg: '7', bytes: 97, from: 'a b\n\xe9%@c', qp: '3', uid: '1001' },
    line: 'info msg 7: bytes 97 from <a_b/__@c> qp 3 uid 1001',
  },
  {
    event: { event: 'starting', delivery: 1, msg: '7', channel: 'remote', to: '"b c"@d' },
    line: 'starting delivery 1: msg 7 to remote "b_c"@d',
  },
  {
    event: { event: 'delivery', delivery: 1, outcome: 'deferral', text: 'not now\n(#4.3.0)\n' },
    line: 'delivery 1: deferral: not_now/(#4.3.0)/',
  },
  { event: { event: 'delivery', delivery: 2, outcome: 'failure', text: '' }, line: 'delivery 2: failure: ' },
  { event: { event: 'mangled', delivery: 3 }, line: 'delivery 3: report mangled, will defer' },
  {
    event: { event: 'status', local: { running: 1, limit: 10 }, remote: { running: 0, limit: 20 }, isExiting: false },
    line: 'status: local 1/10 remote 0/20',
  },
  {
    event: { event: 'status', local: { running: 0, limit: 10 }, remote: { running: 2, limit: 20 }, isExiting: true },
    line: 'status: local 0/10 remote 2/20 exitasap',
  },
  { event: { event: 'bounce', msg: '7', qp: 12 }, line: 'bounce msg 7 qp 12' },
  { event: { event: 'triple-bounce', msg: '7' }, line: 'triple bounce: discarding bounce/7' },
  { event: { event: 'end', msg: '7' }, line: 'end msg 7' },
  { event: { event: 'exiting' }, line: 'status: exiting' },
  { event: { event: 'warning', text: 'unable to stat x' }, line: 'warning: unable to stat x' },
  { event: { event: 'alert', text: 'cannot start' }, line: 'alert: cannot start' },
];
for (const { event, line } of rows) {
  test(line, () => {
    let written = '';
    lineQueueLog(lineLog((text) => (written += text)))(event);
    assert.equal(written, `${line}\n`);
    let object = '';
    jsonQueueLog(
      (text) => (object += text),
      () => new Date(0),
    )(event);
    assert.deepEqual(JSON.parse(object), { time: '1970-01-01T00:00:00.000Z', ...event });
  });
}
