// Recordings of the original programs (fixtures/recordings/ORIGIN.md): load one, build its host tree below a root, do its hand-made changes,
// and compare what a step of ours left on disk with what the original left. Owners are set and compared only when this process is root.

import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

export type RecordedBytes = string | { readonly base64: string };

/** One path of a recorded tree. */
export interface Entry {
  readonly type?: 'file' | 'dir' | 'link' | 'fifo';
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly text?: string;
  readonly base64?: string;
  readonly gzip_base64?: string;
  readonly target?: string;
  readonly mtime?: number;
  readonly age_s?: number;
  readonly dir?: boolean;
  readonly link?: string;
}

/** One event of a recorded session. */
export interface SessionEvent {
  readonly client?: RecordedBytes;
  readonly server?: RecordedBytes;
  readonly wait_ms?: number;
  readonly pause_ms?: number;
  readonly closed_by?: string;
  readonly how?: string;
}

export interface Step {
  readonly note?: string;
  readonly run?: readonly string[];
  readonly runs?: readonly (readonly string[])[];
  readonly sh?: string;
  readonly write?: Readonly<Record<string, Entry | string | null>>;
  readonly stdin?: string;
  readonly stdin_base64?: string;
  readonly fd3?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly only_env?: boolean;
  readonly as?: readonly [number, number];
  readonly umask?: string;
  readonly cwd?: string;
  readonly exit?: number | null;
  readonly exits?: readonly (number | null)[];
  readonly signal?: string;
  readonly hangs?: boolean;
  readonly stdout?: RecordedBytes;
  readonly stderr?: RecordedBytes;
  readonly events?: readonly SessionEvent[];
  readonly from?: string;
  readonly protocol?: string;
  readonly log?: Readonly<Record<string, string>>;
  readonly queued?: readonly Readonly<Record<string, RecordedBytes>>[];
  readonly changed?: Readonly<Record<string, Entry | null>>;
  readonly moved?: Readonly<Record<string, string>>;
  /** Files that are another inode than before the step. */
  readonly replaced?: readonly string[];
}

export interface Recording {
  readonly name: string;
  readonly about: string;
  readonly before: Readonly<Record<string, Entry>>;
  readonly steps: readonly Step[];
  /** The directories that were looked at, and regular expressions of paths that were left out. */
  readonly watch?: readonly string[];
  readonly skip?: readonly string[];
  /** Of `maildir/` only: what lay there in the end. */
  readonly tree?: Readonly<Record<string, Entry>>;
  /** Of `tcprules/` only. */
  readonly rules?: RecordedBytes;
}

/** The project's fixtures directory, from the sources as from the compiled tests. */
export const fixtures: string = (() => {
  let directory = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(directory, 'package.json'))) directory = path.dirname(directory);
  return path.join(directory, 'fixtures');
})();

/** The names of all recordings of one kind (`smtp`, `delivery`, `pop3`, `tcprules`, `users`, `vpopmail`), sorted. */
export function recordingNames(kind: string): string[] {
  const names = readdirSync(path.join(fixtures, 'recordings', kind));
  return names
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -5))
    .sort();
}

export function loadRecording(kind: string, name: string): Recording {
  return JSON.parse(readFileSync(path.join(fixtures, 'recordings', kind, `${name}.json`), 'utf8')) as Recording;
}

/** The bytes of a recorded string. Strings hold UTF-8; anything else is base64. */
export function bytesOf(value: RecordedBytes | undefined): Buffer {
  if (value === undefined) return Buffer.alloc(0);
  return typeof value === 'string' ? Buffer.from(value) : Buffer.from(value.base64, 'base64');
}

/** The content of a recorded file. */
export function contentOf(entry: Entry): Buffer {
  if (entry.gzip_base64 !== undefined) return gunzipSync(Buffer.from(entry.gzip_base64, 'base64'));
  if (entry.base64 !== undefined) return Buffer.from(entry.base64, 'base64');
  return Buffer.from(entry.text ?? '');
}

/** A new empty directory for one test; the test removes it with `removeRoot`. */
export function newRoot(name = 'vqmail', parent = os.tmpdir()): string {
  const root = mkdtempSync(path.join(parent, `${name}-`));
  chmodSync(root, 0o755);
  return root;
}

/** Where files are in memory, for tests that make thousands durable; else the usual place. */
export function memoryDirectory(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return os.tmpdir();
  }
}

export function removeRoot(root: string): void {
  // A process that was told to end may still put a file there.
  rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}

const isRoot = process.getuid?.() === 0;

/** Makes a recorded tree below `root`. Times are set where the recording has them. */
export function buildTree(before: Readonly<Record<string, Entry>>, root: string): void {
  for (const [hostPath, entry] of Object.entries(before)) put(path.join(root, hostPath), entry);
  for (const [hostPath, entry] of Object.entries(before).reverse()) setTimes(path.join(root, hostPath), entry);
}

/** Does one `write` step: a path -> null (removed), the new text, or an entry. */
export function applyWrite(write: Readonly<Record<string, Entry | string | null>>, root: string): void {
  for (const [hostPath, value] of Object.entries(write)) {
    const file = path.join(root, hostPath);
    if (value === null) rmSync(file, { recursive: true, force: true });
    else if (typeof value === 'string') put(file, { text: value });
    else {
      put(file, value);
      setTimes(file, value);
    }
  }
}

/** Puts what a recorded step changed in place, for steps that are not ours to do. */
export function applyChanged(step: Step, root: string): void {
  for (const [from, to] of Object.entries(step.moved ?? {})) {
    if (existsSync(path.join(root, from))) renameSync(path.join(root, from), path.join(root, to));
  }
  for (const [hostPath, entry] of Object.entries(step.changed ?? {})) {
    if (entry === null) rmSync(path.join(root, hostPath), { recursive: true, force: true });
    else put(path.join(root, hostPath), entry);
  }
}

/** Makes one path as the entry says, with what is missing above it. */
export function put(file: string, entry: Entry): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const link = entry.target ?? entry.link;
  const hasContent = entry.text !== undefined || entry.base64 !== undefined || entry.gzip_base64 !== undefined;
  const isFile = entry.type === 'file' || hasContent;
  const there = lstatSync(file, { throwIfNoEntry: false });
  if (there?.isDirectory() && isFile) rmSync(file, { recursive: true });
  if (there !== undefined && !there.isDirectory() && (entry.type === 'dir' || entry.dir)) rmSync(file);
  if (entry.type === 'dir' || entry.dir) mkdirSync(file, { recursive: true });
  else if (link !== undefined) {
    rmSync(file, { force: true });
    symlinkSync(link, file);
  } else if (isFile) writeFileSync(file, contentOf(entry));
  if (!existsSync(file) || link !== undefined) return;
  if (isRoot && entry.uid !== undefined) lchownSync(file, entry.uid, entry.gid ?? entry.uid);
  if (entry.mode !== undefined) chmodSync(file, Number.parseInt(entry.mode, 8));
}

function setTimes(file: string, entry: Entry): void {
  const mtime = entry.mtime ?? (entry.age_s === undefined ? undefined : Date.now() / 1000 - entry.age_s);
  if (mtime === undefined || !existsSync(file)) return;
  if (lstatSync(file).isSymbolicLink()) lutimesSync(file, mtime, mtime);
  else utimesSync(file, mtime, mtime);
}

/** What a tree holds: host path -> entry with content as base64. */
export type Picture = ReadonlyMap<string, Entry>;

const watched = ['/var/qmail/control', '/var/qmail/users', '/var/qmail/alias', '/home', '/etc/tcp', '/srv'];

/** Looks at the recorded parts of the tree below `root`, without the paths that `skip` matches and what is below them. */
export function pictureOf(
  root: string,
  directories: readonly string[] = watched,
  skip: readonly RegExp[] = [],
): Picture {
  const picture = new Map<string, Entry>();
  const visit = (hostPath: string): void => {
    const file = path.join(root, hostPath);
    const stat = lstatSync(file, { throwIfNoEntry: false });
    if (stat === undefined || skip.some((left) => left.test(hostPath))) return;
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    const owner = { mode, uid: stat.uid, gid: stat.gid };
    if (stat.isDirectory()) {
      picture.set(hostPath, { type: 'dir', ...owner });
      for (const name of readdirSync(file).sort()) visit(`${hostPath}/${name}`);
    } else if (stat.isSymbolicLink()) picture.set(hostPath, { type: 'link', ...owner, target: readlinkSync(file) });
    else if (stat.isFile())
      picture.set(hostPath, { type: 'file', ...owner, base64: readFileSync(file).toString('base64') });
    else picture.set(hostPath, { type: 'fifo', ...owner });
  };
  directories.forEach(visit);
  return picture;
}

/** What differs between two pictures, in the form of a recording's `changed`. */
export function changesBetween(before: Picture, after: Picture): Record<string, Entry | null> {
  const changes: Record<string, Entry | null> = {};
  for (const hostPath of before.keys()) if (!after.has(hostPath)) changes[hostPath] = null;
  for (const [hostPath, entry] of after)
    if (JSON.stringify(before.get(hostPath)) !== JSON.stringify(entry)) changes[hostPath] = entry;
  return changes;
}

/**
 * Makes what differs from run to run equal in a path or a message: times, process ids and host names of Maildir files, ids in Received lines and
 * SMTP replies, dates. Works on Latin-1 text.
 */
export function maskVolatile(text: string): string {
  return text
    .replace(/\b1[7-9]\d{8}\.[^/\s]*?(?=,S=|:2,|$|[\s/])/gm, '<time>.<id>')
    .replace(/\(qmail \d+ invoked/g, '(qmail <pid> invoked')
    .replace(/\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [-+]\d{4}/g, '<date>')
    .replace(/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \d{4}$/gm, '<date>')
    .replace(/\b250 ok \d+ qp \d+/g, '250 ok <time> qp <pid>')
    .replace(/<\d+\.\d+@/g, '<<pid>.<time>@');
}

/**
 * Compares changes of ours with a recorded `changed`, path by path, after masking. A size in a Maildir name (`,S=`) is taken relative to the content
 * where a masked number had another length. Returns one line for each difference.
 */
export function differences(
  recorded: Readonly<Record<string, Entry | null>>,
  ours: Readonly<Record<string, Entry | null>>,
): string[] {
  const told: string[] = [];
  const [want, got] = [byMaskedPath(recorded), byMaskedPath(ours)];
  for (const name of new Set([...want.keys(), ...got.keys()])) {
    const [a, b] = [want.get(name) ?? [], got.get(name) ?? []];
    if (a.join('\n\n') !== b.join('\n\n'))
      told.push(`${name}\n  recorded ${JSON.stringify(a.join(' | '))}\n  ours     ${JSON.stringify(b.join(' | '))}`);
  }
  return told;
}

function byMaskedPath(changes: Readonly<Record<string, Entry | null>>): Map<string, string[]> {
  const shown = new Map<string, string[]>();
  for (const [hostPath, entry] of Object.entries(changes)) {
    const name = maskVolatile(hostPath).replace(/,S=\d+/, ',S=<size>');
    shown.set(name, [...(shown.get(name) ?? []), describeEntry(hostPath, entry)].sort());
  }
  return shown;
}

function describeEntry(hostPath: string, entry: Entry | null): string {
  if (entry === null) return 'removed';
  const owner = isRoot ? ` ${entry.uid}:${entry.gid}` : '';
  const head = `${entry.type} ${entry.mode}${owner}`;
  if (entry.type !== 'file') return `${head} ${entry.target ?? ''}`;
  const content = contentOf(entry);
  const size = /,S=(\d+)/.exec(hostPath)?.[1];
  const sized =
    size === undefined
      ? ''
      : ` S${Number(size) === content.length ? ' right' : ` off by ${Number(size) - content.length}`}`;
  return `${head}${sized} ${maskVolatile(content.toString('latin1'))}`;
}
