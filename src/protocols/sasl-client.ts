// The client's side of SMTP AUTH (RFC 4954): PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195).
//
//   PLAIN      C: AUTH PLAIN base64(NUL user NUL password)
//   LOGIN      C: AUTH LOGIN    S: 334 ...    C: base64(user)    S: 334 ...    C: base64(password)
//   CRAM-MD5   C: AUTH CRAM-MD5    S: 334 base64(challenge)    C: base64(user SP hex(hmac-md5(password, challenge)))
//
// Users and passwords are Latin-1 strings, one character a byte.

import { createHmac } from 'node:crypto';

export type SaslMechanism = 'PLAIN' | 'LOGIN' | 'CRAM-MD5';

/** One exchange: the command, and what is answered to each 334 behind it, in order. */
export interface SaslExchange {
  readonly command: string;
  /** `challenge` is the text behind the code. */
  readonly answers: readonly ((challenge: string) => string)[];
}

/**
 * The mechanism to be used; undefined when the server offers none of ours.
 * @param offered the parameters of the AUTH keyword
 * @param isEncrypted without TLS the one that does not send the password comes first
 */
export function chooseMechanism(offered: string, isEncrypted: boolean): SaslMechanism | undefined {
  const names = offered.toUpperCase().split(/\s+/);
  const order: readonly SaslMechanism[] = isEncrypted ? ['PLAIN', 'LOGIN', 'CRAM-MD5'] : ['CRAM-MD5', 'PLAIN', 'LOGIN'];
  return order.find((mechanism) => names.includes(mechanism));
}

export function saslExchange(mechanism: SaslMechanism, user: string, password: string): SaslExchange {
  if (mechanism === 'PLAIN') return { command: `AUTH PLAIN ${base64(`\0${user}\0${password}`)}`, answers: [] };
  if (mechanism === 'LOGIN') return { command: 'AUTH LOGIN', answers: [() => base64(user), () => base64(password)] };
  const digest = (challenge: string): string =>
    createHmac('md5', Buffer.from(password, 'latin1')).update(Buffer.from(challenge, 'base64')).digest('hex');
  return { command: 'AUTH CRAM-MD5', answers: [(challenge) => base64(`${user} ${digest(challenge)}`)] };
}

function base64(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64');
}
