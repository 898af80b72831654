// The accounts of one domain, changed: vpasswd and the vpasswd.cdb that is made of it, under FL(.vpasswd.lock) (formats/vpopmail.md 2.5, 2.6, 12.3).
//
//   under the lock        vpasswd is read, changed, and written beside itself as vpasswd.bak.PID; the cdb is made of the same lines as cdb.tmp; both are synced
//   then, in one go       vpasswd.bak.PID -> vpasswd, cdb.tmp -> vpasswd.cdb; then the directory is synced
//
//   a crash               leaves
//   before both renames   the old pair; a cdb.tmp that the next writer overwrites; a vpasswd.bak.PID that it removes
//   between them          the new text with the old cdb: look-ups go by the old one until the next writer of the domain, or vmkpasswd, makes it anew
//   after both            the new pair
//
// Every writer makes the whole cdb anew, so whatever went wrong before is mended by the next change. The text is what counts: an account that only the cdb knows is
// none for a writer. Is vpasswd missing, but the cdb there and sound, then its records are the text (vpopmail begins with an empty file, and all accounts are lost).
// Lines that are no accounts stay where they are and are not in the cdb. The cdb has mode 0600; both files, and the lock file, belong to the domain's owner.

import fs from 'node:fs';
import { CorruptFileError, TemporaryError } from '../../errors.js';
import { withCdb } from '../../files/cdb/cdb-file.js';
import { statusOf } from '../../files/identity.js';
import { namesIn } from '../../files/list.js';
import { type HeldLock, takeLock } from '../../files/locks/lock.js';
import { mayChangeOwner } from '../../files/owner.js';
import { bytesPath, fileTrouble, readIfPresent } from '../../files/read.js';
import { prepareReplacement, type Replacement } from '../../files/replace.js';
import { syncDirectory } from '../../files/sync.js';
import { CdbMaker, cdbRecords } from '../../formats/databases/cdb.js';
import { parseVpasswdText, serializeVpasswdText, type VpasswdText } from '../../formats/vpopmail/vpasswd-lines.js';
import { domainFiles } from '../../layout.js';
import type { DomainPlace } from './account-index.js';

export interface ReplaceAccountsOptions {
  /** The mode of the new vpasswd: 0600 unless given. */
  readonly mode?: number;
  /** Whether vpasswd.cdb follows; true unless given. Without it the text stays its writer's, as after `vmoduser -n`. */
  readonly index?: boolean;
}

/** New versions of both files that lie beside them. Exactly one of the two is to be called, before the lock is released. */
export interface PreparedAccounts {
  /** @throws TemporaryError */
  commit(): Promise<void>;
  /** Does not throw. */
  abandon(): Promise<void>;
}

/** A domain's accounts while its lock is held. */
export interface LockedAccounts {
  /** vpasswd as it stands, its last line ended; without lines when there is none. */
  readonly text: VpasswdText;
  /** Writes new versions of vpasswd and vpasswd.cdb beside them, durably. @throws TemporaryError, and nothing is left */
  prepare(text: VpasswdText, options?: ReplaceAccountsOptions): Promise<PreparedAccounts>;
  /** Replaces both. @throws TemporaryError, and both stay */
  replace(text: VpasswdText, options?: ReplaceAccountsOptions): Promise<void>;
  /** Makes vpasswd.cdb anew if it is not what vpasswd says, which a writer that was killed leaves. @throws TemporaryError */
  mendIndex(): Promise<void>;
}

/** The lock stayed with somebody else for as long as vpopmail waits, or could not be taken; for the tools of 9.2 that is `Username exists`. */
export class AccountsBusyError extends TemporaryError {}

/**
 * Does `work` while nobody else changes the accounts of a domain. The originals wait 18 seconds for a lock and then give up: `work` must be quick.
 * @throws AccountsBusyError, TemporaryError, CorruptFileError, and whatever `work` throws
 */
export async function withAccounts<T>(
  place: DomainPlace,
  work: (accounts: LockedAccounts) => T | Promise<T>,
): Promise<T> {
  const lock = await lockAccounts(place);
  try {
    removeLeftovers(place.directory);
    return await work(new Accounts(place));
  } finally {
    lock.release();
  }
}

/**
 * Changes the accounts of a domain: `change` gets vpasswd and gives the new one back, or undefined to leave all as it is.
 * @throws as `withAccounts`; both files stay then
 */
export function changeAccounts(
  place: DomainPlace,
  change: (text: VpasswdText) => VpasswdText | undefined | Promise<VpasswdText | undefined>,
  options?: ReplaceAccountsOptions,
): Promise<void> {
  return withAccounts(place, async (accounts) => {
    const changed = await change(accounts.text);
    if (changed !== undefined) await accounts.replace(changed, options);
  });
}

/**
 * Makes a domain's vpasswd.cdb from its vpasswd; without a vpasswd, nothing.
 * @param options.onlyIfMissing leaves a cdb alone that another program made while the lock was waited for
 * @param options.endLastLine whether a last line without its LF is given one, in the text too; else it is trouble, since it may be cut off
 * @throws as `withAccounts`; CorruptFileError for a vpasswd that may be cut off
 */
export async function rebuildIndex(
  place: DomainPlace,
  options: { onlyIfMissing?: boolean; endLastLine?: boolean } = {},
): Promise<void> {
  const vpasswd = domainFiles.vpasswd(place.directory);
  const lock = await lockAccounts(place);
  try {
    const isThere = statusOf(bytesPath(domainFiles.vpasswdCdb(place.directory))) !== undefined;
    const bytes = options.onlyIfMissing && isThere ? undefined : readIfPresent(vpasswd);
    if (bytes === undefined) return;
    const text = parseVpasswdText(bytes);
    const isCut = bytes.length > 0 && bytes.at(-1) !== 0x0a;
    if (isCut && !options.endLastLine)
      throw new CorruptFileError(vpasswd, bytes.length, 'the last line does not end in a newline');
    await replaceBoth(place, isCut ? text : undefined, text, modeOf(vpasswd));
    giveOwner(vpasswd, place);
  } finally {
    lock.release();
  }
}

class Accounts implements LockedAccounts {
  readonly text: VpasswdText;
  readonly #place: DomainPlace;

  constructor(place: DomainPlace) {
    this.#place = place;
    this.text = readAccounts(place);
  }

  async prepare(text: VpasswdText, options: ReplaceAccountsOptions = {}): Promise<PreparedAccounts> {
    const index = options.index ?? true;
    return prepareBoth(this.#place, text, index ? text : undefined, options.mode ?? 0o600);
  }

  async replace(text: VpasswdText, options?: ReplaceAccountsOptions): Promise<void> {
    await (await this.prepare(text, options)).commit();
  }

  async mendIndex(): Promise<void> {
    const cdb = domainFiles.vpasswdCdb(this.#place.directory);
    const is = readIfPresent(cdb);
    if (this.text.lines.length === 0 || is?.equals(indexOf(this.text))) return;
    await replaceBoth(this.#place, undefined, this.text, 0o600);
  }
}

async function lockAccounts(place: DomainPlace): Promise<HeldLock> {
  const { directory, uid, gid } = place;
  try {
    return await takeLock(domainFiles.vpasswdLock(directory), { kind: 'fcntl', uid, gid });
  } catch (error) {
    if (error instanceof TemporaryError) throw new AccountsBusyError(error.status, error.message, error.cause);
    throw error;
  }
}

/** vpasswd, or what vpasswd.cdb says when vpasswd is gone. */
function readAccounts(place: DomainPlace): VpasswdText {
  const bytes = readIfPresent(domainFiles.vpasswd(place.directory));
  if (bytes !== undefined) return parseVpasswdText(bytes);
  const cdb = domainFiles.vpasswdCdb(place.directory);
  const found = withCdb(cdb, (source) =>
    [...cdbRecords(source, cdb)].map(({ key, data }) => ({
      text: `${key.toString('latin1')}:${data.toString('latin1')}`,
      end: '\n' as const,
    })),
  );
  return { lines: found?.value ?? [] };
}

async function replaceBoth(
  place: DomainPlace,
  text: VpasswdText | undefined,
  index: VpasswdText | undefined,
  mode: number,
): Promise<void> {
  await (await prepareBoth(place, text, index, mode)).commit();
}

async function prepareBoth(
  place: DomainPlace,
  text: VpasswdText | undefined,
  index: VpasswdText | undefined,
  mode: number,
): Promise<PreparedAccounts> {
  const { directory, uid, gid } = place;
  const prepared: Replacement[] = [];
  const abandon = async (): Promise<void> => {
    await Promise.all(prepared.map((file) => file.abandon()));
  };
  const prepare = (path: string, bytes: Buffer, fileMode: number, temporaryName: string): Promise<Replacement> => {
    const owner = index === undefined ? {} : { uid, gid };
    return prepareReplacement(path, bytes, { mode: fileMode, temporaryName, ...owner });
  };
  const bak = `vpasswd.bak.${process.pid}`;
  const [newText, newIndex] = [text && serializeVpasswdText(text), index && indexOf(index)];
  // Both at once: the disk is waited for once.
  const results = await Promise.allSettled([
    newText && prepare(domainFiles.vpasswd(directory), newText, mode, bak),
    newIndex && prepare(domainFiles.vpasswdCdb(directory), newIndex, 0o600, 'cdb.tmp'),
  ]);
  for (const result of results) if (result.status === 'fulfilled' && result.value) prepared.push(result.value);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await abandon();
    throw failed.reason;
  }
  const commit = async (): Promise<void> => {
    await Promise.all(prepared.map((file) => file.commit()));
    if (index !== undefined) giveOwner(domainFiles.vpasswdLock(directory), place);
    await syncDirectory(directory);
  };
  return { commit, abandon };
}

/** The cdb of these lines, as vpopmail makes it. */
function indexOf({ lines }: VpasswdText): Buffer {
  const maker = new CdbMaker();
  for (const { text } of lines) {
    const colon = text.indexOf(':');
    if (colon >= 0) maker.add(text.slice(0, colon), text.slice(colon + 1));
  }
  return maker.finish();
}

function modeOf(file: string): number {
  return Number((statusOf(bytesPath(file))?.mode ?? 0o600n) & 0o7777n);
}

/** vpopmail gives all three files to the domain's owner whenever it makes the cdb. */
function giveOwner(file: string, { uid, gid }: DomainPlace): void {
  if (!mayChangeOwner()) return;
  try {
    const status = fs.lstatSync(bytesPath(file), { throwIfNoEntry: false });
    if (status?.isFile() && (status.uid !== uid || status.gid !== gid)) fs.lchownSync(bytesPath(file), uid, gid);
  } catch (error) {
    throw fileTrouble(error);
  }
}

/** What killed writers left: a vpasswd.bak.PID is only ever written under the lock, which is ours now. */
function removeLeftovers(directory: string): void {
  for (const name of namesIn(directory)) {
    if (/^vpasswd\.bak\.[0-9]+$/.test(name)) fs.rmSync(bytesPath(`${directory}/${name}`), { force: true });
  }
}
