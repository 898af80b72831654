// What an error of imapflow means for the work: the server wants us to wait, the connection is gone, or it is a refusal.

import { PermanentError, TemporaryError } from '../../src/errors.js';

interface ImapError {
  readonly code?: unknown;
  readonly responseStatus?: unknown;
  readonly responseText?: unknown;
  readonly serverResponseCode?: unknown;
  readonly authenticationFailed?: unknown;
  readonly message: string;
}

const busyCodes = ['THROTTLED', 'LIMIT', 'INUSE', 'UNAVAILABLE', 'SERVERBUG', 'CONTACTADMIN'];
const busyWords =
  /try (again|later)|retry later|throttl|too many (simultaneous )?(connections|requests|commands|logins)|rate limit|temporar(y|ily)|slow down/i;
const lostCodes = [
  'NoConnection',
  'EConnectionClosed',
  'StateLogout',
  'ClosedAfterConnectText',
  'ClosedAfterConnectTLS',
  'CONNECT_TIMEOUT',
  'GREETING_TIMEOUT',
  'UPGRADE_TIMEOUT',
  'ETIMEOUT',
  'ETIMEDOUT',
  'ECONNRESET',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'EPIPE',
];

/** Whether the server asks for patience: nothing was done, and the same may be asked again after a pause. */
export function isBusy(error: unknown): boolean {
  const { code, responseStatus, responseText, serverResponseCode, message } = facts(error);
  if (code === 'ETHROTTLE' || busyCodes.includes(String(serverResponseCode).toUpperCase())) return true;
  const isRefusal = responseStatus === 'NO' || responseStatus === 'BAD' || responseStatus === 'BYE';
  return isRefusal && busyWords.test(String(responseText ?? message));
}

/** Whether the connection is gone, so that it is not known what became of the last command. */
export function isLost(error: unknown): boolean {
  return lostCodes.includes(String(facts(error).code));
}

/** What is told and done about an error that stays: a refusal (PermanentError) or trouble (TemporaryError). */
export function lastingError(error: unknown, server: string): Error {
  if (error instanceof PermanentError || error instanceof TemporaryError) return error;
  const { responseStatus, responseText, serverResponseCode, authenticationFailed, message } = facts(error);
  const code = typeof serverResponseCode === 'string' ? `[${serverResponseCode}] ` : '';
  const text = `${code}${String(responseText ?? message)}`.replace(/[\x00-\x1f\x7f]+/g, ' ');
  if (authenticationFailed === true) return new TemporaryError('4.7.8', `${server}: the login was refused: ${text}`);
  const isRefusal = (responseStatus === 'NO' || responseStatus === 'BAD') && !isBusy(error);
  if (isRefusal) return new PermanentError('5.0.0', `${server}: ${text}`, error);
  return new TemporaryError('4.4.2', `${server}: ${text}`, error);
}

function facts(error: unknown): ImapError {
  return error instanceof Error ? (error as Error & ImapError) : { message: String(error) };
}
