// The domains that this host takes mail for: control/rcpthosts and, from the fiftieth line on, control/morercpthosts with its cdb (formats/vpopmail.md 3.4, 3.6).
//
//   rcpthosts            qmail-smtpd reads all of it for each connection
//   morercpthosts        one domain a line; qmail-newmrh makes morercpthosts.cdb of it, which alone is looked at
//
// A name is inserted where the number of lines says, and removed from both. After a removal the cdb follows always (the originals forget it when two names go at
// once, so that mail for them is taken further on), and both files go with the last name. An absent rcpthosts means that everything is taken, so removing never makes
// one: an empty file would refuse all mail. An absent morercpthosts is made, empty, when a name that is nowhere is removed, as by the originals.

import fs from 'node:fs';
import { bytesPath, readIfPresent } from '../../files/read.js';
import { insertInOrder } from '../../formats/vpopmail/domain-order.js';
import type { Layout } from '../../layout.js';
import type { OnDisorder } from './assign-file.js';
import { compileMoreRcptHosts, ownEnding } from './compiled.js';
import { fileOf, type LockedFile, linesOf, withLockedFile } from './locked-file.js';

/** How many lines rcpthosts may have before vpopmail goes on with morercpthosts. */
const mostRcptHosts = 50;

export interface InsertHostOptions {
  readonly onDisorder?: OnDisorder;
  /** Leaves the lists alone when one of them has the name already. The originals, and we without this, insert it again. */
  readonly onlyIfMissing?: boolean;
  /** Whether morercpthosts.cdb follows; true unless given. Without it the new name is not in force. */
  readonly compile?: boolean;
}

/** Which list a name went to; `there` when it was there already. */
export type InsertedHost = 'rcpthosts' | 'morercpthosts' | 'there';

/** Inserts a domain. @throws TemporaryError, CompileError */
export async function insertRecipientHost(
  layout: Layout,
  domain: string,
  options: InsertHostOptions = {},
): Promise<InsertedHost> {
  const { onDisorder = () => {}, onlyIfMissing = false, compile = true } = options;
  const inserted = await withLockedFile(layout, layout.control('rcpthosts'), async (file) => {
    const lines = linesOf(file.read());
    if (onlyIfMissing && lines.includes(domain)) return 'there';
    if (lines.length >= mostRcptHosts) return undefined;
    await insert(layout, file, domain, onDisorder);
    return 'rcpthosts';
  });
  if (inserted !== undefined) return inserted;
  return withLockedFile(layout, layout.control('morercpthosts'), async (file) => {
    const isThere = onlyIfMissing && linesOf(file.read()).includes(domain);
    if (!isThere) await insert(layout, file, domain, onDisorder);
    if (compile) await compileMoreRcptHosts(layout, { temporaryEnding: ownEnding });
    return isThere ? 'there' : 'morercpthosts';
  });
}

/**
 * Removes domains from both lists.
 * @param onProgress is called when the first list is done
 * @throws TemporaryError, CompileError
 */
export async function removeRecipientHosts(
  layout: Layout,
  domains: readonly string[],
  onProgress: () => void = () => {},
): Promise<void> {
  const removed = await withLockedFile(layout, layout.control('rcpthosts'), async (file) => {
    const bytes = file.read();
    if (bytes === undefined) return 0;
    const lines = linesOf(bytes);
    const kept = lines.filter((line) => !domains.includes(line));
    await file.replace(fileOf(kept));
    return lines.length - kept.length;
  });
  onProgress();
  const more = layout.control('morercpthosts');
  const isInMore = linesOf(readIfPresent(more)).some((line) => domains.includes(line));
  if (removed > 0 && !isInMore) return;
  await withLockedFile(layout, more, (file) => removeFromMore(layout, file, domains));
}

/** Takes one line out again that `insertRecipientHost` put in. @throws TemporaryError, CompileError */
export async function withdrawRecipientHost(layout: Layout, domain: string, from: InsertedHost): Promise<void> {
  if (from === 'there') return;
  await withLockedFile(layout, layout.control(from), async (file) => {
    const lines = linesOf(file.read());
    const at = lines.indexOf(domain);
    const isLast = from === 'morercpthosts' && at >= 0 && lines.length === 1;
    if (isLast) return removeFromMore(layout, file, [domain]);
    if (at >= 0) await file.replace(fileOf(lines.toSpliced(at, 1)));
    if (from === 'morercpthosts') await compileMoreRcptHosts(layout, { temporaryEnding: ownEnding });
  });
}

/** Makes morercpthosts.cdb agree with its text again. @throws TemporaryError, CompileError */
export async function recompileMoreRcptHosts(layout: Layout): Promise<void> {
  const more = layout.control('morercpthosts');
  const cdb = layout.control('morercpthosts.cdb');
  if (readIfPresent(more) === undefined && readIfPresent(cdb) === undefined) return;
  await withLockedFile(layout, more, async (file) => {
    if (linesOf(file.read()).length > 0) await compileMoreRcptHosts(layout, { temporaryEnding: ownEnding });
    else fs.rmSync(bytesPath(cdb), { force: true });
  });
}

async function insert(layout: Layout, file: LockedFile, domain: string, onDisorder: OnDisorder): Promise<void> {
  const { lines, isDisordered } = insertInOrder(linesOf(file.read()), domain, 'host');
  if (isDisordered) onDisorder(layout.host(file.path));
  await file.replace(fileOf(lines));
}

async function removeFromMore(layout: Layout, file: LockedFile, domains: readonly string[]): Promise<void> {
  const lines = linesOf(file.read());
  const kept = lines.filter((line) => !domains.includes(line));
  await file.replace(fileOf(kept));
  if (kept.length === lines.length) return;
  if (kept.length > 0) {
    await compileMoreRcptHosts(layout, { temporaryEnding: ownEnding });
    return;
  }
  // The database first: it is what counts.
  fs.rmSync(bytesPath(layout.control('morercpthosts.cdb')), { force: true });
  await file.remove();
}
