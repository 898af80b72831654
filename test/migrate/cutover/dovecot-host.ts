// Real Dovecot at customary ports of an address of this machine that no other test has.

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { dovecotConfiguration } from '../../support/dovecot-configuration.js';
import { programPath } from '../../support/needs.js';
import type { CutoverHost } from './cutover-host.js';

/** Its configuration file. */
export function dovecotFile(host: CutoverHost): string {
  return path.join(host.root, 'etc/dovecot/dovecot.conf');
}

/** Writes its configuration. @param protocols the lines that say what it serves @returns what starts it */
export function dovecotAt(host: CutoverHost, address: string, protocols = 'protocols = imap pop3'): string {
  const file = dovecotFile(host);
  const places = { run: path.join(host.root, 'dovecot'), log: path.join(host.root, 'log'), users: `${file}.users` };
  mkdirSync(places.run);
  const { user, password, maildir, uid, gid } = host.account;
  host.write(
    places.users,
    `${user}:{PLAIN}${password}:${uid}:${gid}::${path.dirname(maildir)}::userdb_mail=maildir:${maildir}\n`,
  );
  const text = dovecotConfiguration({ ...places, port: 143, protocol: 'imap' });
  const ports = 'service pop3-login {\n  inet_listener pop3s {\n    port = 0\n  }\n}\n';
  host.write(file, `${text.replace(/^protocols = .*$/m, () => protocols)}listen = ${address}\n${ports}`);
  return `${programPath('dovecot')} -F -c ${file}`;
}
