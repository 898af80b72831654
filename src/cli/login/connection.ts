// Who is logging in, by what vchkpw's caller says in the environment (formats/vpopmail.md 8.2): the service by the port that the client came to, else by the program that is to
// be run; the client by TCPREMOTEIP, else REMOTE_HOST.
//
//   TCPLOCALPORT          service                                          log name
//   25 465 587            SMTP                                             vchkpw-smtp, -smtps, -submission
//   110 995               POP3                                             vchkpw-pop3, -pop3s
//   143 993               IMAP                                             vchkpw-imap, -imaps
//   another, or none      SMTP for a program with `true` in its name,      vchkpw-PORT
//                         IMAP for one with `imap`, else POP3

import { type LoginService, loginKind } from '../../auth/login-service.js';
import { ucspiAddress } from '../../formats/ucspi-address.js';

const services: Readonly<Record<number, LoginService>> = {
  25: 'smtp',
  465: 'smtps',
  587: 'submission',
  110: 'pop3',
  995: 'pop3s',
  143: 'imap',
  993: 'imaps',
};

export interface LoginConnection {
  readonly service: LoginService;
  /** The word before the colon of log lines. */
  readonly logName: string;
  /** The client's address as ucspi-tcp writes it; '' when it is not known. */
  readonly remoteIp: string;
  readonly localIp: string | undefined;
}

/** @param program the name of the program that is to be run */
export function connectionOf(env: Readonly<Record<string, string | undefined>>, program = ''): LoginConnection {
  const remoteIp = ucspiAddress(env.TCPREMOTEIP ?? env.REMOTE_HOST ?? '');
  const port = Number(/^[0-9]{1,9}/.exec(env.TCPLOCALPORT ?? '')?.[0] ?? 0);
  const named = services[port];
  const service = named ?? (program.includes('true') ? 'smtp' : program.includes('imap') ? 'imap' : 'pop3');
  const isWebmail = loginKind(service, remoteIp) === 'webmail';
  const logName = isWebmail ? 'vchkpw-webmail' : `vchkpw-${named ?? port}`;
  return { service, logName, remoteIp, localIp: env.TCPLOCALIP };
}
