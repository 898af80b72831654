// A domain becomes known to qmail, and unknown again: users/assign, the recipient hosts, virtualdomains, locals, in this order (formats/vpopmail.md 3.4), then a SIGHUP
// for qmail-send.
//
//   crash after          leaves                                                     mail for the domain
//   users/assign         the domain for vpopmail's tools                            refused
//   rcpthosts            ... and taken                                              waits, goes to the host of its MX record
//   virtualdomains       ... and delivered at qmail-send's next start or SIGHUP     ...
//
// The record of the change (domain-change.ts) is there until all of it is done, and the next tool goes on with `onlyIfMissing`. When a step fails, those before
// it are taken back. Unpublishing goes from the outside in, so that nothing is taken that cannot be delivered.

import { ConfigurationError, CorruptFileError, describe, TemporaryError } from '../../errors.js';
import type { Layout } from '../../layout.js';
import {
  type AssignedDomain,
  confirmDomain,
  insertDomain,
  removeDomains,
} from '../../stores/control-lines/assign-file.js';
import { CompileError } from '../../stores/control-lines/compiled.js';
import {
  insertRecipientHost,
  recompileMoreRcptHosts,
  removeRecipientHosts,
  withdrawRecipientHost,
} from '../../stores/control-lines/recipient-hosts.js';
import {
  insertVirtualDomain,
  removeFromLocals,
  removeVirtualDomains,
  withdrawVirtualDomain,
} from '../../stores/control-lines/virtual-domains-file.js';
import { signalQmailSend } from '../qmail-send-signal.js';
import { VpopmailError } from '../vpopmail-error.js';

/** Told of what an administrator should know while a change is made: one line without its end, for standard error. */
export type Report = (line: string) => void;

/** A change that failed in the middle and could not be taken back. The next tool goes on with it. */
export class HalfDone extends Error {
  constructor(cause: unknown) {
    super('done in part', { cause });
  }
}

export interface PublishOptions {
  /** Goes on with what a killed tool began: lines that are there are not inserted again. */
  readonly onlyIfMissing?: boolean;
  /** One of many in a row: leaves out morercpthosts.cdb and the SIGHUP, which the last one makes up for. */
  readonly optimize?: boolean;
}

/** @throws VpopmailError when a file cannot be changed; nothing of the domain is left then. HalfDone */
export async function publishDomain(
  layout: Layout,
  domain: AssignedDomain,
  report: Report,
  options: PublishOptions = {},
): Promise<void> {
  const { onlyIfMissing = false, optimize = false } = options;
  const undo: (() => Promise<unknown>)[] = [];
  const onDisorder = (path: string): void => report(`NOTICE: Out of order entries found in ${path}\n   Sorting...\n`);
  try {
    const place = await step('update_file', 'assign', report, () => insertDomain(layout, domain, onDisorder));
    if (place === 'taken')
      throw new VpopmailError(
        'domainAlreadyExists',
        `${layout.host(layout.assign)} has another line for ${domain.name}`,
      );
    if (place === 'inserted') undo.push(() => removeDomains(layout, [domain.name], domain.realDomain));
    const list = await step('update_file', 'rcpthosts', report, () =>
      insertRecipientHost(layout, domain.name, { onDisorder, onlyIfMissing, compile: !optimize }),
    );
    undo.push(() => withdrawRecipientHost(layout, domain.name, list));
    const isInserted = await step('update_file', 'virtualdomains', report, () =>
      insertVirtualDomain(layout, domain.name, { onDisorder, onlyIfMissing }),
    );
    if (isInserted) undo.push(() => withdrawVirtualDomain(layout, domain.name));
    await step('remove_lines', 'locals', report, () => removeFromLocals(layout, domain.name));
    await step('update_file', 'assign', report, () => confirmDomain(layout, domain.name));
  } catch (error) {
    await takeBack(undo, error, report);
    throw error;
  }
  if (!optimize) signalQmailSend();
}

async function takeBack(acts: readonly (() => Promise<unknown>)[], reason: unknown, report: Report): Promise<void> {
  try {
    for (const act of acts.toReversed()) await act();
  } catch (error) {
    report(`what was changed cannot be taken back: ${describe(error)}`);
    throw new HalfDone(reason);
  }
}

/**
 * Removes domains, all with the same real domain, from qmail's files.
 * @throws VpopmailError when the first of them cannot be changed, HalfDone when it is another
 */
export async function unpublishDomains(
  layout: Layout,
  names: readonly string[],
  realDomain: string,
  report: Report,
): Promise<void> {
  let isBegun = false;
  const begun = (): void => {
    isBegun = true;
  };
  try {
    await step('remove_lines', 'rcpthosts', report, () => removeRecipientHosts(layout, names, begun));
    await step('remove_lines', 'virtualdomains', report, () => removeVirtualDomains(layout, names));
    await step('remove_lines', 'assign', report, () => removeDomains(layout, names, realDomain));
    for (const name of names) await step('remove_lines', 'assign', report, () => confirmDomain(layout, name));
  } catch (error) {
    throw isBegun ? new HalfDone(error) : error;
  }
  signalQmailSend();
}

/** Makes morercpthosts.cdb agree with its text, whatever a killed tool left. @throws VpopmailError */
export async function repairRecipientHosts(layout: Layout, report: Report): Promise<void> {
  await step('update_file', 'morercpthosts', report, () => recompileMoreRcptHosts(layout));
}

/** Does one act on a file; trouble with it is told as the originals do. */
async function step<T>(
  act: 'update_file' | 'remove_lines',
  file: string,
  report: Report,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    for (const line of troubleLines(error)) report(line);
    report(`Failed while attempting to ${act}() the ${file} file`);
    throw new VpopmailError('couldNotUpdateFile', undefined, error);
  }
}

function troubleLines(error: unknown): string[] {
  if (error instanceof CompileError) return [`${error.program}: fatal: ${error.message}`, ...causeOf(error)];
  if (error instanceof ConfigurationError) return ['qmail-newu: fatal: bad format in users/assign', error.message];
  if (error instanceof CorruptFileError) return [error.message];
  if (!(error instanceof TemporaryError)) throw error;
  // The originals say no more than this where the lock is the trouble.
  return /^(could not open lock file|File busy)/.test(error.message) ? [error.message] : [describe(error)];
}

function causeOf(error: CompileError): string[] {
  return error.cause instanceof Error ? [describe(error.cause)] : [];
}
