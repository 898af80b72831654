// May a Maildir take one more message? vdelivermail's rules (formats/vpopmail.md 5.4 and 5.5):
//
//   usage + message > size, or count + 1 > limit      over: the domain's .over-quota.msg, else "user is over quota"; refused for good (552 5.2.2)
//   the usage before the message is at 90 % or more   a warning is put into the Maildir, at most once a day (the stamp is Maildir/quotawarn)
//
// An account's limit is the one in vpasswd; for a Maildir that only a path names it is the first line of its maildirsize. Before refusing, a usage that is not a
// fresh count is counted anew, and a count during which mail came or went refuses nobody. Accounting: stores/maildir/maildirsize.ts.
//
// vpopmail as it is built by default bounces what does not fit; that is `refuse`. Builds that were changed to wait are `defer` (452 4.2.2).
// Not copied: vpopmail looks at maildirsize only when a message is there; here it is also asked at RCPT, so that a full mailbox is refused before the data. What a
// client declares (SIZE) counts CR LF line ends; a twentieth is taken off it, so that nothing that fits is refused there.

import fs from 'node:fs';
import path from 'node:path';
import { describe, PermanentError, TemporaryError } from '../errors.js';
import { giveTo } from '../files/owner.js';
import { bytesPath, readIfPresent } from '../files/read.js';
import { exceeds, isUnlimited, parseQuota, percentUsed, quotaLineFor } from '../formats/vpopmail/quota.js';
import { domainFiles } from '../layout.js';
import { deliveredToLine } from '../mail/address.js';
import { rfc5322Date } from '../mail/dates.js';
import type { Host } from '../stores/host.js';
import { MessageFile } from '../stores/maildir/maildir-message.js';
import { accountingRoot, addMessage, countUsage, knownUsage, quotaLineOf } from '../stores/maildir/maildirsize.js';
import { replyText } from './resolution/outcomes.js';
import type { MaildirTarget, Outcome } from './resolution/resolution.js';

const warnAtPercent = 90;
const warnAgainMs = 86_400_000;

/** How a Maildir stands towards one more message. */
export type QuotaState = 'fits' | 'nearly-full' | 'over';

/** Keeps the quotas of the Maildirs that are delivered into. */
export class QuotaKeeper {
  readonly #host: Host;
  readonly #whenOver: 'refuse' | 'defer';

  constructor(host: Host, whenOver: 'refuse' | 'defer' = 'refuse') {
    this.#host = host;
    this.#whenOver = whenOver;
  }

  /** Whether a Maildir has a limit at all, so that asking for its state may cost a count. */
  isKept({ style, quota }: MaildirTarget): boolean {
    if (style === 'qmail-local' || quota === undefined) return false;
    return typeof quota !== 'string' || !isUnlimited(parseQuota(quota));
  }

  /**
   * Whether a Maildir may take a message of this size (bytes, without the two lines that delivery adds).
   * @throws the system error when its state cannot be read
   */
  async state(target: MaildirTarget, messageBytes: number): Promise<QuotaState> {
    const root = accountingRoot(target.maildir);
    const limit = typeof target.quota === 'string' ? quotaLineFor(target.quota) : quotaLineOf(root);
    const quota = parseQuota(limit ?? '');
    if (limit === undefined || isUnlimited(quota)) return 'fits';
    let known = knownUsage(root, Date.now()) ?? (await countUsage(root, limit, target.owner));
    const isOver = (): boolean =>
      exceeds({ bytes: known.usage.bytes + messageBytes, count: known.usage.count + 1 }, quota);
    if (isOver() && !known.isFreshCount) known = await countUsage(root, limit, target.owner);
    if (isOver() && known.isCertain) return 'over';
    return percentUsed(known.usage, quota) >= warnAtPercent ? 'nearly-full' : 'fits';
  }

  /**
   * What becomes of a recipient at RCPT: undefined when every Maildir has room for as much as was declared.
   * @throws the system error when that cannot be told
   */
  async refusalAtRecipient(targets: readonly MaildirTarget[], declaredSizeBytes = 0): Promise<Outcome | undefined> {
    const atLeast = declaredSizeBytes - Math.ceil(declaredSizeBytes / 20);
    for (const target of targets) {
      // A Maildir that is to be made again is empty; its limit is looked at when the message is there.
      if (!this.isKept(target) || target.missingHome !== undefined) continue;
      if ((await this.state(target, atLeast)) !== 'over') continue;
      await this.warn(target);
      const { status, message: text } = this.overQuota(target);
      return this.#whenOver === 'refuse'
        ? { kind: 'refuse', code: 552, status, text }
        : { kind: 'defer', code: 452, status, text };
    }
    return undefined;
  }

  /** The error for a message that does not fit. @param put says more with the text */
  overQuota(target: MaildirTarget, put = (text: string): string => text): PermanentError | TemporaryError {
    const status = this.#whenOver === 'refuse' ? '5.2.2' : '4.2.2';
    const own = replyText(this.#domainText(target, '.over-quota.msg'), status);
    const text = put(own ?? `user is over quota (#${status})`);
    return this.#whenOver === 'refuse' ? new PermanentError(status, text) : new TemporaryError(status, text);
  }

  /**
   * Puts the warning into the Maildir, where a text for it exists and the last one is a day old. Trouble is only logged: the message itself is what counts.
   */
  async warn(target: MaildirTarget): Promise<void> {
    try {
      const nowMs = Date.now();
      if (!stampWarning(target, nowMs)) return;
      const text = this.#domainText(target, '.quotawarn.msg');
      if (text !== undefined) await putWarning(target, text, nowMs);
    } catch (error) {
      this.#host.log.warning(`quota warning for ${target.deliveredTo}: ${describe(error)}`);
    }
  }

  #domainText(target: MaildirTarget, name: '.over-quota.msg' | '.quotawarn.msg'): Buffer | undefined {
    const own = target.domainDirectory === undefined ? undefined : domainFiles.message(target.domainDirectory, name);
    const general = domainFiles.message(this.#host.layout.domains, name);
    return (own === undefined ? undefined : readText(own)) ?? readText(general);
  }
}

/** Whether it is time for a warning; the stamp then says that it was given. */
function stampWarning(target: MaildirTarget, nowMs: number): boolean {
  const stamp = bytesPath(path.join(target.maildir, 'quotawarn'));
  const last = fs.statSync(stamp, { throwIfNoEntry: false });
  if (last !== undefined && nowMs - last.mtimeMs < warnAgainMs) return false;
  const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC | fs.constants.O_NOFOLLOW;
  const fd = fs.openSync(stamp, flags, 0o600);
  try {
    giveTo(fd, target.owner.uid, target.owner.gid);
    fs.futimesSync(fd, nowMs / 1000, nowMs / 1000);
  } finally {
    fs.closeSync(fd);
  }
  return true;
}

async function putWarning(target: MaildirTarget, text: Buffer, nowMs: number): Promise<void> {
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
}

/** A text that cannot be read is as good as none: it only decorates. */
function readText(file: string): Buffer | undefined {
  try {
    return readIfPresent(file);
  } catch {
    return undefined;
  }
}
