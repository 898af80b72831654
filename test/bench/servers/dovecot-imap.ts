// Debian's Dovecot as an IMAP server, as shipped but for its places, and for login processes that stay (`service_count = 0`, its fast mode). Needs root.

import fs from 'node:fs';
import { programPath } from '../../support/needs.js';
import { freePort, waitForPort } from '../../support/ports.js';
import { mailOwner, type Started, type Workplace } from './workplace.js';

export async function startDovecotImap(
  workplace: Workplace,
  account: { readonly user: string; readonly hash: string; readonly maildir: string },
): Promise<Started & { readonly port: number }> {
  const name = 'dovecot-imap';
  const port = await freePort();
  const { uid, gid } = mailOwner;
  const { user, hash, maildir } = account;
  const users = workplace.write(
    workplace.path(name, 'users'),
    `${user}:{CRYPT}${hash}:${uid}:${gid}::${maildir}::userdb_mail=maildir:${maildir}\n`,
  );
  const run = workplace.path(name, 'run');
  fs.mkdirSync(run, { recursive: true });
  const log = workplace.path(name, 'log');
  const file = workplace.write(
    workplace.path(name, 'dovecot.conf'),
    `base_dir = ${run}
state_dir = ${run}
log_path = ${log}
protocols = imap
listen = 127.0.0.1
ssl = no
first_valid_uid = 1
disable_plaintext_auth = no
passdb {
  driver = passwd-file
  args = ${users}
}
userdb {
  driver = passwd-file
  args = ${users}
}
service imap-login {
  service_count = 0
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
`,
  );
  const { started } = workplace.start(name, programPath('dovecot') ?? '', ['-F', '-c', file]);
  await waitForPort(port, () => workplace.log(name) + fs.readFileSync(log, 'latin1'));
  return { ...started, port };
}
