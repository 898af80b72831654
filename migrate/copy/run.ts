// One copy from the command line: opens both ends and the journal, shows how far it is, tells what could not be copied.
//
// Exit codes: 0 everything is copied; 1 something is not, which is told; 111 trouble ended it, and the same command goes on.

import { createHash } from 'node:crypto';
import type { ToolIo } from '../../src/cli/tool-io.js';
import { describe, errnoOf, TemporaryError } from '../../src/errors.js';
import { fileTrouble } from '../../src/files/read.js';
import { accountFiles } from '../../src/layout.js';
import { openBar } from '../progress.js';
import { type CopyCounts, copyAccount, isFull } from './copy.js';
import type { Source, Target } from './ends.js';
import type { HostAccount } from './host-account.js';
import { Journal } from './journal.js';

export interface CopyRun {
  readonly source: Source;
  readonly target: Target;
  /** The end that is on this host. */
  readonly account: HostAccount;
  /** Disk path of the journal; beside the account's Maildir unless given. */
  readonly state: string | undefined;
  readonly isWanted: (folder: string) => boolean;
}

/** Runs it and closes both ends. @returns the exit code @throws PermanentError, TemporaryError, ConfigurationError, CorruptFileError */
export async function runCopy({ source, target, account, state, isWanted }: CopyRun, io: ToolIo): Promise<number> {
  const key = createHash('sha256').update(`${source.name}\0${target.name}`).digest('hex').slice(0, 12);
  const bar = await openBar('messages of a folder');
  const { address } = account;
  const say = (text: string): void => io.stdout(`${address} ${text}\n`.replace(/[\x00-\x09\x0b-\x1f\x7f]/g, '?'));
  try {
    const journal = Journal.open(
      state ?? accountFiles.copied(account.directory, key),
      source.name,
      target.name,
      account.owner,
    );
    try {
      const report = (folder: string, what: string, problem: string): void =>
        say(`${folder}${what === '' ? '' : `: message ${what}`}: ${problem}`);
      const note = (folder: string, text: string): void => say(`${folder}: ${text}`);
      const counts = await copyAccount(source, target, journal, { report, note, progress: bar.update, isWanted });
      bar.stop();
      say(summary(counts));
      return counts.failed === 0 ? 0 : 1;
    } finally {
      journal.close();
    }
  } catch (error) {
    if (isFull(error))
      throw new TemporaryError(
        '4.2.2',
        `${address}: ${describe(error)}; give ${target.name} more room${target.name === address ? ' (vsetuserquota)' : ''}, then the same command goes on`,
      );
    throw errnoOf(error) === undefined ? error : fileTrouble(error);
  } finally {
    bar.stop();
    await source.close();
    await target.close();
  }
}

function summary({ folders, copied, known, changed, failed }: CopyCounts): string {
  const parts = [`${folders} folders`, `${copied} messages copied`, `${known} were there`];
  if (changed > 0) parts.push(`flags of ${changed} changed`);
  if (failed > 0) parts.push(`${failed} not copied`);
  return parts.join(', ');
}
