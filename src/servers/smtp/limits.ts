// How much one client may ask of the SMTP server. qmail-smtpd has no limit but timeoutsmtpd. These are set so that no real sender meets them, and can be set
// otherwise by whoever starts the server. How many sessions there may be at one moment is counted before they get here (net/connection-limits.ts).

export interface SmtpLimits {
  readonly recipientsPerMessage: number;
  /** Commands answered with 4xx or 5xx since the last accepted message. */
  readonly refusedCommands: number;
  /** Commands since the last accepted message that brought none nearer: everything but an accepted RCPT. */
  readonly idleCommands: number;
  readonly commandLineBytes: number;
  /** The least that a client must send of a message in each stretch of dataWindowMs. */
  readonly dataWindowBytes: number;
  readonly dataWindowMs: number;
  readonly sessionMs: number;
  /** The time in which `drain` is over: transactions that are open after four fifths of it are ended. */
  readonly drainMs: number;
}

export const defaultLimits: SmtpLimits = {
  recipientsPerMessage: 1000,
  refusedCommands: 100,
  idleCommands: 1000,
  commandLineBytes: 64 * 1024,
  dataWindowBytes: 1000,
  dataWindowMs: 60 * 1000,
  sessionMs: 4 * 60 * 60 * 1000,
  drainMs: 30 * 1000,
};
