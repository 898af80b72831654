// A host as the guide builds it, from a recorded vpopmail host and Debian's programs, on the real ports of a network of its own: Postfix takes mail and logins, hands the mail to qmail under
// tcpserver, which delivers into vpopmail's Maildirs, which Dovecot serves by POP3 and IMAP; Postfix asks Dovecot about logins. All but Postfix is under svscan. For qmail stands our own server
// `--queue beside`, behind tcpserver, and for its qmail-send one that has the queue.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { accountFiles, Layout } from '../../../src/layout.js';
import { mailOwner } from '../../support/delivery-host.js';
import { until } from '../../support/front-end.js';
import { waitForPort } from '../../support/ports.js';
import { type RunningPostfix, startPostfix } from '../../support/postfix.js';
import { type Ran, run } from '../../support/program.js';
import { makeQueue } from '../../support/queue-host.js';
import { readmeBlock } from '../../support/readme.js';
import { buildTree, loadRecording } from '../../support/recording.js';
import { vqmailProgram } from '../../support/started-server.js';

export const domain = 'mailtest.example.jp';
export const password = 'password';
/** Whose mail the load is; `test` is the account that the guide reads by hand. */
export const users = ['hanako', 'postmaster', 'taro'] as const;
/** Where vqmail serves beside the old servers. */
export const besidePorts = { smtp: 2525, submission: 2587, pop3: 2110, pop3s: 2995, imap: 2143, imaps: 2993 } as const;
/** Options of `serve` that this host's clients need, and short waits. */
export const serveOptions = ['--uidl', 'dovecot', '--workers', '1', '--drain-seconds', '2'] as const;
/** Where the queue sends mail for other hosts. */
export const remotePort = 2526;
/** Messages that each account has from before, read. */
const earlierMessages = 5;

export class GuideHost {
  readonly root: string;
  readonly layout: Layout;
  readonly #folder: string;
  #postfix: RunningPostfix | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.root = path.join(folder, 'host');
    this.layout = new Layout({ root: this.root });
  }

  /** Starts everything, below a folder that whoever gave it removes. The processes end with the namespace. */
  static async start(folder: string): Promise<GuideHost> {
    const host = new GuideHost(folder);
    buildTree(loadRecording('smtp', 'guide-session').before ?? {}, host.root);
    fs.rmSync(host.layout.queue, { recursive: true });
    makeQueue(host.root);
    const { uid, gid } = mailOwner;
    fs.appendFileSync(host.layout.systemFiles.passwd, `vpopmail:x:${uid}:${gid}::/home/vpopmail:/bin/false\n`);
    fs.appendFileSync(host.layout.systemFiles.group, `vchkpw:x:${gid}:\n`);
    host.#addMail();
    const made = await host.vqmail('cert', 'self-signed', 'mail.example.gr.jp');
    if (made.status !== 0) throw new Error(made.stderr);
    await host.#startPostfix();
    host.#writeServices();
    host.#scan();
    // Postfix last: it takes no mail for a minute when Dovecot is not there for its first client.
    for (const port of [110, 995, 143, 993, 10025, ...Object.values(besidePorts), 25, 587])
      await waitForPort(port, () => host.why());
    const said = (): string => fs.readFileSync(path.join(folder, 'svscan'), 'latin1');
    await until(
      () => said().includes('queue: instead'),
      () => host.why(),
    );
    return host;
  }

  directory(user: string): string {
    return path.join(this.layout.domains, domain, user);
  }

  maildir(user: string): string {
    return accountFiles.maildir(this.directory(user));
  }

  /** Runs a command of vqmail on this host. */
  vqmail(...args: readonly string[]): Promise<Ran> {
    return run([process.execPath, vqmailProgram, '--root', this.root, ...args]);
  }

  async postfixQueue(): Promise<string> {
    await this.#postfix?.flush();
    return (await this.#postfix?.queue()) ?? '';
  }

  /** For a test that fails: the ends of the logs. */
  why(): string {
    const logs = ['svscan', 'dovecot.log'].map((name) => {
      const file = path.join(this.#folder, name);
      return fs.existsSync(file) ? fs.readFileSync(file, 'latin1') : '';
    });
    return [this.#postfix?.log() ?? '', ...logs].flatMap((log) => log.split('\n').slice(-25)).join('\n');
  }

  async stop(): Promise<void> {
    await this.#postfix?.stop();
  }

  /** What lies there from before, and addresses that lead through the queue: to taro, and away. */
  #addMail(): void {
    const write = (file: string, text: string): void => {
      fs.writeFileSync(file, text);
      fs.chownSync(file, mailOwner.uid, mailOwner.gid);
    };
    for (const user of users)
      for (let number = 1; number <= earlierMessages; number++) {
        const name = `${1_700_000_000 + number}.${number}.mail.example.gr.jp:2,S`;
        write(path.join(this.maildir(user), 'cur', name), `Subject: earlier ${number}\n\nHello.\n`);
      }
    const home = path.join(this.layout.domains, domain);
    write(path.join(home, '.qmail-info'), `&taro@${domain}\n`);
    write(path.join(home, '.qmail-far'), '&friend@remote.example\n');
    fs.writeFileSync(this.layout.control('smtproutes'), `remote.example:127.0.0.1:${remotePort}\n`);
  }

  async #startPostfix(): Promise<void> {
    const certificate = this.layout.serverCertificate;
    const settings = [
      ...readmeBlock('smtpd_sasl_type = dovecot'),
      `smtpd_tls_cert_file = ${certificate}`,
      'smtpd_tls_security_level = may',
      `relay_domains = ${domain}`,
      'mynetworks = 192.0.2.0/24',
      'smtpd_error_sleep_time = 0',
    ];
    this.#postfix = await startPostfix(settings, [`${domain} smtp:[127.0.0.1]:10025`], {
      services: readmeBlock('submission inet n - y - - smtpd'),
      config: path.join(this.root, 'etc/postfix'),
      port: 25,
    });
  }

  #writeServices(): void {
    const serve = `${process.execPath} ${vqmailProgram} serve --root ${this.root}`;
    const beside = Object.entries(besidePorts).map(([name, port]) => `--listen ${name}=127.0.0.1:${port}`);
    const programs = path.join(this.root, 'var/qmail/bin');
    const smtpd = `exec tcpclient -RHl0 127.0.0.1 ${besidePorts.smtp} sh -c 'cat <&6 & cat >&7; kill $!'`;
    script(path.join(programs, 'qmail-smtpd'), smtpd);
    const start = `exec ${serve} --workers 1 --queue instead --listen qmqp=unix:${this.root}/run/qmail-start`;
    script(path.join(programs, 'qmail-start'), start);
    const services = {
      'qmail-smtpd': `exec tcpserver -HRl0 127.0.0.1 10025 ${programs}/qmail-smtpd`,
      'qmail-send': `exec ${programs}/qmail-start ./Maildir/`,
      dovecot: `exec dovecot -F -c ${this.#dovecotConfiguration()}`,
      'vqmail-beside': `exec ${serve} --queue beside ${serveOptions.join(' ')} ${beside.join(' ')}`,
    };
    for (const [name, line] of Object.entries(services))
      script(path.join(this.root, 'service', name, 'run'), `exec 2>&1\n${line}`);
  }

  #dovecotConfiguration(): string {
    const users = path.join(this.#folder, 'dovecot-users');
    const accounts = fs
      .readFileSync(path.join(this.layout.domains, domain, 'vpasswd'), 'latin1')
      .trim()
      .split('\n')
      .map((line) => line.slice(0, line.indexOf(':')));
    const { uid, gid } = mailOwner;
    const lines = accounts.map(
      (user) =>
        `${user}@${domain}:{PLAIN}${password}:${uid}:${gid}::${this.directory(user)}::userdb_mail=maildir:~/Maildir\n`,
    );
    fs.writeFileSync(users, lines.join(''));
    const state = path.join(this.#folder, 'dovecot');
    fs.mkdirSync(state);
    const file = path.join(this.root, 'etc/dovecot/dovecot.conf');
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(
      file,
      `base_dir = ${state}
state_dir = ${state}
log_path = ${this.#folder}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl_cert = <${this.layout.serverCertificate}
ssl_key = <${this.layout.serverCertificate}
first_valid_uid = 1
mail_max_userip_connections = 0
passdb {
  driver = passwd-file
  args = ${users}
}
userdb {
  driver = passwd-file
  args = ${users}
}
service auth {
  unix_listener ${this.#postfix?.queueDirectory}/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
`,
    );
    return file;
  }

  #scan(): void {
    const log = fs.openSync(path.join(this.#folder, 'svscan'), 'a');
    spawn('svscan', [path.join(this.root, 'service')], { stdio: ['ignore', log, log] }).unref();
  }
}

function script(file: string, text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}
