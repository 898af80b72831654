// What an error of imapflow means for the work: the server wants us to wait, the connection is gone, or it is a refusal.
//
//   NO [THROTTLED], [UNAVAILABLE], [INUSE]           wait (RFC 5530; Gmail)
//   NO, BYE with words such as "try again later"     wait
//   BYE instead of a greeting                        wait: the server is there (RFC 9051 7.1.5)
//   NO [LIMIT], [OVERQUOTA] to a look                wait: a rate is limited (Yahoo, Gmail)
//                           to a change              refused: [OVERQUOTA] is a full account, [LIMIT] something too large or too many
//   any other NO or BAD                              refused

import { PermanentError, TemporaryError } from '../../src/errors.js';
import { MailboxRefusal } from '../../src/stores/mailboxes/refusal.js';

interface ImapError {
  readonly code?: unknown;
  readonly responseStatus?: unknown;
  readonly responseText?: unknown;
  /** What the server said in its BYE. */
  readonly reason?: unknown;
  readonly serverResponseCode?: unknown;
  readonly response?: unknown;
  readonly authenticationFailed?: unknown;
  readonly tlsFailed?: unknown;
  readonly message: string;
}

const busyCodes = ['THROTTLED', 'INUSE', 'UNAVAILABLE'];
const busyWords =
  /try (again|later)|retry later|throttl|too many (simultaneous )?(connections|requests|commands|logins)|rate limit|bandwidth limit|temporar(y|ily)|slow down|shutting down/i;
const limitCodes = ['LIMIT', 'OVERQUOTA'];
/** Of imapflow itself, which knows the limit before it sends. */
const tooBig = 'APPENDLIMIT';
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

/** Of Node's TLS. */
const certificateCodes = /CERT|_SIGNATURE|ERR_TLS_/;

/** What was asked for: something that is there, or that something becomes otherwise. */
export type Act = 'look' | 'change';

/** Whether the server asks for patience: nothing was done, and the same may be asked again after a pause. */
export function isBusy(error: unknown, act: Act): boolean {
  const { code, reason } = facts(error);
  if (code === 'ETHROTTLE' || (isAfterConnecting(code) && reason !== undefined)) return true;
  const answered = responseCode(error);
  if (busyCodes.includes(answered) || (act === 'look' && limitCodes.includes(answered))) return true;
  return isAnswered(error) && busyWords.test(words(error));
}

/** Whether the connection is gone, so that it is not known what became of the last command. */
export function isLost(error: unknown): boolean {
  return lostCodes.includes(String(facts(error).code));
}

/** As the library's for a connection that is gone. */
export function lostError(): Error {
  return Object.assign(new Error('connection lost'), { code: 'NoConnection' });
}

/** Whether the server itself has ended the session and gives a reason that is none for waiting, as Dovecot does over a message that it cannot read. */
export function isEndedOver(error: unknown): boolean {
  return isLost(error) && facts(error).reason !== undefined && !isBusy(error, 'look');
}

/** What is to be done when there is no safe connection; undefined: that was not the trouble. */
export function tlsProblem(error: unknown): string | undefined {
  const { code, tlsFailed, message } = facts(error);
  if (typeof code === 'string' && certificateCodes.test(code))
    return `its certificate cannot be believed (${message}); --any-certificate goes on all the same`;
  return tlsFailed === true ? `${message}; --clear sends the password without TLS` : undefined;
}

/** What is told and done about an error that stays: a refusal (PermanentError) or trouble (TemporaryError). */
export function lastingError(error: unknown, server: string, act: Act): Error {
  if (error instanceof PermanentError || error instanceof TemporaryError) return error;
  const code = responseCode(error) === '' ? '' : `[${responseCode(error)}] `;
  const text = `${code}${words(error)}`.replace(/[\x00-\x1f\x7f]+/g, ' ');
  if (facts(error).authenticationFailed === true)
    return new TemporaryError('4.7.8', `${server}: the login was refused: ${text}`);
  const isRefusal = isAnswered(error) && !isLost(error) && !isBusy(error, act);
  if (isRefusal && responseCode(error) === 'OVERQUOTA') return new MailboxRefusal('OVERQUOTA', `${server}: ${text}`);
  if (isRefusal || responseCode(error) === tooBig) return new PermanentError('5.0.0', `${server}: ${text}`);
  return new TemporaryError('4.4.2', `${server}: ${text}`);
}

function responseCode(error: unknown): string {
  const { serverResponseCode, response } = facts(error);
  // Of FETCH the library gives the answer as it has read it.
  const code = serverResponseCode ?? (response as ReadAnswer | undefined)?.attributes?.[0]?.section?.[0]?.value;
  return typeof code === 'string' ? code.toUpperCase() : '';
}

interface ReadAnswer {
  readonly attributes?: readonly { readonly section?: readonly { readonly value?: unknown }[] }[];
}

/** What the server has said, or else what the library says. */
function words(error: unknown): string {
  const { responseText, reason, message } = facts(error);
  return String(responseText ?? reason ?? message);
}

function isAnswered(error: unknown): boolean {
  const { responseStatus, reason } = facts(error);
  return responseStatus === 'NO' || responseStatus === 'BAD' || reason !== undefined;
}

function isAfterConnecting(code: unknown): boolean {
  return code === 'ClosedAfterConnectText' || code === 'ClosedAfterConnectTLS';
}

function facts(error: unknown): ImapError {
  return error instanceof Error ? (error as Error & ImapError) : { message: String(error) };
}
