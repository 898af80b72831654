// What is told about messages that could not be delivered: the paragraphs in bounce/N of qmail's queue, and the notice that is made of them
// (formats/qmail.md 4.5 and 4.6, both as qmail-send.c writes them).
//
//   <ann@example.org>:                                           bounce/N, one paragraph for each recipient, as they fail
//   192.0.2.1 does not like recipient.
//   Remote host said: 550 no such user
//                                                                an empty line ends it; a report never holds one
//
//   sender      notice                    from       to
//   #@[]        none: triple bounce
//   empty       double bounce             #@[]       doublebounceto@doublebouncehost
//   other       single bounce             empty      the sender; of a list's owner-@host-@[] it is owner-@host
//
// A notice has neither a Message-ID nor MIME parts, and holds the whole message. qmail-queue puts its Received line on top.

import { quoteAddress, quoteLocalPart } from '../../mail/address.js';
import { qmailDate } from '../../mail/dates.js';
import { virtualDomainKeys } from '../controls/virtual-domains.js';

/** How this host signs its notices, and where double bounces go. */
export interface BounceIdentity {
  readonly bounceFrom: string;
  readonly bounceHost: string;
  readonly doubleBounceTo: string;
  readonly doubleBounceHost: string;
}

/** A notice that is to be sent. */
export interface Bounce {
  readonly kind: 'single' | 'double';
  /** Its envelope sender. */
  readonly sender: string;
  readonly recipient: string;
  /** Whom the copied message is from. */
  readonly returnPath: string;
}

const listSuffix = '-@[]';

/** Who gets the notice; undefined for a triple bounce: nobody. @param sender that of the info file */
export function bounceFor(sender: string, identity: BounceIdentity): Bounce | undefined {
  const original = sender.endsWith(listSuffix) ? sender.slice(0, -listSuffix.length) : sender;
  if (original === '#@[]') return undefined;
  if (original !== '') return { kind: 'single', sender: '', recipient: original, returnPath: original };
  const recipient = `${identity.doubleBounceTo}@${identity.doubleBounceHost}`;
  return { kind: 'double', sender: '#@[]', recipient, returnPath: '' };
}

/** The notice up to the paragraphs: its header and the first lines. */
export function bounceHead(bounce: Bounce, identity: BounceIdentity, unixSeconds: number): Buffer {
  return latin1(
    `Date: ${qmailDate(unixSeconds)}\n` +
      `From: ${quoteLocalPart(identity.bounceFrom)}@${identity.bounceHost}\n` +
      `To: ${quoteAddress(bounce.recipient)}\n` +
      `Subject: failure notice\n\n` +
      `Hi. This is the qmail-send program at ${identity.bounceHost}.\n${introductions[bounce.kind]}\n`,
  );
}

/** Between the paragraphs and the message. */
export function bounceMiddle(bounce: Bounce): Buffer {
  // Not as in a delivered message: a line feed stays what it is.
  const returnPath = `Return-Path: <${quoteAddress(bounce.returnPath)}>`;
  return latin1(`--- Below this line is ${copies[bounce.kind]}.\n\n${returnPath}\n`);
}

const introductions = {
  single:
    "I'm afraid I wasn't able to deliver your message to the following addresses.\n" +
    "This is a permanent error; I've given up. Sorry it didn't work out.\n",
  double: 'I tried to deliver a bounce message to this address, but the bounce bounced!\n',
};
const copies = { single: 'a copy of the message', double: 'the original bounce' };

/**
 * The paragraph of one recipient.
 * @param recipient of the recipient file, after rewriting
 * @param report the delivery's text
 */
export function bounceParagraph(
  recipient: string,
  report: string,
  virtualDomains: ReadonlyMap<string, string>,
): Buffer {
  const shown = withoutPrefix(recipient, virtualDomains).replaceAll('\n', '_');
  const ended = report === '' || report.endsWith('\n') ? report : `${report}\n`;
  // Each LF behind another one is shown as `/`, so that a report holds no empty line. As in qmail-send the last LF stays one.
  const text = `<${shown}>:\n${ended}`.slice(0, -1).replace(/\n+/g, (run) => `\n${'/'.repeat(run.length - 1)}`);
  return latin1(`${text}\n\n`);
}

/**
 * A recipient as its sender wrote it: without the prefix of its virtual domain. As in qmail-send only the entries of the domain are looked up, not those of the
 * single address.
 */
export function withoutPrefix(recipient: string, virtualDomains: ReadonlyMap<string, string>): string {
  if (!recipient.includes('@')) return recipient;
  for (const key of virtualDomainKeys(recipient).slice(1)) {
    const prefix = virtualDomains.get(key);
    if (prefix === undefined) continue;
    return prefix !== '' && recipient.startsWith(`${prefix}-`) ? recipient.slice(prefix.length + 1) : recipient;
  }
  return recipient;
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
