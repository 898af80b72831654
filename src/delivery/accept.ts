// A message from the moment DATA is answered until its acknowledgement.

import type { Resolution } from './resolution/resolution.js';

export type { Leads, Outcome, Owner, Refusal, Resolution } from './resolution/resolution.js';

/** What is known about the message when its recipients are asked for. */
export interface ResolveOptions {
  /** The SIZE parameter of MAIL, in bytes: lets a mailbox that this message would fill up be refused at RCPT. */
  readonly declaredSizeBytes?: number;
  /** The recipient is an address of the local channel: one that has been rewritten already. */
  readonly isRewritten?: boolean;
  /** Whom the way passes is wanted too; quotas are not looked at then. */
  readonly withLeads?: boolean;
}

export interface Envelope {
  /** Envelope sender as Latin-1 text without brackets; empty for the null sender. */
  readonly sender: string;
  /** Resolutions of kind `deliver` and `discard`; of kind `queue` too where the delivery has a queue. */
  readonly recipients: readonly Resolution[];
  /** What goes between Delivered-To and the message: qmail-queue's and qmail-smtpd's Received lines, each ended by LF. */
  readonly receivedLines: string;
  /** What the queue has to know besides, where something may go there. */
  readonly submission?: Submission;
}

/** How a message is handed to the queue. */
export interface Submission {
  /** Whom the queue's Received line names. */
  readonly invokedBy: 'network' | { readonly uid: number };
  /** The number in that line, as it stands in `receivedLines`. */
  readonly number: number;
  /** The server's own Received line, ended by LF: the queue writes the other one itself. */
  readonly serverLine: string;
  /** The program that takes the place of qmail-queue (QMAILQUEUE), such as a scanner: the whole message goes through it. */
  readonly program?: { readonly path: string; readonly environment: Readonly<Record<string, string>> };
}

/** Where a server hands messages in. */
export interface Delivery {
  /**
   * Answers what would become of a message for this recipient. Never throws for trouble with the host's files: that is an outcome `defer`.
   * @param recipient the address as it came in RCPT (Latin-1), after qmail-smtpd's own parsing
   */
  resolve(recipient: string, options?: ResolveOptions): Resolution | Promise<Resolution>;
  accept(envelope: Envelope): IncomingMessage;
  /** Whether what needs the queue can be handed to one. Without this it cannot. */
  hasQueue?(): boolean;
}

/** One message that is coming in. `commit` or `abort` ends it. */
export interface IncomingMessage {
  /**
   * Takes the next bytes as they are to be stored: LF line ends, dots removed. The chunk belongs to the message from here on.
   * When a promise is returned, wait for it before the next chunk. An error of an earlier write is thrown by `commit`.
   */
  write(chunk: Buffer): void | Promise<void>;
  /**
   * Does everything that can fail and shows nothing yet: loops and quotas are checked, the message lies written and synced in the tmp/ of every Maildir.
   * Optional: `commit` does it otherwise. For who commits one message in several processes.
   * @throws as `commit`; the message is over then, and nothing is left of it
   */
  prepare(): Promise<void>;
  /**
   * Resolves when the message is durable in every Maildir.
   * @throws PermanentError or TemporaryError: then it is in none of them (after a failure in the middle of the moves to new/ a copy may remain;
   *   the error is temporary then, so that the worst is a duplicate)
   */
  commit(): Promise<void>;
  /** Forgets the message and removes what was written so far. */
  abort(): Promise<void>;
  /** After `commit`: the queue's number for what went there; undefined when nothing did. */
  readonly queuedAs?: number | undefined;
}
