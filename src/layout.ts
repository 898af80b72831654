// Where everything is. Nothing else spells a path.
//
// A *host path* is what data files and the original tools say (`/home/vpopmail/domains/example.jp`); a *disk path* is where that lies when the
// host tree is mounted below `--root`. Data files keep host paths; `disk()` turns one into a disk path. Names are Latin-1 strings, one character a byte:
// a name with a byte above 127 goes to the system through `bytes()`.

import path from 'node:path';

/** The options that place a host tree. Each directory defaults to its customary place below `root`. */
export interface LayoutOptions {
  readonly root?: string | undefined;
  readonly qmailDir?: string | undefined;
  readonly vpopmailDir?: string | undefined;
  readonly tcpDir?: string | undefined;
}

export class Layout {
  readonly root: string;
  readonly qmail: string;
  readonly vpopmail: string;
  readonly tcp: string;

  constructor(options: LayoutOptions = {}) {
    this.root = path.resolve(options.root ?? '/');
    this.qmail = path.resolve(options.qmailDir ?? path.join(this.root, 'var/qmail'));
    this.vpopmail = path.resolve(options.vpopmailDir ?? path.join(this.root, 'home/vpopmail'));
    this.tcp = path.resolve(options.tcpDir ?? path.join(this.root, 'etc/tcp'));
  }

  /** The disk path of an absolute host path. `..` in it does not lead out of the root. */
  disk(hostPath: string): string {
    return path.join(this.root, path.posix.normalize(`/${hostPath}`));
  }

  /** The host path of a disk path: what is written into data files and shown to people. */
  host(diskPath: string): string {
    if (this.root === '/') return diskPath;
    return diskPath.startsWith(`${this.root}/`) ? diskPath.slice(this.root.length) : diskPath;
  }

  /** The host's password and group files, below the root when they are there (a mounted host), else this machine's. */
  get systemFiles(): { passwd: string; group: string } {
    return { passwd: path.join(this.root, 'etc/passwd'), group: path.join(this.root, 'etc/group') };
  }

  get controlDirectory(): string {
    return path.join(this.qmail, 'control');
  }
  control(name: string): string {
    return path.join(this.qmail, 'control', name);
  }
  /** The certificate of qmail's TLS patch, and those for single names. */
  get serverCertificate(): string {
    return this.control('servercert.pem');
  }
  get certificates(): string {
    return this.control('vqmail/certs');
  }
  /** Who vouches for clients' certificates, and what is revoked of them, as in qmail's TLS patch. */
  get clientAuthorities(): string {
    return this.control('clientca.pem');
  }
  get clientRevocations(): string {
    return this.control('clientcrl.pem');
  }
  /** The ciphers of qmail's TLS patch. */
  get tlsServerCiphers(): string {
    return this.control('tlsserverciphers');
  }
  get assign(): string {
    return path.join(this.qmail, 'users/assign');
  }
  /** A file beside users/assign, such as `include`. */
  usersFile(name: string): string {
    return path.join(this.qmail, 'users', name);
  }
  get usersCdb(): string {
    return path.join(this.qmail, 'users/cdb');
  }
  /** qmail's own program NAME, or one that a file names below qmail's home. */
  qmailProgram(name: string): string {
    return path.resolve(this.qmail, name);
  }
  get alias(): string {
    return path.join(this.qmail, 'alias');
  }
  get queue(): string {
    return path.join(this.qmail, 'queue');
  }
  /** Where the queue process takes messages and orders from the other processes of this host. */
  get queueSocket(): string {
    return path.join(this.root, 'run/vqmail/queue');
  }
  /** Where daemons are asked about logins: their sockets' names begin so. */
  get loginSocket(): string {
    return path.join(this.root, 'run/vqmail/logins');
  }
  /** What users have sent lately. */
  get sentNumbers(): string {
    return path.join(this.root, 'run/vqmail/sent');
  }
  /** Addresses that did not answer lately; qmail-remote's. */
  get tcpto(): string {
    return path.join(this.queue, 'lock/tcpto');
  }
  /** The lock file that vpopmail takes for a file it rewrites: the same name with `.lock`. */
  lockOf(file: string): string {
    return `${file}.lock`;
  }

  get domains(): string {
    return path.join(this.vpopmail, 'domains');
  }
  etc(name: string): string {
    return path.join(this.vpopmail, 'etc', name);
  }

  /** The record of a change of a domain that is under way. No domain name holds a `_`. */
  domainChange(domain: string): string {
    return this.etc(`.domain_change.${domain}`);
  }

  /** The access rules of tcpserver: the text and what tcprules made of it. */
  get smtpRules(): string {
    return path.join(this.tcp, 'smtp');
  }
  get smtpRulesCdb(): string {
    return path.join(this.tcp, 'smtp.cdb');
  }
  get qmqpRulesCdb(): string {
    return path.join(this.tcp, 'qmqp.cdb');
  }
}

/** Files of one domain's directory (a disk path). */
export const domainFiles = {
  vpasswd: (directory: string): string => path.join(directory, 'vpasswd'),
  vpasswdCdb: (directory: string): string => path.join(directory, 'vpasswd.cdb'),
  vpasswdLock: (directory: string): string => path.join(directory, '.vpasswd.lock'),
  limits: (directory: string): string => path.join(directory, '.qmailadmin-limits'),
  dotQmail: (directory: string, suffix: string): string => path.join(directory, `.qmail${suffix}`),
  message: (directory: string, name: '.no-user.msg' | '.over-quota.msg' | '.quotawarn.msg'): string =>
    path.join(directory, name),
};

/** Files of a directory (a disk path) that says into which of its sub-directories the next user or domain goes. */
export const dirControlFiles = {
  state: (directory: string): string => path.join(directory, '.dir-control'),
  free: (directory: string): string => path.join(directory, '.dir_control_free'),
  freeLock: (directory: string): string => path.join(directory, '.dir_control_free.lock'),
};

/** Files of one account's directory (a disk path). */
export const accountFiles = {
  maildir: (directory: string): string => path.join(directory, 'Maildir'),
  lastauth: (directory: string): string => path.join(directory, 'lastauth'),
  dotQmail: (directory: string, suffix: string): string => path.join(directory, `.qmail${suffix}`),
  /** What `vqmail migrate` has copied into or out of the account; `key` tells the copies apart. */
  copied: (directory: string, key: string): string => path.join(directory, `vq-copy.${key}`),
};

/** Files of one mailbox's directory (a disk path): a Maildir, or a folder in it. */
export const mailboxFiles = {
  part: (directory: string, part: 'new' | 'cur' | 'tmp'): string => `${directory}/${part}`,
  message: (directory: string, part: 'new' | 'cur' | 'tmp', name: string): string => `${directory}/${part}/${name}`,
  uidList: (directory: string): string => `${directory}/dovecot-uidlist`,
  keywords: (directory: string): string => `${directory}/dovecot-keywords`,
  dovecotIndex: (directory: string): string => `${directory}/dovecot.index`,
  dovecotIndexLog: (directory: string): string => `${directory}/dovecot.index.log`,
  /** What we keep of a mailbox beside what others know (formats/mailbox/state-journal.ts). */
  state: (directory: string): string => `${directory}/vq-state`,
  /** What was worked out of its messages (formats/mailbox/message-cache.ts). */
  cache: (directory: string): string => `${directory}/vq-cache`,
  /** What the client that made it wants it for (formats/mailbox/special-use.ts). */
  specialUse: (directory: string): string => `${directory}/vq-special-use`,
  /** Where Dovecot puts what stands among the messages and is none. */
  extra: (directory: string, name: string): string => `${directory}/extra-${name}`,
  folderMark: (directory: string): string => `${directory}/maildirfolder`,
  courierUidList: (directory: string): string => `${directory}/courierimapuiddb`,
  courierKeywords: (directory: string): string => `${directory}/courierimapkeywords`,
  courierSizeList: (directory: string): string => `${directory}/courierpop3dsizelist`,
};

/** Files of an account's Maildir that are about all its mailboxes. */
export const accountMailboxFiles = {
  folder: (maildir: string, directory: string): string => `${maildir}/${directory}`,
  subscriptions: (maildir: string): string => `${maildir}/subscriptions`,
  courierSubscriptions: (maildir: string): string => `${maildir}/courierimapsubscribed`,
  /** What Dovecot locks while the list of folders changes. */
  listLock: (maildir: string): string => `${maildir}/mailboxes.lock`,
};
