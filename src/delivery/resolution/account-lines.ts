// The lines by which vdelivermail is told where mail goes, and its delivery into a Maildir (formats/vpopmail.md 4.5 and 4.7).
//
//   none, or an empty file      the Maildir (undefined here)
//   comments only               the message is thrown away
//   a Maildir                   delivered there, under the quota that its own maildirsize names
//   an mbox                     deferred for ever: vdelivermail cannot write one
//   a forward, a program        needs the queue
//
// Which file of a directory counts: the extension's, from long to short, last the plain .qmail.

import { errnoOf } from '../../errors.js';
import { type AccountInstruction, accountDotQmailNames } from '../../formats/dot-qmail/account-dot-qmail.js';
import { accountFiles } from '../../layout.js';
import type { Domain } from '../../stores/domains/domain.js';
import { maildirProblem } from '../../stores/maildir/maildir.js';
import type { LocalRecipient } from './assignment.js';
import { combine, defer, deliverTo, discard, needsProgram, needsQueue } from './outcomes.js';
import type { MaildirTarget, Outcome } from './resolution.js';
import { maildirPath, type Way } from './way.js';

/** A recipient as vdelivermail sees it. */
export interface VpopmailRecipient extends LocalRecipient {
  /** EXT in lower case, and the part of it after the first `-`. */
  readonly ext: string;
  readonly userExtension: string;
  /** undefined when users/cdb has no such domain. */
  readonly vpopmailDomain: Domain | undefined;
  /** `EXT@domain` with the real domain. */
  readonly shown: string;
  /** vdelivermail's loop line. */
  readonly loopLine: string;
}

/** What the .qmail file in a directory says; undefined when there is none, or an empty one: then its Maildir. */
export function followAccountFile(
  way: Way,
  recipient: VpopmailRecipient,
  place: { readonly directory: string; readonly hostDirectory: string },
): Outcome | undefined {
  for (const suffix of accountDotQmailNames(recipient.userExtension)) {
    const lines = way.accountFiles.read(place.directory, suffix);
    if (lines === undefined) continue;
    if (lines.length === 0) return undefined;
    const shown = way.host.layout.host(accountFiles.dotQmail(place.directory, suffix));
    const outcomes: Outcome[] = [];
    for (const line of lines) {
      if (line.kind === 'comment') continue;
      way.explain?.(`${shown}:${line.number}: ${line.text}`);
      outcomes.push(doAccountLine(way, recipient, place.hostDirectory, line));
    }
    if (outcomes.length > 0) return combine(outcomes, {});
    way.explain?.(`${shown}: comments only, so the message is thrown away`);
    return discard(`${shown} has comments only`, { anyCase: [recipient.loopLine] });
  }
  return undefined;
}

/** One line of an account's .qmail, or a catch-all that is no word of its own. @param hostDirectory where relative paths begin */
export function doAccountLine(
  way: Way,
  recipient: VpopmailRecipient,
  hostDirectory: string,
  line: AccountInstruction,
): Outcome {
  switch (line.kind) {
    case 'maildir': {
      const maildir = maildirPath(way, hostDirectory, line.path);
      way.met?.({ maildir });
      const deliveredTo = addressOfMaildir(way.host.layout.host(maildir)) ?? recipient.shown;
      return intoMaildir(way, recipient, maildir, { deliveredTo, quota: { from: 'maildirsize' } });
    }
    case 'mbox':
      return defer('4.3.5', "can't handle mbox delivery. (#4.3.5)", `${hostDirectory}: ${line.path}`);
    case 'program':
      way.onward?.({ kind: 'program', command: line.command, uid: recipient.owner.uid, hostDirectory });
      return needsProgram(line.command);
    case 'forward':
      way.onward?.({ kind: 'forward', address: line.address });
      return needsQueue('forward', 'a forward');
    case 'comment':
      return discard('the catch-all is a comment', { anyCase: [recipient.loopLine] });
  }
}

/** Delivery by vdelivermail into a Maildir (disk path), or what stands in its way. */
export function intoMaildir(
  way: Way,
  recipient: VpopmailRecipient,
  maildir: string,
  rest: Pick<MaildirTarget, 'deliveredTo' | 'quota' | 'missingHome'>,
): Outcome {
  const shown = way.host.layout.host(maildir);
  const problem = rest.missingHome === undefined ? problemOf(maildir) : undefined;
  if (problem !== undefined) {
    way.explain?.(`${shown}: ${problem}`);
    return defer('4.3.0', 'can not open new email file. (#4.3.0)', `${shown}: ${problem}`);
  }
  way.explain?.(
    `${shown}: takes it, quota ${typeof rest.quota === 'string' ? rest.quota || 'none' : 'as its maildirsize says'}`,
  );
  const domainDirectory = recipient.vpopmailDomain?.directory ?? recipient.directory;
  const target: MaildirTarget = { maildir, style: 'vdelivermail', owner: recipient.owner, domainDirectory, ...rest };
  return deliverTo(target, { anyCase: [recipient.loopLine] });
}

function problemOf(maildir: string): string | undefined {
  try {
    const problem = maildirProblem(maildir);
    return problem && { missing: 'there is no such directory', broken: 'tmp or new is missing in it' }[problem];
  } catch (error) {
    return `cannot be looked at (${errnoOf(error) ?? error})`;
  }
}

/**
 * The address that vdelivermail reads off a Maildir's host path: the directory that holds it is the user, the nearest one above with a dot the domain (hash
 * directories have none). undefined when the path is not of that kind.
 */
export function addressOfMaildir(hostPath: string): string | undefined {
  const parts = hostPath.split('/').filter((part) => part !== '');
  const at = parts.lastIndexOf('Maildir');
  const user = at > 0 ? parts[at - 1] : undefined;
  const domain = parts.slice(0, Math.max(0, at - 1)).findLast((part) => part.includes('.'));
  return user === undefined || domain === undefined ? undefined : `${user}@${domain}`;
}
