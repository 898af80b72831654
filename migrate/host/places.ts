// Where other programs keep their configuration and how services are started, below the host's root. The only place in migrate/ that spells such paths.

import type { Layout } from '../../src/layout.js';

export class Places {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  #all(...hostPaths: readonly string[]): string[] {
    return hostPaths.map((hostPath) => this.#layout.disk(hostPath));
  }

  get postfixDirectories(): string[] {
    return this.#all('/etc/postfix', '/usr/local/etc/postfix');
  }
  get dovecotDirectories(): string[] {
    return this.#all('/etc/dovecot', '/usr/local/etc/dovecot', '/etc');
  }
  /** Where Debian's packages of Dovecot say which protocols are installed. */
  get dovecotPackages(): string {
    return this.#layout.disk('/usr/share/dovecot/protocols.d');
  }
  get courierDirectories(): string[] {
    return this.#all('/etc/courier', '/usr/lib/courier-imap/etc', '/usr/local/etc/courier-imap', '/etc/courier-imap');
  }
  /** Directories whose entries are services of daemontools or runit: each has a script `run`. */
  get serviceDirectories(): string[] {
    return this.#all(
      '/service',
      '/etc/service',
      '/var/service',
      '/var/qmail/supervise',
      '/var/qmail/service',
      '/etc/runit/runsvdir/default',
    );
  }
  get systemdDirectories(): string[] {
    return this.#all('/etc/systemd/system', '/lib/systemd/system', '/usr/lib/systemd/system');
  }
  get rcDirectories(): string[] {
    return this.#all('/etc/init.d', '/etc/rc.d', '/usr/local/etc/rc.d');
  }
  /** Scripts that start things by themselves. */
  get startScripts(): string[] {
    return [...this.#all('/etc/rc.local', '/etc/inittab', '/etc/inetd.conf'), this.#layout.qmailProgram('rc')];
  }
}
