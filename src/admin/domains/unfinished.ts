// Finishes, or undoes, what a killed tool began with a domain (domain-change.ts), and says so.
//
//   record           steps                        what is done
//   add              (none), made                 the directory is removed if the tool made it: nobody knows the domain
//   add              made, publish                the domain is published; there is a directory with a postmaster
//   alias            publish                      the alias domain is published
//   delete           (none)                       nothing: it had not begun
//   delete           begin                        the domain leaves qmail's files, then its directory is removed
//   delete           begin, unpublished           its directory is removed
//
// Meanwhile somebody may have gone on with other tools. What does not fit the record any more is left alone: a directory that users/assign names, a domain whose directory
// is gone, a domain that was added again. Temporary files with the dead process's number are removed.

import fs from 'node:fs';
import path from 'node:path';
import { describe, TemporaryError } from '../../errors.js';
import { bytesPath } from '../../files/read.js';
import { removeTree } from '../../files/tree.js';
import { type ChangeRecord, toolOfChange } from '../../formats/vpopmail/domain-change.js';
import type { Layout } from '../../layout.js';
import type { AssignedDomain } from '../../stores/control-lines/assign-file.js';
import { domainsInChange } from '../../stores/domains/domain-changes.js';
import type { Host } from '../../stores/host.js';
import { VpopmailError } from '../vpopmail-error.js';
import { DomainChange } from './domain-change.js';
import { DomainCount, isDirectory } from './domain-place.js';
import { isKnown } from './known-domain.js';
import { HalfDone, publishDomain, type Report, repairRecipientHosts, unpublishDomains } from './publication.js';
import { removeDirectory } from './remove-directory.js';

/** Settles every change that a dead process left. What cannot be settled is told and left to the next tool. Does not throw. */
export async function settleAll(host: Host, report: Report): Promise<void> {
  for (const domain of left(host.layout)) {
    const change = take(host.layout, domain);
    if (change === undefined) continue;
    try {
      await settleChange(host, change, report);
      change.finish();
    } catch (error) {
      change.leave();
      report(`the interrupted change of ${domain} cannot be settled yet: ${describe(error)}`);
    }
  }
}

/**
 * Changes a domain while no other tool of ours does. What a dead process left of an earlier change is settled first; what `work` leaves in the middle stays
 * on record.
 * @throws VpopmailError, TemporaryError, and whatever `work` throws
 */
export async function whileChanging<T>(
  host: Host,
  domain: string,
  report: Report,
  work: (change: DomainChange) => Promise<T>,
): Promise<T> {
  const change = await takeChange(host, domain);
  let isHalfDone = true;
  try {
    await settleChange(host, change, report);
    isHalfDone = false;
    return await work(change);
  } catch (error) {
    if (!(error instanceof HalfDone)) throw error;
    isHalfDone = true;
    report(
      `the change of ${domain} is done in part; the next vadddomain, vaddaliasdomain or vdeldomain goes on with it`,
    );
    throw error.cause;
  } finally {
    if (isHalfDone) change.leave();
    else change.finish();
  }
}

async function takeChange(host: Host, domain: string): Promise<DomainChange> {
  try {
    return await DomainChange.take(host.layout, domain);
  } catch (error) {
    throw new VpopmailError('couldNotUpdateFile', describe(error), error);
  }
}

/** Settles what a dead process left of a change that this process now has. @throws VpopmailError, TemporaryError */
async function settleChange(host: Host, change: DomainChange, report: Report): Promise<void> {
  const record = change.left();
  if (record === undefined) return;
  removeTemporaryFiles(host.layout, record);
  const outcome = await (record.kind === 'delete'
    ? goOnDeleting(host, record, report)
    : goOnAdding(host, record, report));
  report(`${toolOfChange[record.kind]} of ${record.domain} was interrupted: ${outcome}`);
}

async function goOnAdding(host: Host, record: ChangeRecord, report: Report): Promise<string> {
  const { layout } = host;
  const directory = layout.disk(record.directory);
  const isAlias = record.kind === 'alias';
  if (record.steps.includes('publish')) {
    if (!isDirectory(directory) || (isAlias && !isKnown(host, record.realDomain)))
      return 'its directory is gone, nothing is left to do';
    await publishDomain(layout, assignedBy(record), report, { onlyIfMissing: true });
    return 'it is finished now';
  }
  if (isAlias || isKnown(host, record.domain)) return 'nothing is left to do';
  if (record.steps.includes('made')) await removeTree(directory).catch(ignoreMissing);
  await new DomainCount(host, record).leave();
  return 'it is undone, add the domain again';
}

async function goOnDeleting(host: Host, record: ChangeRecord, report: Report): Promise<string> {
  const { layout } = host;
  if (!record.steps.includes('begin')) return 'it had not begun, the domain stays';
  if (record.steps.includes('unpublished') && isKnown(host, record.domain))
    return 'the domain was added again and stays';
  if (!record.steps.includes('unpublished')) {
    const names = record.steps.filter((step) => step.startsWith('name ')).map((step) => step.slice('name '.length));
    await unpublishDomains(layout, names, record.realDomain, report);
    await repairRecipientHosts(layout, report);
  }
  if (record.realDomain !== record.domain || (await removeDirectory(host, record, () => {})))
    return 'it is finished now';
  throw new Error(`${record.directory} cannot be removed`);
}

function assignedBy({ domain, realDomain, uid, gid, directory }: ChangeRecord): AssignedDomain {
  return { name: domain, realDomain, uid, gid, directory };
}

function left(layout: Layout): string[] {
  try {
    return domainsInChange(layout);
  } catch {
    // Who may not look there may not change a domain either, and is told so then.
    return [];
  }
}

/** undefined: somebody is at work, or the record is not ours to read. */
function take(layout: Layout, domain: string): DomainChange | undefined {
  try {
    return DomainChange.tryTake(layout, domain);
  } catch (error) {
    if (error instanceof TemporaryError) return undefined;
    throw error;
  }
}

function removeTemporaryFiles(layout: Layout, { pid, directory }: ChangeRecord): void {
  const control = ['rcpthosts', 'morercpthosts', 'morercpthosts.tmp', 'virtualdomains', 'locals'];
  const files = [...control.map((name) => layout.control(name)), layout.assign, `${layout.usersCdb}.tmp`];
  const inDomain = ['.dir-control', 'qmail-default'].map((name) => path.join(layout.disk(directory), name));
  for (const file of [...files, ...inDomain]) fs.rmSync(bytesPath(`${file}.${pid}`), { force: true });
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
