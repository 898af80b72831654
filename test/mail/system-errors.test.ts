// mail/system-errors: qmail's words for thrown system errors.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { systemErrorText } from '../../src/mail/system-errors.js';

describe('the words for a system error', () => {
  const rows: [string, string][] = [
    ['ENOENT', 'file does not exist'],
    ['EACCES', 'access denied'],
    ['EPERM', 'permission denied'],
    ['ENOSPC', 'out of disk space'],
    ['ENXIO', 'device not configured'],
    ['EAGAIN', 'temporary failure'],
    ['EWOULDBLOCK', 'temporary failure'],
    ['ENOTEMPTY', 'directory not empty'],
    ['EWHATEVER', 'unknown error'],
  ];
  for (const [code, text] of rows) it(code, () => assert.equal(systemErrorText(code), text));

  it('of what fs throws', () => {
    let thrown: unknown;
    try {
      fs.readFileSync('/');
    } catch (error) {
      thrown = error;
    }
    assert.equal(systemErrorText(thrown), 'is a directory');
  });
  it('of anything else', () => {
    assert.equal(systemErrorText(new Error('no code')), 'unknown error');
    assert.equal(systemErrorText(undefined), 'unknown error');
  });
});
