// vdelivermail without a process: what it would do with a recipient of a vpopmail domain (formats/vpopmail.md 4.3 to 4.8).
//
//   EXT, HOST        the extension and domain that qmail-local found, in lower case; HOST of an alias domain becomes the real one
//   account          named EXT, else what stands before the first `-` of EXT
//   found            locked: refused; its .qmail, if it has one, is obeyed; else its Maildir, within its quota
//   not found        the second argument: bounce-no-mailbox, delete, a directory, an address (or anything a .qmail line may be)
//
// Not copied: a failed look-up is a deferral, where vdelivermail knows "no such user" only. A missing account directory is made again at delivery, as vdelivermail
// does; an account without a directory in vpasswd is deferred, since only vadduser's own work can give it one.

import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, troubleWith } from '../errors.js';
import { bytesPath, readIfPresent } from '../files/read.js';
import {
  type AccountInstruction,
  accountDotQmailNames,
  accountInstruction,
  parseAccountDotQmail,
} from '../formats/account-dot-qmail.js';
import { hasFlag } from '../formats/vpasswd-flags.js';
import { accountFiles } from '../layout.js';
import { lower } from '../mail/address.js';
import type { Account, Domain } from '../stores/domain.js';
import { maildirProblem } from '../stores/maildir.js';
import { combine, defer, deliverTo, discard, needsQueue, refuse } from './outcomes.js';
import type { MaildirTarget, Outcome } from './resolution.js';
import type { LocalRecipient, Way } from './resolve.js';

/** vpopmail's own check of local parts and of domains. */
const userName = /^[!#$&'*+\-./0-9=?A-Z^_`a-z{|}~]*$/;
const domainName = /^[-.0-9A-Za-z]*$/;

/** A recipient as vdelivermail sees it. */
interface Recipient extends LocalRecipient {
  /** EXT in lower case, and the part of it after the first `-`. */
  readonly ext: string;
  readonly userExtension: string;
  readonly vpopmailDomain: Domain | undefined;
  /** `EXT@domain` with the real domain. */
  readonly shown: string;
  /** vdelivermail's loop line. */
  readonly loopLines: readonly string[];
}

/** What vdelivermail would do. @param argument its second argument */
export function resolveVdelivermail(way: Way, recipient: LocalRecipient, argument: string): Outcome {
  const ext = lower(recipient.extension);
  const hostName = lower(recipient.domain);
  if (!userName.test(ext)) return refuse(550, '5.1.3', 'invalid username (#5.1.3)');
  if (!domainName.test(hostName)) return refuse(550, '5.1.2', 'invalid domain name (#5.1.2)');
  const vpopmailDomain = way.host.domain(hostName);
  const shown = `${ext}@${vpopmailDomain?.name ?? hostName}`;
  const cut = ext.indexOf('-');
  const userExtension = cut < 0 ? '' : ext.slice(cut + 1);
  const own = { ...recipient, ext, userExtension, vpopmailDomain, shown, loopLines: [`Delivered-To: ${shown}`] };
  const account = accountOf(vpopmailDomain, ext);
  if (account === undefined) return unknownUser(way, own, argument);
  way.explain(`vpasswd.cdb of ${account.domain}: the account ${account.name}, directory ${account.hostDirectory}`);
  return toAccount(way, own, account);
}

function accountOf(domain: Domain | undefined, ext: string): Account | undefined {
  const whole = domain?.account(ext);
  if (whole !== undefined || !ext.includes('-')) return whole;
  return domain?.account(ext.slice(0, ext.indexOf('-')));
}

function toAccount(way: Way, recipient: Recipient, account: Account): Outcome {
  if (hasFlag(account.gid, 'BOUNCE_MAIL')) {
    way.explain('the account has the bounce flag');
    return refuse(550, '5.2.1', `account is locked, email bounced ${recipient.shown} (#5.2.1)`);
  }
  if (account.directory === '')
    return defer(
      '4.3.5',
      'the account has no directory yet. (#4.3.5)',
      `${recipient.shown} has no directory in vpasswd`,
    );
  const exists = directoryExists(account.directory);
  const instructed = exists ? accountInstructions(way, recipient, account.directory) : undefined;
  if (instructed !== undefined) return instructed;
  const maildir = accountFiles.maildir(account.directory);
  const target: MaildirTarget = {
    maildir,
    style: 'vdelivermail',
    deliveredTo: deliveredToOf(way, recipient, maildir),
    owner: recipient.owner,
    quota: account.quota,
    domainDirectory: recipient.directory,
    ...(!exists && { missingHome: account.directory }),
  };
  way.explain(
    exists ? `into ${way.host.layout.host(maildir)}/` : `${account.hostDirectory} is missing: it is made again`,
  );
  return intoMaildir(way, recipient, target);
}

/** The second argument of vdelivermail. */
function unknownUser(way: Way, recipient: Recipient, argument: string): Outcome {
  const domain = recipient.vpopmailDomain?.name ?? recipient.domain;
  way.explain(`vpasswd.cdb of ${domain} has no account for ${recipient.ext}; the catch-all is ${argument}`);
  if (argument === 'delete') return discard('.qmail-default says delete', [], recipient.loopLines);
  if (argument === 'bounce-no-mailbox') {
    const text = recipient.vpopmailDomain?.text('.no-user.msg');
    return refuse(550, '5.1.1', replyText(text) ?? 'sorry, no mailbox here by that name. (#5.1.1)');
  }
  if (argument.startsWith('/')) return catchAllDirectory(way, recipient, argument);
  const line = accountInstruction(argument);
  if (line.kind === 'forward') return catchAllAddress(way, recipient, line.address);
  return accountLine(way, recipient, recipient.directory, line);
}

function catchAllDirectory(way: Way, recipient: Recipient, argument: string): Outcome {
  const directory = way.host.layout.disk(argument).replace(/\/+$/, '');
  const instructed = directoryExists(directory) ? accountInstructions(way, recipient, directory) : undefined;
  if (instructed !== undefined) return instructed;
  const maildir = accountFiles.maildir(directory);
  way.explain(`into ${way.host.layout.host(maildir)}/`);
  return intoMaildir(way, recipient, {
    maildir,
    style: 'vdelivermail',
    deliveredTo: recipient.shown,
    owner: recipient.owner,
    quota: { from: 'maildirsize' },
    domainDirectory: recipient.directory,
  });
}

/** What the .qmail file in an account's directory says; undefined when there is none, or an empty one: then its Maildir. */
function accountInstructions(way: Way, recipient: Recipient, directory: string): Outcome | undefined {
  for (const suffix of accountDotQmailNames(recipient.userExtension)) {
    const file = accountFiles.dotQmail(directory, suffix);
    const bytes = readDotQmail(file);
    if (bytes === undefined) continue;
    const lines = parseAccountDotQmail(bytes);
    if (lines.length === 0) return undefined;
    const shown = way.host.layout.host(file);
    const outcomes = lines
      .filter((line) => line.kind !== 'comment')
      .map((line) => {
        way.explain(`${shown}:${line.number}: ${line.text}`);
        return accountLine(way, recipient, directory, line);
      });
    if (outcomes.length > 0) return combine(outcomes, []);
    way.explain(`${shown} holds comments only: the mail is thrown away`);
    return discard(`${shown} holds comments only`, [], recipient.loopLines);
  }
  return undefined;
}

/** One line of an account's .qmail, or a catch-all that is no word of its own. */
function accountLine(way: Way, recipient: Recipient, directory: string, line: AccountInstruction): Outcome {
  switch (line.kind) {
    case 'maildir': {
      const maildir = line.path.startsWith('/') ? way.host.layout.disk(line.path) : path.join(directory, line.path);
      const target = maildir.replace(/\/+$/, '');
      return intoMaildir(way, recipient, {
        maildir: target,
        style: 'vdelivermail',
        deliveredTo: deliveredToOf(way, recipient, target),
        owner: recipient.owner,
        quota: { from: 'maildirsize' },
        domainDirectory: recipient.directory,
      });
    }
    case 'mbox':
      return defer('4.3.5', `can't handle mbox delivery (#4.3.5)`, line.path);
    case 'program':
      return needsQueue('program', 'a program');
    case 'forward':
      return needsQueue('forward', 'a forward');
    case 'comment':
      return discard('the catch-all is a comment', [], recipient.loopLines);
  }
}

/** A catch-all address of this host that ends in Maildirs is delivered there at once, with the trace lines that forwarding leaves. */
function catchAllAddress(way: Way, recipient: Recipient, address: string): Outcome {
  if (!/^[^\s<>()",;:]+@[^\s<>()",;:@]+$/.test(address)) return needsQueue('forward', 'a forward');
  way.explain(`the catch-all forwards to ${address}`);
  const there = way.follow(address).outcome;
  if (there.kind === 'discard') return combine([there, discard('', [], recipient.loopLines)], []);
  if (there.kind !== 'deliver') return there;
  const trace = { uid: recipient.owner.uid, deliveredTo: recipient.shown };
  if (there.maildirs.some((target) => target.owner.uid !== recipient.owner.uid))
    return needsQueue('forward', 'a forward');
  return {
    ...there,
    maildirs: there.maildirs.map((target) => ({ ...target, forwards: [...(target.forwards ?? []), trace] })),
    loopLines: { exact: there.loopLines.exact, anyCase: [...there.loopLines.anyCase, ...recipient.loopLines] },
  };
}

function intoMaildir(way: Way, recipient: Recipient, target: MaildirTarget): Outcome {
  const problem = target.missingHome === undefined ? maildirTrouble(target.maildir) : undefined;
  if (problem !== undefined)
    return defer(
      '4.3.0',
      'can not open new email file (#4.3.0)',
      `${way.host.layout.host(target.maildir)}: ${problem}`,
    );
  return deliverTo(target, recipient.loopLines);
}

function maildirTrouble(maildir: string): string | undefined {
  try {
    const problem = maildirProblem(maildir);
    return problem === undefined ? undefined : `the Maildir is ${problem}`;
  } catch (error) {
    return String(errnoOf(error) ?? error);
  }
}

/** vdelivermail reads the address off the Maildir's path: the directory above `Maildir` is the user, the nearest one above with a dot the domain. */
function deliveredToOf(way: Way, recipient: Recipient, maildir: string): string {
  const parts = way.host.layout.host(maildir).split('/');
  const at = parts.indexOf('Maildir');
  const user = at > 0 ? parts[at - 1] : undefined;
  const domain = parts
    .slice(0, Math.max(0, at - 1))
    .reverse()
    .find((part) => part.includes('.'));
  return user === undefined || domain === undefined ? recipient.shown : `${user}@${domain}`;
}

function directoryExists(directory: string): boolean {
  try {
    return fs.statSync(bytesPath(directory), { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return false;
    throw troubleWith('temporary trouble with the directory of this mailbox. (#4.3.0)', error);
  }
}

/** vdelivermail takes the first file that opens; one that is there and cannot be read is a deferral here. */
function readDotQmail(file: string): Buffer | undefined {
  try {
    return readIfPresent(file);
  } catch (error) {
    throw troubleWith('Unable to open a .qmail file. (#4.3.0)', error);
  }
}

/** A text for senders as one line of a reply: printable ASCII, at most 400 characters; undefined when nothing is left. */
export function replyText(text: Buffer | undefined): string | undefined {
  const line = text
    ?.toString('latin1')
    .replace(/\s+/g, ' ')
    .replace(/[^ -~]/g, '?')
    .trim()
    .slice(0, 400);
  return line === '' ? undefined : line;
}
