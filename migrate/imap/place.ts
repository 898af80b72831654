// Which IMAP server, as whom: `imaps://joe@example.jp@old.example.jp`, `imap://joe@old.example.jp:1143`. The last @ ends the user's name, which may have percent escapes.
//
//   imaps   TLS from the first byte, port 993
//   imap    STARTTLS, port 143; without TLS only to this machine itself, or with `allowClear`

import { PermanentError } from '../../src/errors.js';

export interface ImapPlace {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** Latin-1, one character a byte. */
  readonly user: string;
}

const form = /^(imaps?):\/\/(.+)@(\[[0-9a-fA-F:.]+\]|[^@/:[\]]+)(?::([0-9]{1,5}))?\/?$/;

export function isImapPlace(text: string): boolean {
  return /^imaps?:\/\//.test(text);
}

/** @throws PermanentError */
export function parseImapPlace(text: string): ImapPlace {
  const [, scheme, user, host, port] = form.exec(text) ?? [];
  if (scheme === undefined || user === undefined || host === undefined)
    throw new PermanentError(
      '5.5.4',
      `${withoutPassword(text)}: should be imaps://USER@HOST or imap://USER@HOST, with :PORT if it is another one`,
    );
  const isTls = scheme === 'imaps';
  return {
    host: host.replace(/^\[|\]$/g, ''),
    port: port === undefined ? (isTls ? 993 : 143) : Number(port),
    isTls,
    user: decoded(user),
  };
}

/** The place without what it need not say; the same for all spellings of it. */
export function placeName({ host, port, isTls, user }: ImapPlace): string {
  return `${isTls ? 'imaps' : 'imap'}://${user}@${host.includes(':') ? `[${host}]` : host.toLowerCase()}:${port}`;
}

/** Whether a connection without TLS stays on this machine. */
export function isOwnMachine({ host }: ImapPlace): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host);
}

/** A Latin-1 string in the form in which imapflow takes it: it writes what it is given as UTF-8. */
export function asUtf8(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8');
}

function withoutPassword(text: string): string {
  return text.replace(/:\/\/([^:@/]*):[^@]*@/, '://$1@');
}

/** Percent escapes are of UTF-8; a name that has none is as it was typed. */
function decoded(user: string): string {
  if (!user.includes('%')) return user;
  try {
    return Buffer.from(decodeURIComponent(user), 'utf8').toString('latin1');
  } catch {
    return user;
  }
}
