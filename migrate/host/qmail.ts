// Which qmail this is and how it was patched, by the traces that patches leave: files in control/, words in the programs, the shape of the queue (formats/qmail.md 1.6, 3.11).

import path from 'node:path';
import type { Looker, Part, Support } from './part.js';

interface Trace {
  readonly name: string;
  /** Files below qmail's home that show it, any of them. */
  readonly files?: readonly string[];
  /** A word in one of its programs that shows it. */
  readonly word?: readonly [program: string, word: string];
  readonly support: Support;
  readonly text: string;
}

const unread = 'vqmail does not read it yet: what it asks for is not done';

const traces: readonly Trace[] = [
  {
    name: 's/qmail',
    files: ['users/assign.cdb', 'bin/qmail-smtpam'],
    support: 'missing',
    text: 'another file layout; vqmail reads users/cdb, not users/assign.cdb',
  },
  {
    name: 'notqmail',
    files: ['doc/RELEASENOTES', 'doc/INSTALL-notqmail.md'],
    support: 'served',
    text: 'the same files as qmail 1.03',
  },
  { name: 'netqmail', word: ['qmail-queue', 'netqmail'], support: 'served', text: 'the same files as qmail 1.03' },
  {
    name: 'qmailqueue patch',
    word: ['qmail-smtpd', 'QMAILQUEUE'],
    support: 'served',
    text: 'a QMAILQUEUE program (virus and spam scanners) that smtp.cdb sets gets the mail; one that a run script sets belongs into smtp.cdb',
  },
  {
    name: 'TLS patch',
    files: ['control/servercert.pem'],
    word: ['qmail-smtpd', 'STARTTLS'],
    support: 'served',
    text: 'STARTTLS with the same certificate and control/tlsserverciphers',
  },
  {
    name: 'TLS client certificate',
    files: ['control/clientcert.pem'],
    support: 'served',
    text: 'shown to servers that ask for one',
  },
  {
    name: 'TLS hosts',
    files: ['control/tlshosts', 'control/notlshosts'],
    support: 'served',
    text: 'as qmail-remote does it',
  },
  {
    name: 'relay by client certificate',
    files: ['control/tlsclients'],
    support: 'served',
    text: 'with control/clientca.pem, as the TLS patch has it',
  },
  {
    name: 'SMTP AUTH patch',
    word: ['qmail-smtpd', 'AUTH LOGIN'],
    support: 'served',
    text: 'AUTH against the vpopmail accounts, whatever checker the run script names',
  },
  {
    name: 'senders with a relay of their own',
    files: ['control/authsenders'],
    support: 'served',
    text: 'read for each delivery, as the patch has it',
  },
  {
    name: 'SPF patch',
    files: ['control/spfbehavior', 'control/spfrules'],
    word: ['qmail-smtpd', 'SPFBEHAVIOR'],
    support: 'missing',
    text: unread,
  },
  {
    name: 'DKIM patch',
    files: ['control/dkimkeys', 'control/domainkeys', 'bin/qmail-dkim'],
    support: 'missing',
    text: 'mail that vqmail takes is neither signed nor verified',
  },
  { name: 'qmail-spp plugins', files: ['control/smtpplugins'], support: 'missing', text: unread },
  {
    name: 'rcptcheck',
    files: ['control/rcptchecks'],
    word: ['qmail-smtpd', 'RCPTCHECK'],
    support: 'unneeded',
    text: 'unknown recipients are refused at RCPT without it; other checks of that program are not made',
  },
  {
    name: 'chkuser patch',
    word: ['qmail-smtpd', 'chkuser'],
    support: 'unneeded',
    text: 'unknown recipients are refused at RCPT without it',
  },
  {
    name: 'validrcptto',
    files: ['control/validrcptto', 'control/validrcptto.cdb', 'control/morevalidrcptto.cdb'],
    support: 'unneeded',
    text: 'the accounts themselves are asked; nobody has to keep the list',
  },
  { name: 'badrcptto', files: ['control/badrcptto', 'control/badrcpttonorelay'], support: 'missing', text: unread },
  { name: 'badhelo', files: ['control/badhelo', 'control/badhelonorelay'], support: 'missing', text: unread },
  {
    name: 'regular expressions in badmailfrom',
    files: ['control/badmailfromnorelay'],
    support: 'missing',
    text: 'vqmail takes the lines of badmailfrom for addresses and @domains',
  },
  { name: 'tarpit', files: ['control/tarpitcount', 'control/tarpitdelay'], support: 'missing', text: unread },
  { name: 'greetdelay', files: ['control/greetdelay'], support: 'missing', text: unread },
  { name: 'DNS lists in qmail-smtpd', files: ['control/dnsbllist'], support: 'missing', text: unread },
  { name: 'maxrcpt', files: ['control/maxrcpt'], support: 'missing', text: unread },
  {
    name: 'outgoing address',
    files: ['control/outgoingip'],
    support: 'served',
    text: 'the address that mail is sent from, as the patch has it; outgoingip6 besides',
  },
  { name: 'outgoing address by domain', files: ['control/domainbindings'], support: 'missing', text: unread },
  { name: 'big-todo', files: ['queue/todo/0'], support: 'served', text: 'the queue is worked on in this shape' },
  {
    name: 'ext-todo',
    files: ['bin/qmail-todo'],
    support: 'served',
    text: 'the same files; vqmail does what qmail-todo does',
  },
  {
    name: 'queue hosts (QMQP)',
    files: ['control/qmqpservers'],
    support: 'served',
    text: 'mail is handed to them as qmail-qmqpc does',
  },
  {
    name: 'simscan',
    files: ['bin/simscan'],
    support: 'missing',
    text: 'scanning within the SMTP session is not done; filter in .qmail or in a Postfix in front',
  },
  {
    name: 'qmail-scanner',
    files: ['bin/qmail-scanner-queue.pl'],
    support: 'missing',
    text: 'scanning within the SMTP session is not done; filter in .qmail or in a Postfix in front',
  },
  { name: 'qmail-ldap', files: ['control/ldapserver'], support: 'missing', text: 'accounts in LDAP are not looked at' },
];

/** What is known of the host's qmail. */
export function qmailParts(looker: Looker): Part[] {
  const { layout } = looker;
  const programs = new Map<string, string | undefined>();
  const programText = (name: string): string | undefined => {
    const file = layout.qmailProgram(`bin/${name}`);
    if (!programs.has(name)) programs.set(name, looker.text(file));
    return programs.get(name);
  };
  const parts: Part[] = [];
  const send = layout.qmailProgram('bin/qmail-send');
  if (looker.status(send)?.isFile())
    parts.push({
      area: 'qmail',
      name: 'qmail',
      path: layout.host(send),
      support: 'served',
      text: 'beside it (--queue beside) or instead of it (--queue instead), on the same queue',
    });
  else if (looker.status(layout.controlDirectory)?.isDirectory())
    parts.push({
      area: 'qmail',
      name: 'qmail (files only)',
      path: layout.host(layout.controlDirectory),
      support: 'served',
      text: 'the control files are served; there are no programs, so vqmail takes the queue (--queue instead)',
    });
  for (const { name, files = [], word, support, text } of traces) {
    const file = files.map((each) => path.join(layout.qmail, each)).find((each) => looker.status(each) !== undefined);
    const [program = '', needle = ''] = word ?? [];
    const seen =
      file ??
      (needle !== '' && programText(program)?.includes(needle) ? layout.qmailProgram(`bin/${program}`) : undefined);
    if (seen !== undefined) parts.push({ area: 'qmail', name, path: layout.host(seen), support, text });
  }
  return parts;
}
