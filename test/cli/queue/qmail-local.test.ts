// qmail-local beyond the recordings.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { vqmailProgram } from '../../support/started-server.js';

test('an empty default delivery is a blank first line', () => {
  const argv = ['qmail-local', '--', 'joe', '/', 'joe', '', '', 'example.jp', 'a@b.example', ''];
  const called = spawnSync(process.execPath, [vqmailProgram, ...argv], {
    input: 'Subject: x\n\nx\n',
    encoding: 'utf8',
  });
  assert.deepEqual([called.status, called.stderr], [111, 'Uh-oh: first line of .qmail file is blank. (#4.2.1)\n']);
});
