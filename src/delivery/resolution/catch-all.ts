// Mail for a user that a vpopmail domain does not have: the second argument of vdelivermail in .qmail-default (formats/vpopmail.md 4.8).
//
//   bounce-no-mailbox      refused with the text of .no-user.msg (the domain's, else the host's), else with qmail's words
//   delete                 taken and thrown away
//   /a/directory[/]        its .qmail is obeyed, else its Maildir gets it; Delivered-To keeps the address that was asked for
//   address, &address      forwarded there
//   |program, ./dir/       as a line of an account's .qmail
//
// Not copied: a forward to an address of this host that ends in Maildirs of the same owner is delivered there at once. The message gets the trace lines that the way
// through the queue leaves (`invoked by uid 6020`, Delivered-To); qmail-inject would also add a missing Date and Message-ID. Catch-alls that lead
// in a circle are refused at once, where the original forwards until the loop shows.

import { accountInstruction } from '../../formats/dot-qmail/account-dot-qmail.js';
import { accountFiles } from '../../layout.js';
import { doAccountLine, followAccountFile, intoMaildir, type VpopmailRecipient } from './account-lines.js';
import { withoutFinalSlash } from './assignment.js';
import { discard, needsQueue, refuse, replyText } from './outcomes.js';
import type { Outcome } from './resolution.js';
import type { Way } from './way.js';

/** What becomes of mail for an unknown user. @throws TemporaryError or CorruptFileError for trouble with a file */
export function unknownUser(way: Way, recipient: VpopmailRecipient, argument: string): Outcome {
  const { vpopmailDomain, ext, domain, loopLine } = recipient;
  way.explain?.(
    vpopmailDomain === undefined
      ? `${way.host.layout.host(way.host.layout.usersCdb)}: has no vpopmail domain ${domain}`
      : `${vpopmailDomain.hostDirectory}/vpasswd.cdb: no account for ${ext}, so ${argument} counts`,
  );
  if (argument === 'delete') return discard('.qmail-default says delete', { anyCase: [loopLine] });
  if (argument === 'bounce-no-mailbox') {
    const text = replyText(vpopmailDomain?.text('.no-user.msg'), '5.1.1');
    return refuse(550, '5.1.1', text ?? 'sorry, no mailbox here by that name. (#5.1.1)');
  }
  if (argument.startsWith('/')) return intoDirectory(way, recipient, argument);
  const line = accountInstruction(argument);
  if (line.kind === 'forward') return forward(way, recipient, line.address);
  return doAccountLine(way, recipient, recipient.hostDirectory, line);
}

function intoDirectory(way: Way, recipient: VpopmailRecipient, argument: string): Outcome {
  const hostDirectory = withoutFinalSlash(argument);
  const directory = way.host.layout.disk(hostDirectory);
  way.met?.({ maildir: accountFiles.maildir(directory) });
  const instructed = followAccountFile(way, recipient, { directory, hostDirectory });
  if (instructed !== undefined) return instructed;
  return intoMaildir(way, recipient, accountFiles.maildir(directory), {
    deliveredTo: recipient.shown,
    quota: { from: 'maildirsize' },
  });
}

/** An address that a reader of .qmail files cannot mistake for anything else. */
const plainAddress = /^[^\s<>()",;:@]+@[^\s<>()",;:@]+$/;

function forward(way: Way, recipient: VpopmailRecipient, address: string): Outcome {
  if (!plainAddress.test(address)) {
    way.onward?.({ kind: 'forward', address });
    return needsQueue('forward', 'a forward');
  }
  way.met?.({ address });
  const there = way.follow(address, recipient.shown).outcome;
  if (there.kind !== 'deliver' && there.kind !== 'discard') return there;
  const loopLines = {
    exact: there.loopLines.exact,
    anyCase: [...there.loopLines.anyCase, recipient.loopLine, `Delivered-To: ${address}`],
  };
  if (there.kind === 'discard') return { ...there, loopLines };
  // Another owner's mailbox is another process's to write.
  if (there.maildirs.some((target) => target.owner.uid !== recipient.owner.uid)) {
    way.onward?.({ kind: 'forward', address });
    return needsQueue('forward', 'a forward');
  }
  const trace = { uid: recipient.owner.uid, deliveredTo: tracedAddress(recipient) };
  const maildirs = there.maildirs.map((target) => ({ ...target, forwards: [...(target.forwards ?? []), trace] }));
  return { ...there, maildirs, loopLines };
}

/**
 * The address in the Delivered-To line of a forwarded message: the rewritten one without as many bytes in front as `@domain` has, which drops the prefix of
 * a domain that is its own prefix.
 */
function tracedAddress({ address, shown }: VpopmailRecipient): string {
  const traced = address.slice(address.length - address.indexOf('@'));
  return traced.startsWith('@') || traced === '' ? shown : traced;
}
