// What becomes of one attempt to deliver a queued message: qmail's report letters K, Z, D with their text (formats/qmail.md 4.5, 5.4, 7.6). Local and
// remote deliveries give these; the queue logs them, marks recipients done and writes bounces.

/** A text is Latin-1, lines end in LF, as the originals write them into reports: it goes into the log and into bounces. */
export interface DeliveryReport {
  readonly outcome: 'success' | 'deferral' | 'failure';
  readonly text: string;
}

/** A message of the queue that is to be delivered. It is never changed. */
export interface QueuedMessage {
  /** Its number: the inode of its file. */
  readonly id: string;
  /** Disk path of the message file. */
  readonly path: string;
  readonly sizeBytes: number;
  /** When it was queued. */
  readonly birthSeconds: number;
}

/** Recipients of one message that share an envelope sender, to be tried together. Addresses are those of the recipient files, after rewriting. */
export interface DeliveryAttempt {
  readonly message: QueuedMessage;
  /** After VERP expansion. */
  readonly sender: string;
  readonly recipients: readonly string[];
}

/** One of the two channels: local or remote. */
export interface DeliveryChannel {
  /**
   * Tries all recipients. `report` is called once for each, as soon as its fate is known; resolves when all have been told. Never rejects: trouble of ours is a deferral.
   * @param report `index` is that of the recipient
   */
  deliver(attempt: DeliveryAttempt, report: (index: number, report: DeliveryReport) => void): Promise<void>;
  /** Lets running attempts end and closes what is kept open for reuse. */
  close(): Promise<void>;
}
