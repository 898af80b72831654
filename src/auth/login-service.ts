// The kinds of logins as vchkpw tells them apart (formats/vpopmail.md 8.2): by the port that the client came to, which here is the listener's protocol.
//
//   service                      kind       closed by     log name
//   pop3, pop3s                  pop        NO_POP        vchkpw-pop3, vchkpw-pop3s
//   imap, imaps                  imap       NO_IMAP       vchkpw-imap, vchkpw-imaps
//   smtp, smtps, submission      smtp       NO_SMTP       vchkpw-smtp, vchkpw-smtps, vchkpw-submission
//   POP3 or IMAP from 127.0.0.1  webmail    NO_WEBMAIL    vchkpw-webmail       (the webmail program on the host itself)

import { type AccountFlag, hasFlag } from '../formats/vpopmail/vpasswd-flags.js';

export type LoginService = 'pop3' | 'pop3s' | 'imap' | 'imaps' | 'smtp' | 'smtps' | 'submission';

export type LoginKind = 'pop' | 'imap' | 'smtp' | 'webmail';

const kinds: Readonly<Record<LoginService, LoginKind>> = {
  pop3: 'pop',
  pop3s: 'pop',
  imap: 'imap',
  imaps: 'imap',
  smtp: 'smtp',
  smtps: 'smtp',
  submission: 'smtp',
};

const closedBy: Readonly<Record<LoginKind, AccountFlag>> = {
  pop: 'NO_POP',
  imap: 'NO_IMAP',
  smtp: 'NO_SMTP',
  webmail: 'NO_WEBMAIL',
};

/** @param remoteIp the client's address in ucspi-tcp's form */
export function loginKind(service: LoginService, remoteIp: string): LoginKind {
  const kind = kinds[service];
  return kind !== 'smtp' && remoteIp === '127.0.0.1' ? 'webmail' : kind;
}

/** The word before the colon of vchkpw's log lines. */
export function loginLogName(service: LoginService, remoteIp: string): string {
  return loginKind(service, remoteIp) === 'webmail' ? 'vchkpw-webmail' : `vchkpw-${service}`;
}

/** Whether an account's flag word (with the domain's limits) shuts it out. */
export function isClosedTo(kind: LoginKind, flags: number): boolean {
  return hasFlag(flags, closedBy[kind]);
}
