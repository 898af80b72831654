// The record of a change of one domain that is under way, as one of our tools writes it and the next one reads it (admin/domains/domain-change.ts).
//
//   ~vpopmail/etc/.domain_change.example.jp         mode 0600; the originals know nothing of it, and it is there for the time of the change alone
//
//   add 30976                                       what, and the process's number, which its temporary files carry
//   domain example.jp:6020:6020:/home/vpopmail/domains/example.jp     the real domain, its uid, gid and directory (a host path)
//   made                                            one word for each step that is done
//
// It grows a line at a time: a last line without LF was cut off and does not count. Without the first two lines nothing had begun.

export type ChangeKind = 'add' | 'alias' | 'delete';

/** What a record says. `directory` is a host path; `realDomain` is the domain itself but for an alias. */
export interface ChangeRecord {
  readonly kind: ChangeKind;
  readonly pid: number;
  readonly domain: string;
  readonly realDomain: string;
  readonly uid: number;
  readonly gid: number;
  readonly directory: string;
  /** The steps that were done. */
  readonly steps: readonly string[];
}

/** The tool that makes such a change. */
export const toolOfChange = { add: 'vadddomain', alias: 'vaddaliasdomain', delete: 'vdeldomain' } as const;

/** The beginning of a record. */
export function serializeChange({ kind, pid, realDomain, uid, gid, directory }: Omit<ChangeRecord, 'steps'>): string {
  return `${kind} ${pid}\ndomain ${realDomain}:${uid}:${gid}:${directory}\n`;
}

/** undefined: nothing had begun. @param domain the one in the file's name */
export function parseChange(domain: string, bytes: Buffer): ChangeRecord | undefined {
  const lines = bytes.toString('latin1').split('\n').slice(0, -1);
  const [, kind, pid] = /^(add|alias|delete) ([0-9]+)$/.exec(lines[0] ?? '') ?? [];
  const [, realDomain, uid, gid, directory] = /^domain ([^:]*):([0-9]+):([0-9]+):(.+)$/.exec(lines[1] ?? '') ?? [];
  if (kind === undefined || realDomain === undefined || directory === undefined) return undefined;
  return {
    kind: kind as ChangeKind,
    pid: Number(pid),
    domain,
    realDomain,
    uid: Number(uid),
    gid: Number(gid),
    directory,
    steps: lines.slice(2),
  };
}
