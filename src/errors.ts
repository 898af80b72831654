// The error classes, by consequence. A class decides what a peer is told; a text that a stranger may read never holds a path.
//
//   class               mail                 POP3                command line
//   PermanentError      5xx, or bounce       -ERR                exit 100
//   TemporaryError      4xx, or try later    -ERR [SYS/TEMP]     exit 111
//   ConfigurationError  as temporary         as temporary        exit 111
//   CorruptFileError    as temporary         as temporary        exit 111
//
// Answers are not errors: "no such account" is undefined, "wrong password" is a value. Anything else thrown is a defect: it is logged
// with its stack at the edge of a session and treated as temporary.

/** The request can never succeed as it stands. `status` is an RFC 3463 code 5.x.x, `text` is fit for strangers. */
export class PermanentError extends Error {
  readonly status: string;
  constructor(status: string, text: string, cause?: unknown) {
    super(text, { cause });
    this.status = status;
  }
}

/** The request may succeed later. `status` is an RFC 3463 code 4.x.x, `text` is fit for strangers; what only the log may know goes into `cause`. */
export class TemporaryError extends Error {
  readonly status: string;
  constructor(status: string, text: string, cause?: unknown) {
    super(text, { cause });
    this.status = status;
  }
}

/** What an administrator wrote cannot be used. `path` and `line` (counted from 1) say where, `text` says what is wrong and what to do. */
export class ConfigurationError extends Error {
  readonly path: string;
  readonly line: number | undefined;
  constructor(path: string, line: number | undefined, text: string, cause?: unknown) {
    super(`${path}${line === undefined ? '' : `:${line}`}: ${text}`, { cause });
    this.path = path;
    this.line = line;
  }
}

/** A file of ours or of the original programs does not hold what its format says. It bounces no mail. `offset` counts bytes from 0. */
export class CorruptFileError extends Error {
  readonly path: string;
  readonly offset: number | undefined;
  constructor(path: string, offset: number | undefined, text: string) {
    super(`${path}${offset === undefined ? '' : ` at byte ${offset}`}: ${text}`);
    this.path = path;
    this.offset = offset;
  }
}

/** The errno name of a thrown system error, such as `ENOENT`; undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The errno names that qmail takes for temporary (formats/qmail.md 0.3). ENOENT, EACCES and EPERM are not among them. */
export const temporaryErrnos: ReadonlySet<string> = new Set(
  (
    'EINTR ENOMEM ETXTBSY EIO ETIMEDOUT EWOULDBLOCK EAGAIN EDEADLK EBUSY ENFILE EMFILE EFBIG ENOSPC ENETDOWN ENETUNREACH ENETRESET ' +
    'ECONNABORTED ECONNRESET ENOBUFS ETOOMANYREFS ECONNREFUSED EHOSTDOWN EHOSTUNREACH EPROCLIM EUSERS EDQUOT ESTALE ENOLCK'
  ).split(' '),
);

/**
 * The temporary failure that stands for trouble with a file of this host. Strangers read only `text`; the log gets the cause with its path.
 * @param text what a peer is told, without a path
 */
export function troubleWith(text: string, cause: unknown): TemporaryError {
  const code = errnoOf(cause);
  if (code === 'ENOSPC' || code === 'EDQUOT') return new TemporaryError('4.3.1', 'out of disk space', cause);
  return new TemporaryError('4.3.0', text, cause);
}

/** One line for the log: the message of an error with those of its causes. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}
