// A host as the guide builds it, from Debian's programs on ports of loopback: Postfix takes mail and logins, hands the mail to qmail under tcpserver, which delivers it into vpopmail's Maildirs, which
// Dovecot serves by POP3 and IMAP; Postfix asks Dovecot about logins. For qmail stands our qmail-smtpd, with a QMAILQUEUE that delivers at once.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { accountFiles } from '../../../src/layout.js';
import { makeSelfSigned } from '../../../src/stores/certificates/self-signed.js';
import { mailOwner } from '../../support/delivery-host.js';
import { runDovecot } from '../../support/dovecot.js';
import { dovecotConfiguration } from '../../support/dovecot-configuration.js';
import { programPath } from '../../support/needs.js';
import { freePort, waitForPort } from '../../support/ports.js';
import { type RunningPostfix, startPostfix } from '../../support/postfix.js';
import { run } from '../../support/program.js';
import { readmeBlock } from '../../support/readme.js';
import { newRoot, removeRoot } from '../../support/recording.js';
import { vqmailProgram } from '../../support/started-server.js';
import { VpopmailHost } from '../../support/vpopmail-host.js';

export const domain = 'mailtest.example.jp';
export const password = 'secret';
export const users = ['hanako', 'jiro', 'taro', 'yuki'] as const;

interface Running {
  stop(): Promise<void>;
}

export class OldHost extends VpopmailHost {
  readonly folder = newRoot('vqmail-guide');
  readonly ports = { smtp: 0, submission: 0, pop3: 0, imap: 0, qmail: 0 };
  #postfix: RunningPostfix | undefined;
  #master = '';
  #qmail: Running | undefined;
  readonly #dovecots = new Map<'pop3' | 'imap', Running>();

  static async start(t: TestContext): Promise<OldHost> {
    const host = new OldHost(t);
    t.after(() => host.#stopAll());
    fs.chmodSync(host.folder, 0o755);
    host.domain(domain, {});
    host.logins(domain, Object.fromEntries(users.map((user) => [user, { password }])));
    host.write(host.layout.serverCertificate, await makeSelfSigned(['front.example'], 30, Date.now()));
    for (const name of ['submission', 'pop3', 'imap', 'qmail'] as const) host.ports[name] = await freePort();
    const services = readmeBlock('submission inet n - y - - smtpd').map((line) =>
      line.replace(/^submission/, `127.0.0.1:${host.ports.submission}`),
    );
    const tls = [`smtpd_tls_cert_file = ${host.layout.serverCertificate}`, 'smtpd_tls_security_level = may'];
    const postfix = await startPostfix(
      [...readmeBlock('smtpd_sasl_type = dovecot'), ...tls, `relay_domains = ${domain}`, 'smtpd_error_sleep_time = 0'],
      [`${domain} smtp:[127.0.0.1]:${host.ports.qmail}`],
      { services },
    );
    host.#postfix = postfix;
    host.ports.smtp = postfix.port;
    host.#master = fs.readFileSync(path.join(postfix.config, 'master.cf'), 'utf8');
    await host.startDovecot('imap');
    await host.startDovecot('pop3');
    await host.startQmail();
    return host;
  }

  maildir(user: string): string {
    return accountFiles.maildir(path.join(this.directory(domain), user));
  }

  /** Postfix's socket for logins, where vqmail listens when Dovecot does not. */
  get authSocket(): string {
    return `${this.#postfix?.queueDirectory}/private/auth`;
  }

  async startDovecot(protocol: 'pop3' | 'imap'): Promise<void> {
    const place = path.join(this.folder, protocol);
    fs.mkdirSync(path.join(place, 'run'), { recursive: true });
    const lines = users.map((user) => {
      const extra = `userdb_mail=maildir:${this.maildir(user)}`;
      return `${user}@${domain}:{PLAIN}${password}:${mailOwner.uid}:${mailOwner.gid}::${path.dirname(this.maildir(user))}::${extra}\n`;
    });
    fs.writeFileSync(path.join(place, 'users'), lines.join(''));
    const log = path.join(place, 'log');
    const port = this.ports[protocol];
    const places = { run: path.join(place, 'run'), log, users: path.join(place, 'users'), port, protocol };
    // The Dovecot that serves IMAP answers for Postfix too.
    const auth =
      protocol === 'imap'
        ? `service auth {\n  unix_listener ${this.authSocket} {\n    mode = 0660\n    user = postfix\n    group = postfix\n  }\n}\n`
        : '';
    fs.writeFileSync(path.join(place, 'dovecot.conf'), `${dovecotConfiguration(places)}${auth}`);
    this.#dovecots.set(protocol, await runDovecot(path.join(place, 'dovecot.conf'), port, log));
  }

  async stopDovecot(protocol: 'pop3' | 'imap'): Promise<void> {
    await this.#dovecots.get(protocol)?.stop();
    this.#dovecots.delete(protocol);
  }

  /** tcpserver with qmail-smtpd; what comes is put into the Maildirs as vdelivermail would, but by the shell. */
  async startQmail(): Promise<void> {
    const script = path.join(this.folder, 'qmail-queue');
    const [{ uid, gid }, home] = [mailOwner, this.directory(domain)];
    fs.writeFileSync(
      script,
      `#!/bin/sh
set -e
exec 3<&1
name=$(date +%s).$$.old
cat >${this.folder}/$name
for to in $(tr '\\0' '\\n' <&3 | sed -n 's/^T\\([^@]*\\)@.*/\\1/p'); do
  install -o ${uid} -g ${gid} -m 600 ${this.folder}/$name ${home}/$to/Maildir/tmp/$name
  mv ${home}/$to/Maildir/tmp/$name ${home}/$to/Maildir/new/$name
done
rm ${this.folder}/$name
`,
      { mode: 0o755 },
    );
    const smtpd = [process.execPath, vqmailProgram, 'qmail-smtpd'];
    const child = spawn(
      programPath('tcpserver') ?? 'tcpserver',
      ['-R', '-H', '-l', '0', '127.0.0.1', String(this.ports.qmail), ...smtpd],
      { stdio: 'ignore', env: { ...process.env, VQMAIL_ROOT: this.root, QMAILQUEUE: script } },
    );
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    this.#qmail = {
      stop: () => {
        child.kill('SIGTERM');
        return ended;
      },
    };
    await waitForPort(this.ports.qmail, () => 'tcpserver');
  }

  async stopQmail(): Promise<void> {
    await this.#qmail?.stop();
    this.#qmail = undefined;
  }

  /** Which of its ports Postfix listens on; sessions that are open go on. */
  async postfixListens(on: { readonly smtp: boolean; readonly submission: boolean }): Promise<void> {
    const { config } = this.#postfix ?? { config: '' };
    const closed = (['smtp', 'submission'] as const).filter((name) => !on[name]).map((name) => this.ports[name]);
    let isLeftOut = false;
    const lines = this.#master.split('\n').filter((line) => {
      if (/^\S/.test(line)) isLeftOut = closed.some((port) => line.startsWith(`127.0.0.1:${port} `));
      return !isLeftOut;
    });
    fs.writeFileSync(path.join(config, 'master.cf'), lines.join('\n'));
    const { status, stderr } = await run(['postfix', '-c', config, 'reload']);
    if (status !== 0) throw new Error(`postfix reload: ${stderr}`);
  }

  async postfixQueue(): Promise<string> {
    await this.#postfix?.flush();
    return (await this.#postfix?.queue()) ?? '';
  }

  /** For a test that fails. */
  why(): string {
    const logs = ['pop3', 'imap'].map((name) => path.join(this.folder, name, 'log'));
    return [this.#postfix?.log() ?? '', ...logs.map((log) => fs.readFileSync(log, 'latin1'))].join('\n');
  }

  async #stopAll(): Promise<void> {
    await this.stopQmail();
    for (const protocol of ['pop3', 'imap'] as const) await this.stopDovecot(protocol);
    await this.#postfix?.stop();
    removeRoot(this.folder);
  }
}
