// A snapshot of what clients see, one JSON value a line, so that it is written and read a line at a time whatever its size.
//
//   {"snapshot":1,"uidl":"qmail","bodies":true}                                              the first line
//   {"account":"joe@example.jp","folder":"INBOX","uidValidity":7,"messages":[[1,"1795485529.M9P3.vm,S=133","S",1795485529,136,"Qm9k...",null], ...],"more":true}
//   {"account":"joe@example.jp","folder":"INBOX","uidValidity":7,"messages":[...]}            the last block of a folder has no `more`
//   {"account":"eve@example.jp","trouble":"..."}                                             could not be looked at
//   {"end":{"accounts":2,"folders":3,"messages":1200}}                                       the last line of one that is whole
//
// A message is UID (null: it has none yet), file name up to its colon, flags (letters as in the file name, keywords by name behind a blank), INTERNALDATE in seconds, size with CR LF line
// ends, hash, POP3 unique id (null outside INBOX, or when it has none yet). Names are Latin-1, one character a byte.

export interface SnapshotHead {
  readonly snapshot: 1;
  readonly uidl: string;
  /** Whether texts were read: sizes and hashes are null otherwise. */
  readonly bodies: boolean;
}

export type SeenMessage = readonly [
  uid: number | null,
  base: string,
  flags: string,
  internalDate: number,
  size: number | null,
  hash: string | null,
  uidl: string | null,
];

export interface FolderBlock {
  readonly account: string;
  readonly folder: string;
  /** null: nobody has given UIDs in it yet. */
  readonly uidValidity: number | null;
  readonly messages: readonly SeenMessage[];
  readonly more?: true;
}

export interface AccountTrouble {
  readonly account: string;
  readonly trouble: string;
}

export interface SnapshotEnd {
  readonly end: { readonly accounts: number; readonly folders: number; readonly messages: number };
}

export type SnapshotLine = SnapshotHead | FolderBlock | AccountTrouble | SnapshotEnd;

export function serializeLine(line: SnapshotLine): Buffer {
  return Buffer.from(`${JSON.stringify(line)}\n`, 'latin1');
}

/** undefined for what is no line of a snapshot. */
export function parseLine(text: string): SnapshotLine | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const isLine =
      'snapshot' in value || 'end' in value || ('account' in value && ('messages' in value || 'trouble' in value));
    return isLine ? (value as SnapshotLine) : undefined;
  } catch {
    return undefined;
  }
}
