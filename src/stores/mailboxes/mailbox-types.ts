// Values that mailboxes take and give. UIDs are numbers from 1 to 4294967294, mod-sequences whole numbers below 2^53, times milliseconds since 1970.
// The flags of a message are bits of formats/mailbox/message-flags.ts; keywords beyond the 26 that have a letter are told apart by name.

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The flags and keywords that a client names. */
export interface NamedFlags {
  /** Bits of system flags; bits of keywords are not looked at. */
  readonly flags: number;
  /** As the client spells them; compared without case. */
  readonly keywords: readonly string[];
}

export interface FlagChange extends NamedFlags {
  readonly mode: 'add' | 'remove' | 'replace';
}

export interface StoreOptions {
  /** Messages with a higher mod-sequence are left alone (UNCHANGEDSINCE, RFC 7162). */
  readonly unchangedSince?: number | undefined;
  /** The view that asked is not told of its own changes as of changes by others (.SILENT). */
  readonly isSilent?: boolean | undefined;
}

export interface StoreResult {
  /** UIDs left alone by `unchangedSince`. */
  readonly modified: readonly number[];
  /** UIDs that the view has and whose files are gone. */
  readonly missing: readonly number[];
  /** UIDs whose flags are others now. */
  readonly changed: readonly number[];
}

/** What a folder is as LIST tells it. */
export interface ListedMailbox {
  /** `INBOX` or modified UTF-7 with `.` between levels; without the prefix of a namespace. */
  readonly name: string;
  /** False for a name that is there only because mailboxes below it are: \NonExistent, or \Noselect where that is not understood. */
  readonly isSelectable: boolean;
  readonly hasChildren: boolean;
  /** What it was created for: `\Sent`. */
  readonly createdFor: readonly string[];
}

/** STATUS, without opening the mailbox for a client. */
export interface MailboxStatus {
  readonly messages: number;
  readonly recent: number;
  readonly unseen: number;
  readonly deleted: number;
  readonly uidNext: number;
  readonly uidValidity: number;
  readonly highestModSeq: number;
  /** 32 hexadecimal digits that stay with the mailbox when it is renamed. */
  readonly mailboxId: string;
}

/** A change of what a view shows, in the order in which it is to be told: keywords, expunged, count, flags. */
export interface ViewChanges {
  /** Keywords were added to the mailbox: FLAGS and PERMANENTFLAGS come first. */
  readonly hasNewKeywords: boolean;
  /** In the order to be sent: each sequence number counts after those before it are gone. Descending. */
  readonly expunged: readonly { readonly sequence: number; readonly uid: number }[];
  /** The count of messages if there are new ones. */
  readonly exists: number | undefined;
  readonly recent: number | undefined;
  /** Messages with changed flags that the view had before, by their sequence number after the changes above. Ascending. */
  readonly flags: readonly {
    readonly sequence: number;
    readonly uid: number;
    /** Only the view's own silent change: the client knows the flags, but not the mod-sequence. */
    readonly isSilent: boolean;
  }[];
}

/** A message open for reading. Whoever asked for it calls `close`. */
export interface OpenedMessage {
  readonly fd: number;
  /** Bytes of the file, as stored (line ends mostly LF). */
  readonly sizeBytes: number;
  /** INTERNALDATE: modification time of the file. */
  readonly internalDateMs: number;
  /** SAVEDATE: change time of the file. */
  readonly savedMs: number;
  close(): void;
}

/** What is known of a message without reading its text. */
export interface MessageFacts {
  readonly sizeBytes: number;
  /** RFC822.SIZE: octets with every line end as CRLF. */
  readonly wireBytes: number;
  readonly internalDateMs: number;
  readonly savedMs: number;
}

export interface CopiedMessages {
  /** Of the target. */
  readonly uidValidity: number;
  /** UIDs that were copied, ascending, and what they became, in the same order. Messages that were gone are left out. */
  readonly sources: readonly number[];
  readonly targets: readonly number[];
}

export interface NewMessage extends NamedFlags {
  /** INTERNALDATE; the time of the append when undefined. */
  readonly internalDateMs?: number | undefined;
  /** Octets that the client announced, for the quota. */
  readonly sizeBytes: number;
}

export interface AppendedMessages {
  readonly uidValidity: number;
  /** In the order of the messages. */
  readonly uids: readonly number[];
}

export interface QuotaState {
  readonly usedBytes: number;
  readonly usedCount: number;
  /** undefined: unlimited. */
  readonly limitBytes: number | undefined;
  readonly limitCount: number | undefined;
}

/** Settings of one account. */
export interface AccountSettings {
  /** As vpasswd stores it, such as `10485760S,1000C`; undefined: none is kept. */
  readonly quota?: string | undefined;
  /** How names of new folders are spelled on disk; modified UTF-7 unless the host's Dovecot or Courier is configured otherwise. */
  readonly directoryNames?: 'modified-utf-7' | 'utf-8' | undefined;
}
