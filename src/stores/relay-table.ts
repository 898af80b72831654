// The clients that may relay because they logged in a while ago: ~vpopmail/etc/open-smtp (form: formats/vpopmail/open-smtp.ts), and the access rules that are made of
// /etc/tcp/smtp and it (formats/vpopmail.md 7.2 to 7.4).
//
//   192.0.2.7:allow,RELAYCLIENT="",RBLSMTPD=""	1700000000        a line of open-smtp: a rule, a TAB, the time of the login
//
//   who                         writes                                              and then smtp.cdb
//   a login (vchkpw, POP3)      the address's line anew, at the end                 when the address is new
//   clearopensmtp               only what is younger than three hours               always
//
// Both hold FL(etc/open-smtp.lock), over the making of smtp.cdb too; the original clearopensmtp takes no lock. Temporary names are vpopmail's, open-smtp.tmp.PID and
// smtp.tmp.PID. open-smtp belongs to whoever wrote it last, after clearopensmtp to vpopmail, as smtp.cdb always does. tcprules is not run: its work is done here,
// with the same bytes. A lock that stays taken for 18 seconds (a tcprules that loops for ever) does not keep anybody from mail: the work is done without it.
//
//   trouble                                          what happens
//   a rule of /etc/tcp/smtp that is none             open-smtp is written, smtp.cdb stays as it is, RuleSyntaxError
//   a line of open-smtp that is no rule              is left out of smtp.cdb (vchkpw hangs there) until clearopensmtp drops it
//   /etc/tcp/smtp without a LF at its end            gets one in between (vchkpw joins the lines, and no new smtp.cdb appears)
//   a crash                                          the old files or the new; between the two renames, a rule in smtp.cdb that open-smtp does not have yet
//
// Kept: every other line, comments too.

import fs from 'node:fs';
import type { SystemAccounts } from '../files/accounts.js';
import { type HeldLock, type LockOptions, LockTakenError, takeLock } from '../files/locks/lock.js';
import { bytesPath, fileTrouble, isMissing, readIfPresent } from '../files/read.js';
import { replaceFile } from '../files/replace.js';
import { makeCdb } from '../formats/databases/cdb.js';
import { compileRules, type RuleRecord, RuleSyntaxError } from '../formats/databases/tcprules.js';
import {
  hasClient,
  type OpenSmtpDocument,
  openSmtpRules,
  parseOpenSmtp,
  relayAddress,
  serializeOpenSmtp,
  withLogin,
  withoutExpired,
} from '../formats/vpopmail/open-smtp.js';
import type { Layout } from '../layout.js';
import type { Log } from '../log.js';

export interface RelayTableOptions {
  /** The mode of a new open-smtp: vpopmail's is 0666 less the umask; 0644 unless given. */
  readonly mode?: number;
  /** How long to wait for the lock; 18 s, as vpopmail does, unless given. */
  readonly lockTimeoutMs?: number;
}

/** Whether a client's address is one that rules can be made for, and whether it could relay before. */
export type RelayOpening = 'new' | 'known' | 'no-address';

/** open-smtp and smtp.cdb of one host. */
export class RelayTable {
  readonly #layout: Layout;
  readonly #accounts: SystemAccounts;
  readonly #log: Log;
  readonly #options: RelayTableOptions;

  /** @param log is told of lines that are left out and of a lock that stays taken */
  constructor(layout: Layout, accounts: SystemAccounts, log: Log, options: RelayTableOptions = {}) {
    this.#layout = layout;
    this.#accounts = accounts;
    this.#log = log;
    this.#options = options;
  }

  /**
   * Lets clients relay that have logged in now; all of one call in one write.
   * @param clientIps as tcpserver has them in TCPREMOTEIP
   * @returns what became of each, in order
   * @throws TemporaryError when the files cannot be read or written, RuleSyntaxError when the administrator's rules are none
   */
  async open(clientIps: readonly string[], unixSeconds: number): Promise<RelayOpening[]> {
    const addresses = clientIps.map(relayAddress);
    if (addresses.every((address) => address === undefined)) return addresses.map(() => 'no-address');
    return this.#locked(true, async () => {
      let document = this.#read() ?? { lines: [] };
      const openings = addresses.map((address): RelayOpening => {
        if (address === undefined) return 'no-address';
        const opening = hasClient(document, address) ? 'known' : 'new';
        document = withLogin(document, address, unixSeconds);
        return opening;
      });
      await this.#replaceBoth(document, { table: true, rules: openings.includes('new') });
      return openings;
    });
  }

  /** Ends the relaying of those who logged in more than three hours ago. @throws as `open` */
  async clear(unixSeconds: number): Promise<void> {
    await this.#locked(false, async () => {
      const document = this.#read();
      const kept = document === undefined ? { lines: [] } : withoutExpired(document, unixSeconds);
      await this.#replaceBoth(kept, { table: document !== undefined, rules: true, owner: this.#vpopmail() });
    });
  }

  /** Makes smtp.cdb anew from what stands in both files. @throws as `open` */
  async rebuild(): Promise<void> {
    await this.#locked(false, () => this.#replaceBoth(this.#read() ?? { lines: [] }, { table: false, rules: true }));
  }

  #read(): OpenSmtpDocument | undefined {
    const file = this.#layout.etc('open-smtp');
    // The directory is vpopmail's: root must not be led to a file of its own, whose lines it would copy into one that all can read.
    if (isLink(file)) throw fileTrouble(new Error(`${file} is a symbolic link`));
    const bytes = readIfPresent(file);
    return bytes === undefined ? undefined : parseOpenSmtp(bytes);
  }

  /** The rules first: were open-smtp in place without them, the client's next login would not make them. Rules that cannot be made keep no line out of open-smtp. */
  async #replaceBoth(
    document: OpenSmtpDocument,
    what: { readonly table: boolean; readonly rules: boolean; readonly owner?: Partial<Owner> },
  ): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    try {
      if (what.rules) await this.#replaceRules(document);
    } catch (error) {
      failure = { error };
    }
    if (what.table) await this.#replaceTable(document, what.owner);
    if (failure !== undefined) throw failure.error;
  }

  async #replaceTable(document: OpenSmtpDocument, owner: Partial<Owner> = {}): Promise<void> {
    const temporaryName = `open-smtp.tmp.${process.pid}`;
    const mode = this.#options.mode ?? 0o644;
    await replaceFile(this.#layout.etc('open-smtp'), serializeOpenSmtp(document), { mode, ...owner, temporaryName });
  }

  async #replaceRules(document: OpenSmtpDocument): Promise<void> {
    const { smtpRules, smtpRulesCdb } = this.#layout;
    const text = readIfPresent(smtpRules) ?? Buffer.alloc(0);
    const records = [...compileRules(text, this.#layout.host(smtpRules)), ...this.#clientRecords(document)];
    const temporaryName = `smtp.tmp.${process.pid}`;
    await replaceFile(smtpRulesCdb, makeCdb(records), { mode: 0o644, ...this.#vpopmail(), temporaryName });
  }

  #clientRecords(document: OpenSmtpDocument): RuleRecord[] {
    const shown = this.#layout.host(this.#layout.etc('open-smtp'));
    return openSmtpRules(document).flatMap((rule, index) => {
      try {
        return compileRules(Buffer.from(`${rule}\n`, 'latin1'), shown);
      } catch (error) {
        if (!(error instanceof RuleSyntaxError)) throw error;
        this.#log.warning(`${shown}:${index + 1}: is no rule and left out: ${rule}`);
        return [];
      }
    });
  }

  #vpopmail(): Partial<Owner> {
    const uid = this.#accounts.user('vpopmail')?.uid;
    const gid = this.#accounts.group('vchkpw')?.gid;
    return uid === undefined || gid === undefined ? {} : { uid, gid };
  }

  /** @param create whether a missing lock file is made; without it only a host on which nobody has logged in yet goes unlocked */
  async #locked<T>(create: boolean, work: () => Promise<T>): Promise<T> {
    const lock = await this.#lock(create);
    try {
      return await work();
    } finally {
      lock?.release();
    }
  }

  async #lock(create: boolean): Promise<HeldLock | undefined> {
    const path = this.#layout.lockOf(this.#layout.etc('open-smtp'));
    const timeoutMs = this.#options.lockTimeoutMs;
    const options: LockOptions = { kind: 'fcntl', create, ...(timeoutMs !== undefined && { timeoutMs }) };
    try {
      return await takeLock(path, options);
    } catch (error) {
      if (!create && isMissing(causeOf(error))) return undefined;
      if (!(error instanceof LockTakenError)) throw error;
      this.#log.warning(`${this.#layout.host(path)}: stays locked, going on without it`);
      return undefined;
    }
  }
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

function isLink(file: string): boolean {
  return fs.lstatSync(bytesPath(file), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
