// What will become of one recipient: the answer of delivery/resolution/resolve, used at RCPT (the reply), at DATA (delivery/accept) and by `vqmail route`.
//
// A resolution is plain data: it can be sent to another process, which then delivers as the mailbox owner's uid. It holds for the moment in which it
// was made; delivery looks again at what may have changed since (the quota, whether the Maildir is there).

/** An owner as numbers, from users/assign or the host's accounts. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** One Maildir that gets the message, with what is written above it and the conditions under which it is. */
export interface MaildirTarget {
  /** Disk path of the Maildir, without a final slash. */
  readonly maildir: string;
  /** Whose delivery this is: vdelivermail's (size in the name, maildirsize) or qmail-local's own Maildir line (neither). */
  readonly style: 'vdelivermail' | 'qmail-local';
  /** The address in the Delivered-To line that is written. */
  readonly deliveredTo: string;
  readonly owner: Owner;
  /** The account directory (disk path), when it is missing and has to be made, Maildir and all. */
  readonly missingHome?: string;
  /** The limit as vpasswd stores it; `maildirsize` when it is the first line of the Maildir's own file; undefined when no quota is kept. */
  readonly quota?: string | { readonly from: 'maildirsize' };
  /** The domain's directory (disk path), where the texts for over-quota and warning messages lie. */
  readonly domainDirectory?: string;
  /** The forwards by catch-all addresses that led here, the last one first; each leaves its trace lines above the message. */
  readonly forwards?: readonly ForwardTrace[];
}

/** What one forward adds: qmail-queue's line (`invoked by uid 6020`) and a Delivered-To line. */
export interface ForwardTrace {
  readonly uid: number;
  readonly deliveredTo: string;
}

/** Delivered-To lines that, when the message has one already, mean that it loops. */
export interface LoopLines {
  /** Compared byte for byte, as qmail-local does. */
  readonly exact: readonly string[];
  /** Compared with ASCII case ignored, as vdelivermail does. */
  readonly anyCase: readonly string[];
}

/**
 * A reply to RCPT in the making: three-digit code, RFC 3463 status, and the words as the original would print them, fit for strangers. Where those
 * end in `(#5.1.1)`, so does `text`.
 */
export interface Refusal {
  readonly code: number;
  readonly status: string;
  readonly text: string;
}

export type QueueReason = 'forward' | 'program' | 'mbox' | 'list' | 'remote' | 'system-user';

export type Outcome =
  /** Written into every one of these Maildirs before the message is acknowledged. */
  | { readonly kind: 'deliver'; readonly maildirs: readonly MaildirTarget[]; readonly loopLines: LoopLines }
  /** Accepted and thrown away, because a file of the host says so. */
  | { readonly kind: 'discard'; readonly reason: string; readonly loopLines: LoopLines }
  /** The original would bounce: 5xx. */
  | ({ readonly kind: 'refuse' } & Refusal)
  /** Our trouble, or a state that passes: 4xx. `cause` is for the log. */
  | ({ readonly kind: 'defer'; readonly cause?: string } & Refusal)
  /** Goes through the queue: by a program, a forward, to another host. The refusal is for a host that has no queue. */
  | ({ readonly kind: 'queue'; readonly reason: QueueReason } & Refusal);

/** Whom the way of a recipient's mail passes and names: told only to who asks (`ResolveOptions.withLeads`), whatever the outcome is. */
export interface Leads {
  /** vpopmail accounts that have been come to, as `user@domain` with the real domain. */
  readonly accounts: string[];
  /** Maildirs (disk paths) that lines name. */
  readonly maildirs: string[];
  /** Addresses that lines and catch-alls forward to, as they are written. */
  readonly addresses: string[];
}

export interface Resolution {
  /** The recipient as it was asked for. */
  readonly recipient: string;
  /** It was an address of the local channel, rewritten already. */
  readonly isRewritten?: boolean;
  /** Who owns what the message would be written into or by whom the files were read; undefined when nobody of this host does. */
  readonly owner?: Owner;
  /** That owner is one of the system's own users, not one that users/cdb names, nor alias. */
  readonly isSystemUser?: boolean;
  readonly outcome: Outcome;
  readonly leads?: Leads;
}
