// The warning about too few open files, said by a real daemon under a real limit.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFilesLimit } from '../../src/processes/open-files.js';
import { newRoot, removeRoot } from '../support/recording.js';
import { startServer } from '../support/started-server.js';

const rows = [
  {
    why: 'as Linux writes it',
    text: 'Max processes             1                    1                    processes \nMax open files            1024                 524288               files     \n',
    is: 1024,
  },
  {
    why: 'no limit',
    text: 'Max open files            unlimited            unlimited            files     \n',
    is: Infinity,
  },
  { why: 'no such file', text: '', is: Infinity },
];
for (const { why, text, is } of rows) test(`the limit: ${why}`, () => assert.equal(openFilesLimit(text), is));

for (const [sessions, isTold] of [
  [200, true],
  [100, false],
] as const) {
  test(`${sessions} sessions with 400 files: ${isTold ? 'told' : 'enough'}`, async (t) => {
    const root = newRoot();
    t.after(() => removeRoot(root));
    const options = ['--workers', '0', '--queue', 'off', '--max-connections', String(sessions)];
    const args = ['--root', root, '--listen', 'pop3=127.0.0.1:0', ...options];
    const server = await startServer(args, {}, ['prlimit', '--nofile=400:400']);
    assert.equal(await server.stop(), 0);
    const told = /warning: (a process may open .*)/.exec(server.log())?.[1];
    const text =
      'a process may open 400 files, and 200 sessions may need 500; raise the limit (ulimit -n) or lower --max-connections';
    assert.equal(told, isTold ? text : undefined);
  });
}
