// The sessions of this process that have logged in, by account: so that those of an account that was removed, disabled or given another password can be ended. POP3, IMAP and submission enter theirs
// here. Those of accounts of other uids are entered in a process of that uid (`EnterElsewhere`).
//
//   at a look, on the disk                                          the session
//   the domain or the account is not there                          ends
//   the hash is another one than it was let in with                 ends, unless it was made of the same password (auth/rehash)
//   the clear password is another one, and APOP or CRAM-MD5 let it in    ends
//   the account's flags or the domain's limits close the service    ends
//   that cannot be told (a file is missing or unreadable)           goes on: our trouble ends nobody's session
//
// Whoever watches the host says when to look (`recheck`). A login that was decided before such a look and is entered after it is looked at when it is entered: `login` is begun with the
// count of looks so far.

import { isClosedTo, type LoginKind } from '../auth/login-service.js';
import { HashSuccessors } from '../auth/rehash/successors.js';
import { describe } from '../errors.js';
import type { Account } from '../stores/domains/domain.js';
import type { Host } from '../stores/host.js';
import type { Recheck } from '../watch/recheck.js';

/** Why a session ends. */
export type SessionEnd = 'the account was removed' | 'its password was changed' | 'its access was closed';

/** One session that has logged in. */
export interface OpenSession {
  /** For the log: pop3, imap. */
  readonly service: string;
  readonly kind: LoginKind;
  /** As it was when it logged in; `domain` is the real one. */
  readonly account: Pick<Account, 'name' | 'domain' | 'passwd' | 'clearPasswd'>;
  /** Whether the clear password let it in. */
  readonly byClearPassword: boolean;
  /** Ends the session; called at most once. */
  end(why: SessionEnd): void;
}

/**
 * Enters a session of an account of another uid at the process of that uid, which looks at it as is done here. Nobody looks when that process is gone, so it ends then too.
 * @param session `ticket` is that of its login
 * @param end ends it; called at most once
 * @returns to be called when the session is over
 * @throws TemporaryError
 */
export type EnterElsewhere = (
  owner: { readonly uid: number; readonly gid: number },
  session: SessionElsewhere,
  end: () => void,
) => Promise<() => void>;

export interface SessionElsewhere extends Pick<OpenSession, 'service' | 'kind'> {
  readonly ticket: string;
}

export class OpenSessions {
  readonly #host: Host;
  readonly #successors: HashSuccessors;
  readonly #byDomain = new Map<string, Set<OpenSession>>();
  #looks = 0;

  /** @param successors hashes that took the place of others with the same password */
  constructor(host: Host, successors: HashSuccessors = new HashSuccessors()) {
    this.#host = host;
    this.#successors = successors;
  }

  /** How many looks there were; to be asked before a login is decided and given to `enter`. */
  get looks(): number {
    return this.#looks;
  }

  /** How many sessions are open. */
  get size(): number {
    let size = 0;
    for (const sessions of this.#byDomain.values()) size += sessions.size;
    return size;
  }

  /**
   * Enters a session that has logged in.
   * @param looksBefore what `looks` was before the login was decided
   * @returns to be called when the session is over
   */
  enter(session: OpenSession, looksBefore: number): () => void {
    const { domain } = session.account;
    const sessions = this.#byDomain.get(domain) ?? new Set();
    this.#byDomain.set(domain, sessions.add(session));
    if (looksBefore !== this.#looks) this.#lookAt([session]);
    return () => {
      sessions.delete(session);
      if (sessions.size === 0 && this.#byDomain.get(domain) === sessions) this.#byDomain.delete(domain);
    };
  }

  /** Looks at the sessions of these accounts, and ends those that would not be let in any more. Does not throw. */
  recheck(which: Recheck): void {
    this.#looks++;
    if (which === 'all') for (const sessions of this.#byDomain.values()) this.#lookAt([...sessions]);
    else {
      for (const { domain, users } of which) {
        const named = users && new Set(users);
        const sessions = [...(this.#byDomain.get(domain) ?? [])];
        this.#lookAt(sessions.filter(({ account }) => named?.has(account.name) ?? true));
      }
    }
  }

  #lookAt(sessions: readonly OpenSession[]): void {
    for (const session of sessions) {
      const { name, domain } = session.account;
      const who = `${session.service}: the session of ${name}@${domain}`;
      try {
        const why = this.#whyEnded(session);
        if (why === undefined) continue;
        this.#byDomain.get(domain)?.delete(session);
        this.#host.log.info(`${who} ends: ${why}`);
        session.end(why);
      } catch (error) {
        this.#host.log.warning(`${who} goes on, since its account cannot be looked at: ${describe(error)}`);
      }
    }
  }

  #whyEnded({ account, kind, byClearPassword }: OpenSession): SessionEnd | undefined {
    const domain = this.#host.domain(account.domain);
    const now = domain?.account(account.name);
    if (domain === undefined || now === undefined) return 'the account was removed';
    const hasOtherClear = (now.clearPasswd ?? '') !== (account.clearPasswd ?? '');
    const hasOtherHash = !this.#successors.isSame(account.passwd, now.passwd);
    if (hasOtherHash || (byClearPassword && hasOtherClear)) return 'its password was changed';
    return isClosedTo(kind, domain.flagsOf(now)) ? 'its access was closed' : undefined;
  }
}
