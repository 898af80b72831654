// When the names in new/ must be read again: what others change is seen at once, what we change ourselves does not cost a reading each time.

import assert from 'node:assert/strict';
import { utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { DirectoryLook } from '../../../src/stores/mailboxes/folder/names/directory-look.js';
import { newMaildir } from '../../support/maildir.js';

/** Long after any change of the test: time is passed in. */
const muchLater = (): number => Date.now() + 3_600_000;

test('a look right after a change by others is not relied on, and one long after it is', (t) => {
  const maildir = newMaildir(t);
  const look = new DirectoryLook(maildir, 'new');
  const now = Date.now();
  assert.equal(look.state(now), 'unknown');
  writeFileSync(path.join(maildir, 'new', 'a'), '');
  look.begin(now)();
  assert.equal(look.state(now), 'unknown');
  const isExact = look.begin(muchLater())();
  assert.deepEqual([isExact, look.state(muchLater()), look.recheckAtMs], [true, 'known', undefined]);
});

test('after our own changes, looked at before or not, the names are read again a moment later, and not for each change', (t) => {
  const maildir = newMaildir(t);
  const look = new DirectoryLook(maildir, 'new');
  const now = Date.now();
  for (const [number, wasKnown] of [false, true, true].entries()) {
    writeFileSync(path.join(maildir, 'new', `${number}`), '');
    look.changedByUs(now, wasKnown);
    if (!wasKnown) {
      assert.equal(look.state(now), 'unknown');
      assert.equal(look.begin(now)(), false, 'what was not seen may be there');
    }
    assert.equal(look.state(now), 'known');
    const again = look.recheckAtMs ?? 0;
    assert.ok(again > now);
    assert.equal(look.state(again), 'unknown');
  }
  // Others come in between: their change shows in the directory's times.
  utimesSync(path.join(maildir, 'new'), 1, 1);
  assert.equal(look.state(now), 'unknown');
});
