// What a local delivery is about: qmail-local's arguments, and the variables that its programs see (formats/qmail.md 6, 6.5).
//
//   qmail-local -- mailtest.example.jp /home/vpopmail/domains/mailtest.example.jp mailtest.example.jp-list-a - list-a mailtest.example.jp noel@example.gr.jp ./Maildir/
//                  user                home                                       local                      dash ext domain          sender             default
//
//   LOCAL    mailtest.example.jp-list-a       EXT   list-a      HOST   mailtest.example.jp
//                                             EXT2  a           HOST2  mailtest.example
//                                             EXT3  (empty)     HOST3  mailtest
//
// Everything is Latin-1. A line feed within an address is `_` in the lines that are written into messages.

import { fromLine } from '../../formats/maildir/mbox.js';
import { deliveredToLine, returnPathLine } from '../../mail/address.js';

export interface LocalArguments {
  readonly user: string;
  /** Host path. */
  readonly home: string;
  readonly local: string;
  readonly dash: string;
  readonly extension: string;
  readonly domain: string;
  readonly sender: string;
  /** What an empty or missing .qmail means: lines as in a .qmail file. */
  readonly defaultDelivery: string;
}

/** The address as it stands in Delivered-To: after rewriting, with the prefix of a virtual domain. */
export function addressOf({ local, domain }: LocalArguments): string {
  return `${local}@${domain}`;
}

/** The lines that a delivery writes above a message, each ended by LF. */
export interface DeliveryLines {
  readonly from: string;
  readonly returnPath: string;
  readonly deliveredTo: string;
}

export function deliveryLines(about: LocalArguments, unixSeconds: number): DeliveryLines {
  return {
    from: fromLine(about.sender, unixSeconds),
    returnPath: returnPathLine(about.sender),
    deliveredTo: deliveredToLine(addressOf(about)),
  };
}

/**
 * The variables that a program line sees besides those that are inherited.
 * @param found DEFAULT: what `default` in the file's name stands for; undefined: it is not set
 */
export function programVariables(
  about: LocalArguments,
  lines: DeliveryLines,
  found: { readonly newSender: string; readonly default: string | undefined },
): Record<string, string> {
  const { user, home, local, extension, domain, sender } = about;
  const [host2, host3, host4] = [withoutLastLabel(domain, 1), withoutLastLabel(domain, 2), withoutLastLabel(domain, 3)];
  return {
    SENDER: sender,
    NEWSENDER: found.newSender,
    RECIPIENT: addressOf(about),
    USER: user,
    HOME: home,
    LOCAL: local,
    HOST: domain,
    HOST2: host2,
    HOST3: host3,
    HOST4: host4,
    EXT: extension,
    EXT2: behindDashes(extension, 1),
    EXT3: behindDashes(extension, 2),
    EXT4: behindDashes(extension, 3),
    DTLINE: lines.deliveredTo,
    RPLINE: lines.returnPath,
    UFLINE: lines.from,
    ...(found.default !== undefined && { DEFAULT: found.default }),
  };
}

/** What stands before the last dot, the last but one, ...; where there is no dot left, nothing is cut. */
function withoutLastLabel(domain: string, times: number): string {
  let rest = domain;
  for (let cut = 0; cut < times; cut++) {
    const dot = rest.lastIndexOf('.');
    if (dot >= 0) rest = rest.slice(0, dot);
  }
  return rest;
}

/** What follows the first dash, the second, ...; empty where there are not so many. */
function behindDashes(extension: string, dashes: number): string {
  return extension.split('-').slice(dashes).join('-');
}
