// Looks after the certificates of a running daemon, in the one process that may read them all, and tells the log:
//
//   at the start    each certificate: which names it serves, until when; that there is none
//   at a change     what has come, gone, or cannot be used (what was there before stays in force)
//   once a day      what is over, ends within 14 days, or cannot be used
//
// Those who serve with them (stores/certificates in each session worker) look for themselves at every handshake, and say nothing: what happens here is news, and changes nothing.

import { describe } from '../../errors.js';
import type { Layout } from '../../layout.js';
import type { Log } from '../../log.js';
import { secureContextOptions } from '../../servers/server-tls.js';
import type { Settings } from '../../settings.js';
import type { Certificate } from '../../stores/certificates/certificate.js';
import { Certificates, type ConfiguredCertificate } from '../../stores/certificates/certificates.js';
import { certificateLine, dayMs, problemOf, warnBeforeMs } from '../../stores/certificates/report.js';

/** How often files are looked at for news. */
const lookMs = 30_000;

/** Protocols that begin with TLS, and those that may go over to it. */
const implicit: readonly string[] = ['smtps', 'pop3s', 'imaps'];
const upgradable: readonly string[] = ['smtp', 'submission', 'lmtp', 'pop3', 'imap'];

export interface CareOptions {
  readonly settings: Settings;
  readonly layout: Layout;
  readonly log: Log;
  readonly lookMs?: number;
  readonly now?: () => number;
}

export class CertificateCare {
  readonly #options: CareOptions;
  readonly #certificates: Certificates;
  readonly #now: () => number;
  /** What was told of each file: the fingerprint of its certificate. */
  #told = new Map<string, string>();
  #remindedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: CareOptions) {
    const { settings, layout, log } = options;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#certificates = new Certificates({
      layout,
      log: { ...log, warning: (text) => log.warning(`tls: ${text}`) },
      files: settings.tlsCertificates,
      options: secureContextOptions(settings.tlsOldClients),
    });
  }

  /** Tells of all certificates, and goes on looking. Never rejects. */
  async begin(): Promise<void> {
    await this.look();
    this.#timer = setInterval(() => void this.look(), this.#options.lookMs ?? lookMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks for news; not in a daemon that never speaks TLS. Never rejects. */
  async look(): Promise<void> {
    if (this.#listening([...implicit, ...upgradable]).length === 0) return;
    try {
      const all = await this.#certificates.all();
      await this.#tellNews(all);
      if (this.#now() - this.#remindedAtMs >= dayMs) this.#remind(all);
    } catch (error) {
      this.#options.log.warning(`tls: certificates cannot be looked at: ${describe(error)}`);
    }
  }

  async #tellNews(all: readonly ConfiguredCertificate[]): Promise<void> {
    const { layout, log } = this.#options;
    const inForce = all.flatMap((one) => ('trouble' in one ? (one.old ?? []) : one));
    const now = new Map(inForce.map((one) => [one.files.certificate, one.x509.fingerprint256]));
    const before = this.#told;
    this.#told = now;
    const usual = await this.#certificates.forName(undefined);
    for (const one of inForce) {
      if (before.get(one.files.certificate) === one.x509.fingerprint256) continue;
      log.info(`tls: ${certificateLine(one, layout)}${await this.#share(one, usual)}`);
      this.#tellProblem(one);
    }
    for (const file of before.keys()) if (!now.has(file)) log.info(`tls: ${layout.host(file)} is gone`);
    const isFirst = this.#remindedAtMs === 0;
    if (inForce.length === 0 && (isFirst || before.size > 0)) this.#tellNone();
  }

  /** What of its names others serve, and whether it is for those who name none. */
  async #share(one: Certificate, usual: Certificate | undefined): Promise<string> {
    const others: string[] = [];
    for (const name of one.names) {
      const server = name.startsWith('*') ? undefined : await this.#certificates.forName(name);
      if (server !== undefined && server.files.certificate !== one.files.certificate) others.push(name);
    }
    const taken = others.length === 0 ? '' : `; another certificate serves ${others.join(' ')}`;
    return one.files.certificate === usual?.files.certificate ? `${taken}; serves everybody else too` : taken;
  }

  #tellProblem(one: Certificate): void {
    const { layout, log } = this.#options;
    const problem = problemOf(one, this.#now(), warnBeforeMs);
    if (problem !== undefined) log.warning(`tls: ${layout.host(one.files.certificate)}: ${problem}`);
  }

  #tellNone(): void {
    const { log } = this.#options;
    const advice = 'vqmail cert self-signed NAME makes one';
    const closed = this.#listening(implicit);
    if (closed.length === 0) log.info(`tls: there is no certificate, so TLS is not offered; ${advice}`);
    else
      log.alert(
        `tls: there is no certificate that can be used, so nobody gets in by ${closed.join(' or ')}; ${advice}`,
      );
  }

  #remind(all: readonly ConfiguredCertificate[]): void {
    const isFirst = this.#remindedAtMs === 0;
    this.#remindedAtMs = this.#now();
    // All of it has just been told.
    if (isFirst) return;
    for (const one of all) {
      if ('trouble' in one) this.#options.log.warning(`tls: ${one.trouble}`);
      const inForce = 'trouble' in one ? one.old : one;
      if (inForce !== undefined) this.#tellProblem(inForce);
    }
  }

  #listening(protocols: readonly string[]): string[] {
    const served = this.#options.settings.listen.map(({ protocol }) => protocol);
    return protocols.filter((protocol) => served.some((one) => one === protocol));
  }
}
