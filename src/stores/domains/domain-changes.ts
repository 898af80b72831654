// The changes of domains that are under way, or were left by a tool that died: one record each in ~vpopmail/etc (formats/vpopmail/domain-change.ts), locked (fcntl) by whoever makes the change.

import path from 'node:path';
import { namesIn } from '../../files/list.js';
import { tryLock } from '../../files/locks/lock.js';
import { readIfPresent } from '../../files/read.js';
import { type ChangeRecord, parseChange } from '../../formats/vpopmail/domain-change.js';
import type { Layout } from '../../layout.js';

/** The domains whose change is under way or was left. @throws TemporaryError */
export function domainsInChange(layout: Layout): string[] {
  const prefix = path.basename(layout.domainChange(''));
  return [...namesIn(path.dirname(layout.domainChange('')))]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

/** What the record of a domain's change says; undefined when nothing had begun. @throws TemporaryError */
export function changeOf(layout: Layout, domain: string): ChangeRecord | undefined {
  return parseChange(domain, readIfPresent(layout.domainChange(domain)) ?? Buffer.alloc(0));
}

/** Whether a tool is at work on the change. @throws TemporaryError when this user may not know */
export function isUnderWay(layout: Layout, domain: string): boolean {
  const lock = tryLock(layout.domainChange(domain), { kind: 'fcntl', create: false });
  lock?.release();
  return lock === undefined;
}
