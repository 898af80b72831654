// May a Maildir take one more message? vdelivermail's rules (formats/vpopmail.md 5.4 and 5.5):
//
//   usage + message > size, or count + 1 > limit      over: the domain's .over-quota.msg, else "user is over quota"; refused for good
//   the usage before the message is at 90 % or more   a warning is put into the Maildir, at most once a day (the stamp is Maildir/quotawarn)
//
// An account's limit is the one in vpasswd; for a Maildir that only a path names it is the first line of its maildirsize. Before refusing, a usage that is not a
// fresh count is counted anew, and a count during which mail came or went refuses nobody. Accounting: stores/maildirsize.ts.
//
// Not copied: vpopmail looks at maildirsize only when a message is there; here it is also asked at RCPT, so that a full mailbox is refused before the data.

import fs from 'node:fs';
import path from 'node:path';
import { giveTo } from '../files/owner.js';
import { bytesPath, readIfPresent } from '../files/read.js';
import { exceeds, isUnlimited, parseQuota, percentUsed } from '../formats/quota.js';
import { domainFiles } from '../layout.js';
import { deliveredToLine } from '../mail/address.js';
import { rfc5322Date } from '../mail/dates.js';
import type { Host } from '../stores/host.js';
import { MessageFile } from '../stores/maildir-message.js';
import { accountingRoot, addMessage, countUsage, knownUsage, quotaLineOf } from '../stores/maildirsize.js';
import { replyText } from './outcomes.js';
import type { MaildirTarget } from './resolution.js';

const warnAtPercent = 90;
const warnAgainMs = 86_400_000;

/** How a Maildir stands towards one more message. */
export type QuotaState = 'fits' | 'nearly-full' | 'over';

/**
 * Whether a Maildir may take a message of this size (bytes, without the two lines that delivery adds).
 * @throws the system error when its state cannot be read
 */
export async function quotaState(target: MaildirTarget, messageBytes: number, nowMs: number): Promise<QuotaState> {
  const root = accountingRoot(target.maildir);
  const limit = limitOf(target, root);
  const quota = parseQuota(limit ?? '');
  if (limit === undefined || isUnlimited(quota)) return 'fits';
  let known = knownUsage(root, nowMs) ?? (await countUsage(root, limit, target.owner));
  const isOver = (): boolean =>
    exceeds({ bytes: known.usage.bytes + messageBytes, count: known.usage.count + 1 }, quota);
  if (isOver() && !known.isFreshCount) known = await countUsage(root, limit, target.owner);
  if (isOver() && known.isCertain) return 'over';
  return percentUsed(known.usage, quota) >= warnAtPercent ? 'nearly-full' : 'fits';
}

/** Whether a Maildir has a limit at all, so that asking for its state may cost a count. */
export function hasQuota(target: MaildirTarget): boolean {
  if (target.style === 'qmail-local' || target.quota === undefined || target.missingHome !== undefined) return false;
  return typeof target.quota !== 'string' || !isUnlimited(parseQuota(target.quota));
}

function limitOf(target: MaildirTarget, root: string): string | undefined {
  if (target.quota === undefined || target.style === 'qmail-local') return undefined;
  return typeof target.quota === 'string' ? target.quota : quotaLineOf(root);
}

/** The words for a sender whose message does not fit. */
export function overQuotaText(host: Host, target: MaildirTarget): string {
  return replyText(domainText(host, target, '.over-quota.msg'), '5.2.2') ?? 'user is over quota (#5.2.2)';
}

/**
 * Puts the warning into the Maildir, where a text for it exists and the last one is a day old. Trouble is only logged: the message itself is what counts.
 */
export async function warnOwner(host: Host, target: MaildirTarget, nowMs: number): Promise<void> {
  try {
    if (!stampWarning(target, nowMs)) return;
    const text = domainText(host, target, '.quotawarn.msg');
    if (text === undefined) return;
    const head = `${deliveredToLine(target.deliveredTo)}Date: ${rfc5322Date(Math.floor(nowMs / 1000))}\n`;
    const message = MessageFile.create(target.maildir, target.owner);
    try {
      message.write([Buffer.from(head, 'latin1'), text]);
      await message.sync();
      message.move('with-size');
    } catch (error) {
      message.discard();
      throw error;
    }
    addMessage(accountingRoot(target.maildir), message.sizeBytes);
  } catch (error) {
    host.log.warning(`quota warning for ${target.deliveredTo}: ${error instanceof Error ? error.message : error}`);
  }
}

/** Whether it is time for a warning; the stamp then says that it was given. */
function stampWarning(target: MaildirTarget, nowMs: number): boolean {
  const stamp = bytesPath(path.join(target.maildir, 'quotawarn'));
  const last = fs.statSync(stamp, { throwIfNoEntry: false });
  if (last !== undefined && nowMs - last.mtimeMs < warnAgainMs) return false;
  const fd = fs.openSync(stamp, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC, 0o600);
  try {
    giveTo(fd, target.owner.uid, target.owner.gid);
    // Truncating an empty file does not move its time.
    fs.futimesSync(fd, nowMs / 1000, nowMs / 1000);
  } finally {
    fs.closeSync(fd);
  }
  return true;
}

function domainText(host: Host, target: MaildirTarget, name: '.over-quota.msg' | '.quotawarn.msg'): Buffer | undefined {
  const own = target.domainDirectory === undefined ? undefined : domainFiles.message(target.domainDirectory, name);
  return (own === undefined ? undefined : readText(own)) ?? readText(domainFiles.message(host.layout.domains, name));
}

/** A text that cannot be read is as good as none: it only decorates. */
function readText(file: string): Buffer | undefined {
  try {
    return readIfPresent(file);
  } catch {
    return undefined;
  }
}
