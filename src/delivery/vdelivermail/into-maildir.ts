// vdelivermail's delivery into a Maildir (formats/vpopmail.md 4.7, 5.4): quota, message file, maildirsize, and the original's words for what goes wrong.
//
//   over quota             .over-quota.msg of the domain, else the host's, else `user is over quota`; an empty line; 100
//   cannot be written      `can not open new email file errno=2 file=PATH` and the like, then `system error`; 111
//
// The message lies synced in tmp/ before it is linked into new/, and new/ is synced before the delivery counts. A message without a byte is not delivered.

import path from 'node:path';
import { describe, errnoOf } from '../../errors.js';
import type { Layout } from '../../layout.js';
import type { Domain } from '../../stores/domains/domain.js';
import { makeAccountDirectory } from '../../stores/maildir/maildir.js';
import { MessageFile } from '../../stores/maildir/maildir-message.js';
import { accountingRoot, addMessage } from '../../stores/maildir/maildirsize.js';
import type { MessageSource } from '../local/message-source.js';
import type { QuotaKeeper } from '../quota.js';
import type { MaildirTarget } from '../resolution/resolution.js';
import type { VdelivermailActs } from './run.js';
import { Stop } from './stop.js';

export interface MaildirDelivery {
  readonly layout: Layout;
  readonly quotas: QuotaKeeper;
  readonly message: MessageSource;
  readonly acts: Pick<VdelivermailActs, 'say'>;
  readonly domain: Domain | undefined;
  /** The lines above the message. */
  readonly head: Buffer;
}

/** @throws Stop */
export async function intoMaildir(delivery: MaildirDelivery, target: MaildirTarget): Promise<void> {
  const { quotas, message, acts } = delivery;
  const { sizeBytes } = message;
  if (sizeBytes === 0) return;
  if (target.missingHome !== undefined) await makeHome(target, target.missingHome);
  const state = quotas.isKept(target) ? await quotaState(quotas, target, sizeBytes) : 'fits';
  if (state === 'over') {
    acts.say(delivery.domain?.text('.over-quota.msg') ?? 'user is over quota\n');
    await quotas.warn(target);
    throw new Stop(100, '\n');
  }
  if (state === 'nearly-full') await quotas.warn(target);
  const written = await write(delivery, target, sizeBytes);
  try {
    addMessage(accountingRoot(target.maildir), written);
  } catch {
    // The message is delivered; the next count sets the sums right.
  }
}

async function makeHome(target: MaildirTarget, home: string): Promise<void> {
  try {
    await makeAccountDirectory(home, target.domainDirectory ?? home, target.owner);
  } catch (error) {
    throw new Stop(111, `Auto re-creation of maildir failed. (#5.9.9) ${describe(error)}\n`);
  }
}

/** A quota that cannot be read keeps no mail out; what is wrong with the Maildir shows when it is written to. */
async function quotaState(
  quotas: QuotaKeeper,
  target: MaildirTarget,
  sizeBytes: number,
): Promise<'fits' | 'nearly-full' | 'over'> {
  try {
    return await quotas.state(target, sizeBytes);
  } catch {
    return 'fits';
  }
}

/** @returns the size of the file */
async function write(
  { layout, message, head }: MaildirDelivery,
  target: MaildirTarget,
  sizeBytes: number,
): Promise<number> {
  const shown = layout.host(target.maildir);
  const named = (error: unknown): string => `${nameIn(error)},S=${head.length + sizeBytes}`;
  let file: MessageFile;
  try {
    file = MessageFile.create(target.maildir, target.owner);
  } catch (error) {
    throw failure(error, `can not open new email file errno=${numberOf(error)} file=${shown}/tmp/${named(error)}`);
  }
  try {
    await file.writeLater([head]);
    for await (const piece of message.pieces()) await file.writeLater([piece]);
    await file.sync();
  } catch (error) {
    file.discard();
    throw failure(error, `write failed errno = ${numberOf(error)}`);
  }
  try {
    file.move('with-size');
    await file.syncEntry();
    return file.sizeBytes;
  } catch (error) {
    file.discard();
    const name = named(error);
    throw failure(error, `rename failed ${shown}/tmp/${name} ${shown}/new/${name} errno = ${numberOf(error)}`);
  }
}

function failure(error: unknown, words: string): Stop {
  return new Stop(111, errnoOf(error) === 'EDQUOT' ? 'user is over quota\n' : `${words}\nsystem error\n`);
}

function numberOf(error: unknown): number {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? Math.abs(error.errno) : 0;
}

/** The name of the file that a system error is about. */
function nameIn(error: unknown): string {
  const is = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : '';
  return path.basename(is);
}
