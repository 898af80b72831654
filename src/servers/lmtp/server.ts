// The LMTP server (RFC 2033): the last step of a mail server in front, which keeps the queue. Postfix's `virtual_transport = lmtp:unix:...`, Exim's lmtp transport, fetchmail --lmtp.
//
//   S: 220 mail.example.jp LMTP             C: LHLO front.example.jp
//   S: 250 ...                              C: MAIL FROM:<s@x.test>    RCPT TO:<joe@example.jp>    RCPT TO:<full@example.jp>    DATA
//   S: 354 go ahead                         C: ...CRLF.CRLF
//   S: 250 2.0.0 <joe@example.jp> ok qp 4711
//   S: 552 5.2.2 <full@example.jp> ...
//
// It is the SMTP server in another flavour: LHLO in the place of HELO and EHLO, and after the end of a message one answer for each recipient that RCPT took, in order, duplicates included. So each
// recipient's message is kept by itself, and one without room does not keep the others from theirs. Recipients whose way leads through the queue (forwards, programs, lists) are one message there and
// have one answer in common. What is not for this host is refused, whoever sends it: the front end has asked nobody whether it may relay through here.

import { createSmtpServer, type SmtpContext, type SmtpServer } from '../smtp/server.js';

export type LmtpContext = Omit<SmtpContext, 'flavour'>;
export type LmtpServer = SmtpServer;

export function createLmtpServer(context: LmtpContext): LmtpServer {
  return createSmtpServer({ ...context, flavour: 'lmtp' });
}
