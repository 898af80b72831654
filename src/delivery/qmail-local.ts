// What the .qmail file for a recipient says, as qmail-local would do it (formats/qmail.md 6.1 to 6.3 and 6.7).
//
//   none, behind a dash               refused: no mailbox here by that name
//   none, a user's own address        the default delivery
//   empty                             the default delivery
//   comments only                     the message is thrown away
//   lines                             each one as formats/dot-qmail/dot-qmail reads it; a program line that is vdelivermail's is followed here (delivery/resolution/vpopmail-account)
//
// Maildirs get the message as qmail-local writes it: no size in the name, Delivered-To with the rewritten address, no quota.

import fs from 'node:fs';
import { errnoOf } from '../errors.js';
import { bytesPath, readIfPresent } from '../files/read.js';
import { type DotQmailLine, dotQmailNames, parseDotQmail, parseVdelivermail } from '../formats/dot-qmail/dot-qmail.js';
import { domainFiles } from '../layout.js';
import { deliveredToLine } from '../mail/address.js';
import type { DotQmailFile } from '../stores/dot-qmail.js';
import { maildirProblem } from '../stores/maildir/maildir.js';
import type { LocalRecipient } from './resolution/assignment.js';
import { combine, defer, deliverTo, discard, needsProgram, needsQueue, noMailbox } from './resolution/outcomes.js';
import type { Outcome } from './resolution/resolution.js';
import { resolveVdelivermail } from './resolution/vpopmail-account.js';
import { maildirPath, type Way } from './resolution/way.js';

/**
 * Whether there is a .qmail file for a recipient, by the names in the home alone: nothing in it is read, so that root may ask.
 * @returns true as well for a user's own address, which needs none, and where it cannot be told
 */
export function hasInstructions({ directory, dash, extension }: LocalRecipient): boolean {
  // A slash leads out of the home, where nobody is to learn of names.
  if (dash === '' || extension.includes('/')) return true;
  return dotQmailNames(dash, extension).some(({ suffix }) => {
    try {
      const file = bytesPath(domainFiles.dotQmail(directory, suffix));
      return fs.lstatSync(file, { throwIfNoEntry: false }) !== undefined;
    } catch (error) {
      return errnoOf(error) !== 'ENAMETOOLONG';
    }
  });
}

/** The instructions in force, and where they stand, for messages. */
interface Instructions {
  readonly shown: string;
  readonly lines: readonly DotQmailLine[];
  readonly forwardOnly: boolean;
}

/** What would become of the recipient. @throws TemporaryError or CorruptFileError for trouble with a file */
export function followInstructions(way: Way, recipient: LocalRecipient): Outcome {
  way.host.dotQmail.checkHome(recipient.directory);
  const file = dotQmailFor(way, recipient);
  if (file === undefined && recipient.dash !== '') {
    way.explain?.(`${recipient.hostDirectory}: no .qmail file for ${recipient.dash}${recipient.extension}`);
    return noMailbox();
  }
  const instructions = file === undefined || file.bytes.length === 0 ? defaults(way, recipient, file) : of(way, file);
  if (instructions === undefined) return needsQueue('system-user', "the host's default delivery");
  return doLines(way, recipient, instructions);
}

function dotQmailFor(way: Way, recipient: LocalRecipient): DotQmailFile | undefined {
  for (const { suffix } of dotQmailNames(recipient.dash, recipient.extension)) {
    const file = way.host.dotQmail.read(recipient.directory, suffix);
    if (file !== undefined) return file;
  }
  return undefined;
}

function of(way: Way, file: DotQmailFile): Instructions {
  return { shown: way.host.layout.host(file.path), lines: file.lines, forwardOnly: file.forwardOnly };
}

/** The default delivery; undefined when it is not known what that is. */
function defaults(way: Way, recipient: LocalRecipient, file: DotQmailFile | undefined): Instructions | undefined {
  const { host, settings, explain } = way;
  const control = host.layout.control('defaultdelivery');
  const set = settings.defaultDelivery;
  const text = set === undefined ? readIfPresent(control) : Buffer.from(set, 'latin1');
  const empty = file === undefined ? `${recipient.hostDirectory}: no .qmail` : `${host.layout.host(file.path)}: empty`;
  if (text === undefined) {
    explain?.(
      `${empty}, so qmail-start's default delivery counts, which is not known: control/defaultdelivery can tell it`,
    );
    return undefined;
  }
  explain?.(`${empty}, so the default delivery counts`);
  const shown = set === undefined ? host.layout.host(control) : 'default delivery';
  return { shown, lines: parseDotQmail(text), forwardOnly: false };
}

function doLines(way: Way, recipient: LocalRecipient, { shown, lines, ...rest }: Instructions): Outcome {
  const loopLine = deliveredToLine(recipient.address).slice(0, -1);
  const outcomes: Outcome[] = [];
  let { forwardOnly } = rest;
  for (const line of lines) {
    if (line.kind === 'list') forwardOnly = true;
    if (line.kind !== 'comment' && line.kind !== 'blank') way.explain?.(`${shown}:${line.number}: ${line.text}`);
    const outcome = doLine(way, recipient, line, forwardOnly);
    if (outcome !== undefined) outcomes.push(outcome);
  }
  if (outcomes.length > 0) return combine(outcomes, { exact: [loopLine] });
  way.explain?.(`${shown}: nothing is to be done, so the message is thrown away`);
  return discard(`${shown} says nothing else`, { exact: [loopLine] });
}

/** What one line does; undefined for one that does nothing. */
function doLine(way: Way, recipient: LocalRecipient, line: DotQmailLine, forwardOnly: boolean): Outcome | undefined {
  const { hostDirectory } = recipient;
  switch (line.kind) {
    case 'blank-first-line':
      return defer('4.2.1', 'Uh-oh: first line of .qmail file is blank. (#4.2.1)', hostDirectory);
    case 'forward':
      way.onward?.({ kind: 'forward', address: line.address });
      return needsQueue('forward', 'a forward');
    case 'program':
      if (forwardOnly)
        return defer('4.7.0', 'Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)', hostDirectory);
      return doProgram(way, recipient, line.command);
    case 'mbox':
    case 'maildir':
      if (forwardOnly)
        return defer('4.7.0', 'Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)', hostDirectory);
      if (line.kind === 'maildir') return intoMaildir(way, recipient, line.path);
      way.onward?.({ kind: 'mbox', path: line.path, hostDirectory });
      return needsQueue('mbox', 'an mbox file');
    default:
      return undefined;
  }
}

function doProgram(way: Way, recipient: LocalRecipient, command: string): Outcome {
  const vdelivermail = parseVdelivermail(command);
  if (vdelivermail !== undefined) return resolveVdelivermail(way, recipient, vdelivermail.args[1]);
  const { hostDirectory, owner } = recipient;
  way.onward?.({ kind: 'program', command, uid: owner.uid, hostDirectory });
  return needsProgram(command);
}

function intoMaildir(way: Way, recipient: LocalRecipient, written: string): Outcome {
  const { layout } = way.host;
  const maildir = maildirPath(way, recipient.hostDirectory, written);
  way.met?.({ maildir });
  const problem = maildirProblem(maildir);
  if (problem === 'missing')
    return defer('4.2.1', 'Unable to chdir to maildir. (#4.2.1)', `${layout.host(maildir)} is no directory`);
  if (problem === 'broken')
    return defer('4.3.0', 'Temporary error on maildir delivery. (#4.3.0)', `${layout.host(maildir)} lacks tmp or new`);
  return deliverTo({ maildir, style: 'qmail-local', deliveredTo: recipient.address, owner: recipient.owner });
}
